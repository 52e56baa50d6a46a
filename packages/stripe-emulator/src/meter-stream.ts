import { MINUTE } from './calendar.ts';
import { invalid, StripeFailure } from './errors.ts';
import { takeEvent } from './meters.ts';
import { list, object, required, text, textMap, type Values } from './parameters.ts';
import { route, type Route } from './router.ts';
import type { Sandbox } from './sandbox.ts';
import { reportMeterError } from './thin-events.ts';
import type { MeterEventSession } from './wire.ts';

const STREAM = '/v2/billing/meter_event_stream';

/** A session's token is good for so long. */
const SESSION_SECONDS = 15 * MINUTE;

const event = object({
  event_name: required(text),
  identifier: text,
  payload: required(textMap),
  timestamp: text,
});

/**
 * The fast way to report use, which Stripe has at an address of its own and the emulator at the one that it has. Nothing
 * is looked at before the answer: what is wrong with an event is told to thin endpoints.
 */
export const meterStreamRoutes: readonly Route[] = [
  route('POST', '/v2/billing/meter_event_session', {}, (sandbox) => openSession(sandbox)),
  route('POST', STREAM, { events: required(list(required(event))) }, (sandbox, parameters) => {
    for (const each of parameters.events) take(sandbox, each);
    return {};
  }),
];

/** Only a session's token opens the stream, and it opens nothing else. */
export function isStream(path: string): boolean {
  return path === STREAM;
}

/** Refuses everything but the token of a session that is still good. */
export function authenticateStream(sandbox: Sandbox, token: string | undefined): void {
  const session = sandbox.tables.meterSessions.get(token ?? '');
  if (session !== undefined && Date.parse(session.expires_at) > sandbox.now() * 1000) return;
  throw new StripeFailure(401, 'The temporary session token has expired.', { type: 'invalid_request_error' });
}

function openSession(sandbox: Sandbox): MeterEventSession {
  const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
  const session: MeterEventSession = {
    id: sandbox.newId('mes_test'),
    object: 'v2.billing.meter_event_session',
    authentication_token: sandbox.newId('token', 48),
    created: iso(sandbox.now()),
    expires_at: iso(sandbox.now() + SESSION_SECONDS),
    livemode: false,
  };
  sandbox.tables.meterSessions.set(session.authentication_token, session);
  return session;
}

function take(
  sandbox: Sandbox,
  { timestamp, ...parameters }: Exclude<Values<{ event: typeof event }>['event'], undefined>,
): void {
  const identifier = parameters.identifier ?? sandbox.newId('mevt');
  const at = timestamp === undefined ? undefined : Math.floor(Date.parse(timestamp) / 1000);
  if (Number.isNaN(at)) throw invalid(`Invalid timestamp: ${timestamp}`, { param: 'timestamp' });
  try {
    takeEvent(sandbox, { ...parameters, identifier, timestamp: at });
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
    const meter = [...sandbox.tables.meters.values()].find((each) => each.event_name === parameters.event_name);
    reportMeterError(sandbox, meter ?? null, { code: error.code ?? 'unknown', identifiers: [identifier] });
  }
}

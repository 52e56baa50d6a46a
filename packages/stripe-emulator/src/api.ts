import type { IncomingMessage, ServerResponse } from 'node:http';
import { Stripe } from 'stripe';
import { catalogRoutes } from './catalog.ts';
import { checkoutRoutes } from './checkout.ts';
import { creditNoteRoutes } from './credit-notes.ts';
import { customerBalanceRoutes } from './customer-balance.ts';
import { customerDeletionRoutes } from './customer-deletion.ts';
import { customerRoutes } from './customers.ts';
import { discountRoutes } from './discounts.ts';
import { disputeRoutes } from './disputes.ts';
import { invalid, StripeFailure } from './errors.ts';
import { eventRoutes } from './events.ts';
import { expandAnswer } from './expand.ts';
import { featureRoutes } from './features.ts';
import type { Faults } from './faults.ts';
import { type Branch, decodeForm, decodeJson, plain } from './form.ts';
import { claim, fingerprintOf, forget, remember } from './idempotency.ts';
import { invoiceItemRoutes } from './invoice-items.ts';
import { invoiceRoutes } from './invoice-routes.ts';
import { authenticateStream, isStream, meterStreamRoutes } from './meter-stream.ts';
import { meterRoutes, tooManyMeterEvents } from './meters.ts';
import { readFields } from './parameters.ts';
import { portalRoutes } from './portal.ts';
import { previewRoutes } from './preview.ts';
import { paymentIntentRoutes } from './payment-intents.ts';
import { paymentMethodRoutes } from './payment-methods.ts';
import { refundRoutes } from './refunds.ts';
import { type Match, type Route, Router } from './router.ts';
import type { Sandbox } from './sandbox.ts';
import { scheduleRoutes } from './schedules.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { catchUp } from './timeline.ts';
import { taxIdRoutes } from './tax-ids.ts';
import { taxRateRoutes } from './tax-rates.ts';
import { unversionedRoutes } from './unversioned.ts';

/** Every call of the SDK's that there is. */
export const routes: readonly Route[] = [
  ...customerRoutes,
  ...customerDeletionRoutes,
  ...customerBalanceRoutes,
  ...paymentMethodRoutes,
  ...catalogRoutes,
  ...discountRoutes,
  ...taxIdRoutes,
  ...taxRateRoutes,
  ...featureRoutes,
  ...meterRoutes,
  ...meterStreamRoutes,
  ...subscriptionRoutes,
  ...scheduleRoutes,
  ...invoiceRoutes,
  ...invoiceItemRoutes,
  ...creditNoteRoutes,
  ...previewRoutes,
  ...paymentIntentRoutes,
  ...refundRoutes,
  ...disputeRoutes,
  ...checkoutRoutes,
  ...portalRoutes,
  ...eventRoutes,
];

/** One call and its answer, as the contract test wants them. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly parameters: unknown;
  readonly status: number;
  readonly answer: unknown;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly replayed?: boolean;
}

/** Most exchanges that are kept for whoever wants to look at them. */
const MOST_EXCHANGES = 20_000;

/** The API proper: authentication, faults, idempotency, parameters, the call itself, expansion. */
export class Api {
  /** The newest exchanges, if they are recorded. */
  readonly traffic: Exchange[] = [];
  readonly #sandbox: Sandbox;
  readonly #faults: Faults;
  readonly #records: boolean;
  readonly #router = new Router(routes);
  readonly #unversioned = new Router([...unversionedRoutes, ...routes]);
  /** Customers and meters for which an event is being taken right now. */
  readonly #meterLocks = new Set<string>();

  constructor(sandbox: Sandbox, faults: Faults, records: boolean) {
    this.#sandbox = sandbox;
    this.#faults = faults;
    this.#records = records;
  }

  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    { url, body }: { url: URL; body: string },
  ): Promise<void> {
    const method = request.method ?? 'GET';
    const path = url.pathname;
    const requestId = this.#sandbox.newId('req', 14);
    const key = header(request, 'idempotency-key');
    response.setHeader('request-id', requestId);
    response.setHeader('stripe-version', header(request, 'stripe-version') ?? Stripe.API_VERSION);
    if (key !== null) response.setHeader('idempotency-key', key);
    const form = method === 'GET' || method === 'DELETE' ? url.search.slice(1) : body;

    const { kind: fault = null, code = null } = this.#faults.take(method, path) ?? {};
    if (fault === 'hold') await this.#heldBack(method, path, { form, key, response, requestId, request });
    else if (fault === 'timeout_before_commit') request.socket.destroy();
    else if (fault === 'error_before_commit') send(response, apiError(requestId));
    else if (fault === 'rate_limit') send(response, rateLimited(requestId));
    else if (fault === 'rejected') send(response, rejected(code, requestId));
    else if (fault === 'foreign_404') send(response, { status: 404, body: '{"message":"no Route matched"}' });
    else if (fault === 'foreign_500') send(response, { status: 500, body: '{"message":"upstream failure"}' });
    else {
      const fails = fault === 'error_midway' ? 'midway' : fault === 'error_after_commit' ? 'after' : null;
      const answer = this.#answer({ method, path, form, key, request, requestId, fails });
      if (fault === 'timeout_after_commit') request.socket.destroy();
      else send(response, answer);
    }
  }

  /** Takes its place, idempotency key and all, and carries on when it is released. */
  async #heldBack(method: string, path: string, call: HeldCall): Promise<void> {
    const { form, key, request, requestId, response } = call;
    const lock = path === '/v1/billing/meter_events' ? meterLockOf(form) : null;
    const fingerprint = fingerprintOf(method, path, form);
    try {
      const known = key === null ? null : claim(this.#sandbox, key, fingerprint);
      if (known !== null) {
        send(response, { ...known, replayed: true });
        return;
      }
      if (lock !== null) this.#meterLocks.add(lock);
      await this.#faults.held();
      if (lock !== null) this.#meterLocks.delete(lock);
      if (key !== null) forget(this.#sandbox, key);
      send(response, this.#answer({ method, path, form, key, request, requestId, fails: null }));
    } catch (error) {
      send(response, failureOf(error, requestId));
    }
  }

  #answer(call: Call): Answer {
    const { method, path, form, requestId } = call;
    let answer: Answer;
    try {
      answer = this.#authenticated(call);
    } catch (error) {
      answer = failureOf(error, requestId);
    }
    if (this.#records) {
      const { status, body } = answer;
      this.traffic.push({
        method,
        path,
        parameters: parametersOf(method, path, form),
        status,
        answer: JSON.parse(body) as unknown,
      });
      if (this.traffic.length > MOST_EXCHANGES) this.traffic.shift();
    }
    return answer;
  }

  #authenticated(call: Call): Answer {
    const { method, path, form } = call;
    if (isStream(path)) authenticateStream(this.#sandbox, bearerOf(call.request));
    else authenticate(call.request);
    const router = header(call.request, 'stripe-version') === null ? this.#unversioned : this.#router;
    const match = router.match(method, path);
    if (match === null) {
      throw new StripeFailure(404, `Unrecognized request URL (${method}: ${path}).`, { type: 'invalid_request_error' });
    }
    catchUp(this.#sandbox);
    const isWrite = method !== 'GET';
    const key = isWrite ? call.key : null;
    const known = key === null ? null : claim(this.#sandbox, key, fingerprintOf(method, path, form));
    if (known !== null) return { ...known, replayed: true };
    let begun = false;
    try {
      const parameters = this.#checked(match, { path, form: decoded(method, path, form), raw: form });
      begun = true;
      if (call.fails === 'midway') throw unknownFailure();
      const done = this.#execute(match, parameters, call);
      const answer = call.fails === 'after' ? apiError(call.requestId) : done;
      if (key !== null) remember(this.#sandbox, key, answer);
      return answer;
    } catch (error) {
      const answer = failureOf(error, call.requestId);
      // As at Stripe, what failed before it began may be tried again with the same key, and what failed later may not.
      if (key !== null && begun && answer.status !== 429) remember(this.#sandbox, key, answer);
      else if (key !== null) forget(this.#sandbox, key);
      return answer;
    }
  }

  #checked({ route }: Match, { path, form, raw }: { path: string; form: Branch; raw: string }): object {
    const parameters = readFields(route.fields, form);
    const isMeterEvent = path === '/v1/billing/meter_events' && this.#sandbox.behaviour.serialMeterEvents;
    if (isMeterEvent && this.#meterLocks.has(meterLockOf(raw))) throw tooManyMeterEvents();
    return parameters;
  }

  #execute({ route, ids }: Match, parameters: object, { requestId, key }: Call): Answer {
    this.#sandbox.request = { id: requestId, idempotencyKey: key };
    try {
      const answer = route.handle(this.#sandbox, parameters as never, ids);
      const { expand } = parameters as { expand?: readonly string[] };
      return { status: 200, body: JSON.stringify(expandAnswer(this.#sandbox, answer, expand ?? []), null, 2) };
    } finally {
      this.#sandbox.request = null;
      this.#sandbox.onChange();
    }
  }
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly form: string;
  readonly key: string | null;
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly fails: 'midway' | 'after' | null;
}

interface HeldCall {
  readonly form: string;
  readonly key: string | null;
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly response: ServerResponse;
}

/** Test keys only: whoever sends a live one has taken the emulator for Stripe. */
function authenticate(request: IncomingMessage): void {
  const basic = /^Basic (.+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
  const key =
    basic === undefined ? bearerOf(request) : Buffer.from(basic, 'base64').toString('utf8').replace(/:.*$/, '');
  if (key === undefined) {
    throw new StripeFailure(
      401,
      'You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.',
      { type: 'invalid_request_error' },
    );
  }
  if (!/^(sk|rk)_test_\w+$/.test(key)) {
    throw new StripeFailure(401, `Invalid API Key provided: ${key.slice(0, 8)}****`, { type: 'invalid_request_error' });
  }
}

function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
}

function failureOf(error: unknown, requestId: string): Answer {
  const failure =
    error instanceof StripeFailure
      ? error
      : new StripeFailure(500, `The emulator failed: ${String(error)}`, { type: 'api_error' });
  return { status: failure.status, body: JSON.stringify(failure.toBody(requestId), null, 2) };
}

function apiError(requestId: string): Answer {
  return failureOf(unknownFailure(), requestId);
}

function unknownFailure(): StripeFailure {
  return new StripeFailure(500, 'An unknown error occurred. Please contact support.', { type: 'api_error' });
}

function rateLimited(requestId: string): Answer {
  const message = 'Too many requests hit the API too quickly. We recommend an exponential backoff of your requests.';
  return failureOf(new StripeFailure(429, message, { type: 'invalid_request_error', code: 'rate_limit' }), requestId);
}

function rejected(code: string | null, requestId: string): Answer {
  return failureOf(invalid('This is refused.', code === null ? {} : { code }), requestId);
}

function send(response: ServerResponse, { status, body, replayed = false }: Answer): void {
  if (response.destroyed) return;
  if (replayed) response.setHeader('idempotent-replayed', 'true');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body);
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function meterLockOf(form: string): string {
  const parameters = new URLSearchParams(form);
  const payload = [...parameters].filter(([name]) => name.startsWith('payload[') && name !== 'payload[value]');
  return `${parameters.get('event_name')} ${payload.map(([, value]) => value).join(' ')}`;
}

function decoded(method: string, path: string, form: string): Branch {
  return path.startsWith('/v2/') && method === 'POST' ? decodeJson(form) : decodeForm(form);
}

/** For the record; what cannot be decoded is recorded as it came. */
function parametersOf(method: string, path: string, form: string): unknown {
  try {
    return plain(decoded(method, path, form));
  } catch {
    return form;
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Api } from './api.ts';
import { detailsOf, sessionOf } from './checkout.ts';
import { type Answers, fillIn } from './checkout-terms.ts';
import { abandonAuthentication, submitCheckout, successUrlOf } from './checkout-payment.ts';
import { collect } from './collection.ts';
import { addressOf, customerOf } from './customers.ts';
import { giveCard } from './default-cards.ts';
import { closeDispute, openDispute } from './disputes.ts';
import { StripeFailure } from './errors.ts';
import type { Faults } from './faults.ts';
import { invoiceOf } from './invoice-routes.ts';
import { failAuthentication, intentOf } from './payments.ts';
import { createRefund, failRefund } from './refunds.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { reportMeterError } from './thin-events.ts';
import { catchUp, moveTo } from './timeline.ts';
import type { Deliveries } from './webhooks.ts';
import type { CheckoutSession } from './wire.ts';

interface Controlled {
  readonly sandbox: Sandbox;
  readonly deliveries: Deliveries;
  readonly faults: Faults;
  readonly api: Api;
}

interface ControlRoute {
  readonly method: string;
  readonly pattern: RegExp;
  readonly handle: (body: unknown, id: string) => unknown;
}

const card = z.enum(['accepted', 'declined', 'requires_action']);

const clockBody = z.union([
  z.object({ to: z.number().int(), frozen: z.boolean().default(true) }).strict(),
  z.object({ advanceSeconds: z.number().int().min(0), frozen: z.boolean().default(true) }).strict(),
]);

const endpointBody = z
  .object({
    url: z.url(),
    secret: z.string().min(1),
    events: z.array(z.string()).default(['*']),
    thin: z.boolean().default(false),
  })
  .strict();

const modeBody = z
  .object({ hold: z.boolean(), copies: z.number().int().min(1).max(1000), drop: z.array(z.string()) })
  .partial()
  .strict();

const releaseBody = z
  .object({
    order: z.union([z.enum(['as_created', 'reversed', 'shuffled']), z.array(z.string())]).default('as_created'),
    seed: z.number().int().default(1),
  })
  .strict();

const faultBody = z
  .object({
    kind: z.enum([
      'timeout_before_commit',
      'timeout_after_commit',
      'error_before_commit',
      'error_midway',
      'error_after_commit',
      'rate_limit',
      'foreign_404',
      'foreign_500',
      'rejected',
      'hold',
    ]),
    method: z.string().exactOptional(),
    path: z.string().startsWith('/'),
    times: z.number().int().min(0).exactOptional(),
    code: z.string().exactOptional(),
    after: z.number().int().min(0).exactOptional(),
  })
  .strict();

const behaviourBody = z
  .object({
    retryDays: z.array(z.number().min(0)),
    afterRetries: z.enum(['cancel', 'unpaid', 'past_due']),
    draftSeconds: z.number().int().min(0),
    serialMeterEvents: z.boolean(),
    prorationParent: z.enum(['subscription_item_details', 'invoice_item_details']),
    trialStartInvoices: z.boolean(),
    firstPeriodProrates: z.boolean(),
    deletedItemBills: z.boolean(),
    taxRegistrations: z.record(z.string().regex(/^[A-Z]{2}$/), z.number().min(0).max(100)),
    creditNoteByAmount: z.enum(['no_lines', 'custom_line']),
    rejectMeterEvents: z.number().int().min(0),
    signatureTime: z.enum(['system', 'emulator']),
  })
  .partial()
  .strict();

/** Serves `/_emulator/…`: JSON in, JSON out. The typed side of it is control.ts. */
export async function serveControl(
  controlled: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
  { path, body }: { path: string; body: string },
): Promise<void> {
  const method = request.method ?? 'GET';
  try {
    // A page of another origin cannot send this type without asking first, and nobody answers that question.
    if (method !== 'GET' && request.headers['content-type'] !== 'application/json') {
      send(response, 415, { error: 'send application/json' });
      return;
    }
    for (const route of routesOf(controlled)) {
      const match = route.method === method ? route.pattern.exec(path) : null;
      if (match === null) continue;
      const parsed: unknown = body === '' ? {} : JSON.parse(body);
      const answer = await route.handle(parsed, decodeURIComponent(match[1] ?? ''));
      controlled.sandbox.onChange();
      send(response, 200, answer ?? {});
      return;
    }
    send(response, 404, { error: `there is no ${method} ${path}` });
  } catch (error) {
    const status = error instanceof StripeFailure ? error.status : error instanceof z.ZodError ? 400 : 500;
    send(response, status, { error: error instanceof Error ? error.message : String(error) });
  }
}

function routesOf({ sandbox, deliveries, faults, api }: Controlled): readonly ControlRoute[] {
  return [
    on('GET', '/clock', () => (catchUp(sandbox), { now: sandbox.now(), frozen: sandbox.frozen })),
    on('POST', '/clock', (body) => {
      const asked = clockBody.parse(body);
      moveTo(sandbox, 'to' in asked ? asked.to : sandbox.now() + asked.advanceSeconds, asked.frozen);
      return { now: sandbox.now(), frozen: sandbox.frozen };
    }),
    on('POST', '/endpoints', (body) => {
      const endpoint = { id: sandbox.newId('we'), ...endpointBody.parse(body) };
      sandbox.tables.endpoints.set(endpoint.id, endpoint);
      return endpoint;
    }),
    on('GET', '/endpoints', () => [...sandbox.tables.endpoints.values()]),
    on('DELETE', '/endpoints/:id', (_body, id) => void sandbox.tables.endpoints.delete(id)),
    on('GET', '/deliveries', () => [...sandbox.tables.deliveries.values()]),
    on('POST', '/deliveries/mode', (body) => Object.assign(deliveries.mode, modeBody.parse(body))),
    on('POST', '/deliveries/release', (body) => {
      const { order, seed } = releaseBody.parse(body);
      deliveries.release(order, seed);
    }),
    on('POST', '/deliveries/retry', () => deliveries.retryNow()),
    on('GET', '/deliveries/settled', () => deliveries.settled()),
    on('POST', '/deliveries/resend', (body) => {
      const { event, times } = z.object({ event: z.string(), times: z.number().int().min(1) }).parse(body);
      deliveries.resend(event, times);
    }),
    on('POST', '/events', (body) => {
      const { type, object } = z.object({ type: z.string(), object: z.looseObject({}) }).parse(body);
      sandbox.emit(type, object);
    }),
    on('POST', '/faults', (body) => faults.add(faultBody.parse(body))),
    on('GET', '/faults', () => faults.list()),
    on('DELETE', '/faults', () => faults.clear()),
    on('POST', '/faults/release', () => faults.release()),
    on('GET', '/faults/held', () => ({ held: faults.heldCount })),
    on('POST', '/behaviour', (body) => Object.assign(sandbox.behaviour, behaviourBody.parse(body))),
    on('POST', '/customers/:id/card', (body, id) => {
      const { card: outcome } = z.object({ card: card.nullable() }).parse(body);
      giveCard(sandbox, customerOf(sandbox, id), outcome);
    }),
    on('POST', '/checkout/:id', (body, id) => payCheckout(sandbox, id, body)),
    on('POST', '/invoices/:id/authenticate', (body, id) => authenticateInvoice(sandbox, id, body)),
    on('POST', '/refunds', (body) => {
      const { charge, amountCents } = chargeBody.parse(body);
      return createRefund(sandbox, { charge, amount: amountCents });
    }),
    on('POST', '/refunds/:id/fail', (_body, id) => failRefund(sandbox, id)),
    on('POST', '/disputes', (body) => {
      const { charge, amountCents } = chargeBody.parse(body);
      return openDispute(sandbox, charge, { amountCents });
    }),
    on('POST', '/disputes/:id', (body, id) =>
      closeDispute(sandbox, id, z.object({ outcome: z.enum(['won', 'lost']) }).parse(body).outcome),
    ),
    on('POST', '/meter_events/:id/reject', (body, id) => {
      const { code } = z.object({ code: z.string() }).parse(body);
      const usage = rowOf(sandbox.tables.usage, 'meter event', id);
      usage.rejected = true;
      reportMeterError(sandbox, rowOf(sandbox.tables.meters, 'meter', usage.meter), { code, identifiers: [id] });
    }),
    on('GET', '/traffic', () => api.traffic),
  ];
}

const chargeBody = z.object({ charge: z.string(), amountCents: z.number().int().min(1).optional() });

const payBody = z
  .object({
    card,
    authenticate: z.boolean(),
    promotionCode: z.string(),
    address: z.object({ country: z.string(), line1: z.string().optional(), postal_code: z.string().optional() }),
    name: z.string(),
    taxId: z.object({ type: z.string(), value: z.string() }),
  })
  .partial({ promotionCode: true, address: true, name: true, taxId: true })
  .strict();

/** The page has a country before anybody picks one, where it asks for an address. */
function answersOf(
  { automatic_tax: { status } }: CheckoutSession,
  { address, promotionCode, name, taxId }: z.infer<typeof payBody>,
): Answers {
  const told = address ?? (status === 'requires_location_inputs' ? { country: 'US' } : undefined);
  return {
    ...(promotionCode !== undefined && { promotionCode }),
    ...(told !== undefined && { address: addressOf(told) }),
    ...(name !== undefined && { name }),
    ...(taxId !== undefined && { taxId }),
  };
}

function payCheckout(sandbox: Sandbox, id: string, body: unknown): { outcome: string; redirect: string | null } {
  const asked = payBody.parse(body);
  catchUp(sandbox);
  const session = sessionOf(sandbox, id);
  fillIn(sandbox, { session, details: detailsOf(sandbox, session) }, answersOf(session, asked));
  let outcome = submitCheckout(sandbox, session, { card: asked.card, authenticated: false });
  if (outcome === 'requires_action' && asked.authenticate) {
    outcome = submitCheckout(sandbox, session, { card: asked.card, authenticated: true });
  } else if (outcome === 'requires_action') abandonAuthentication(sandbox, session);
  return { outcome, redirect: outcome === 'succeeded' ? successUrlOf(session) : null };
}

function authenticateInvoice(sandbox: Sandbox, id: string, body: unknown): { outcome: string } {
  const { succeeds } = z.object({ succeeds: z.boolean() }).parse(body);
  const invoice = invoiceOf(sandbox, id);
  const intent = intentOf(sandbox, id);
  if (intent?.status !== 'requires_action') throw new Error(`invoice ${id} waits for no authentication`);
  if (succeeds) return { outcome: collect(sandbox, invoice, { authenticated: true }) };
  failAuthentication(sandbox, intent);
  return { outcome: intent.status };
}

function on(method: string, path: string, handle: ControlRoute['handle']): ControlRoute {
  return { method, pattern: new RegExp(`^/_emulator${path.replaceAll(/:\w+/g, '([^/]+)')}$`), handle };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

import type { RaisedAlert } from '../../src/alerts/raised-alert.ts';
import type { WebhookEndpoint } from '../../src/alerts/webhooks/endpoints.ts';
import type { WebhookDelivery } from '../../src/alerts/webhooks/webhook.entity.ts';
import type { ApiKey } from '../../src/api-keys/api-key.ts';
import type { BillingEntity } from '../../src/billing-entities/billing-entity.entity.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { DEFAULT_PREFERENCES } from '../../src/ledger/rules/alert-preferences.ts';
import type { Balance } from '../../src/ledger/rules/balance.ts';
import type { Grant } from '../../src/ledger/rules/grants.ts';
import type { Reservation } from '../../src/ledger/rules/reservations.ts';
import type { FailedJob } from '../../src/jobs/tasks.ts';
import type { Page } from '../../src/kernel/pagination.ts';
import { PLAN_BY_CODE } from '../../src/plans/plans.ts';
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import { RATES } from '../../src/plans/rates.ts';
import type { DomainServices } from '../../src/services.ts';
import type { PlanState } from '../../src/subscriptions/plan-state.ts';
import type { UsageBucket } from '../../src/usage/usage-summary.ts';
import type { UsageRecord, Entry } from '../../src/ledger/rules/entries.ts';

export const NOON = new Date('2026-03-10T12:00:00.000Z');
const TOMORROW = new Date('2026-03-11T12:00:00.000Z');

export const ANN = '01a2063a-0000-7000-8000-00000000000a';
export const BEN = '01a2063a-0000-7000-8000-00000000000b';
export const TRIAL = '01a2063a-0000-7000-8000-0000000000f1';

export const ann: Principal = { kind: 'USER', subject: 'ann', billingEntityId: ANN, expiresAt: TOMORROW };
export const service: Principal = { kind: 'SERVICE', subject: 'platform', expiresAt: TOMORROW };
export const operator: Principal = { kind: 'OPERATOR', subject: 'root', expiresAt: TOMORROW };

export const KEY = '01a2063a-0000-7000-8000-0000000000c1';
export const key: Principal = {
  kind: 'API_KEY',
  subject: apiKeyId(ANN, KEY),
  billingEntityId: ANN,
  apiKeyId: KEY,
  expiresAt: TOMORROW,
};

const apiKey: ApiKey = {
  billingEntityId: ANN,
  id: KEY,
  name: 'mine',
  type: 'PLATFORM',
  provider: 'OPENAI',
  billingMode: 'FULL',
  hint: 'tg_live_…abcd',
  status: 'ACTIVE',
  creditLimit: null,
  createdBy: 'user:ann',
  createdAt: NOON,
  lastUsedAt: null,
  expiresAt: null,
  revokedAt: null,
};

const entityOf = (billingEntityId: string, name: string): BillingEntity => ({
  billingEntityId,
  type: 'USER',
  externalId: name.toLowerCase(),
  name,
  createdAt: NOON,
  suspendedAt: null,
  suspensionReason: null,
  visibility: null,
});

const endpoint: WebhookEndpoint = {
  ...{ billingEntityId: ANN, url: 'https://example.com/hook', enabled: true, createdAt: NOON },
  ...{ disabledAt: null, disabledReason: null },
};

export const DELIVERY = '01a2063a-0000-7000-8000-0000000000d1';

const delivery: WebhookDelivery = {
  ...{ billingEntityId: ANN, id: DELIVERY, eventType: 'webhook.test', status: 'PENDING', attempts: 0, step: 0 },
  ...{ responseStatus: null, error: null, createdAt: NOON, nextAttemptAt: NOON, claimedUntil: null, deliveredAt: null },
};

export const alert: RaisedAlert = {
  ...{
    billingEntityId: ANN,
    number: 1n,
    type: 'WARNING',
    perMille: 800,
    remaining: null,
    crossing: 'WARNING 0.8 at 2',
  },
  ...{ used: 8_000n, allowance: 10_000n, available: 2_000n, memberId: null, memberLimit: null, memberUsed: null },
  ...{ invoiceId: null, isRefusal: false, channels: ['IN_APP'], sequence: 2n },
  ...{ periodStart: NOON, createdAt: NOON, acknowledgedAt: null },
};

export const balanceOf = (billingEntityId: string): Balance => ({
  billingEntityId,
  available: 9_990n,
  held: 0n,
  used: 10n,
  allowance: 10_000n,
  overage: 0n,
  owed: 0n,
  usedRatio: 0.001,
  version: 2n,
  sequence: 2n,
  asOf: NOON,
});

const trial: Grant = {
  billingEntityId: ANN,
  id: TRIAL,
  source: 'TRIAL',
  amount: 10_000n,
  remaining: 9_990n,
  priority: 50,
  state: 'ACTIVE',
  effectiveAt: NOON,
  expiresAt: null,
  reason: null,
  createdAt: NOON,
  root: { billingEntityId: ANN, grantId: TRIAL, source: 'TRIAL' },
  transferredBy: null,
  expired: 0n,
  clawed: 0n,
  voidedAt: null,
};

export const entry: Entry = {
  billingEntityId: ANN,
  sequence: 2n,
  kind: 'CONSUMPTION',
  amount: -10n,
  availableAfter: 9_990n,
  heldChange: 0n,
  heldAfter: 0n,
  overageChange: 0n,
  overageAfter: 0n,
  owedChange: 0n,
  owedAfter: 0n,
  afterCommand: null,
  grantId: null,
  reservationId: null,
  counterpartyId: null,
  refunded: null,
  draws: null,
  actor: 'service:platform',
  reason: null,
  idempotency: null,
  step: 'ENDS',
  periodStart: new Date('2026-03-01T00:00:00.000Z'),
  createdAt: NOON,
};

export const recordOf = (line: number): UsageRecord => ({
  billingEntityId: ANN,
  sequence: 2n,
  line,
  userId: ANN,
  organizationId: null,
  apiKey: null,
  billingMode: 'FULL',
  feature: null,
  resource: 'AI_TOKENS',
  quantity: 103n,
  credits: 10n,
  overage: 0n,
  owed: 0n,
  rate: RATES.AI_TOKENS,
  carriedBefore: { numerator: 0n, denominator: 1n },
  carriedAfter: { numerator: 3n, denominator: 10n },
  draws: [{ grantId: TRIAL, credits: 10n }],
  metadata: { run: 'r1' },
  occurredAt: NOON,
  recordedAt: NOON,
  model: null,
  modelFolded: false,
});

const bucket: UsageBucket = {
  start: NOON,
  userId: ANN,
  apiKey: null,
  resource: 'AI_TOKENS',
  billingMode: 'FULL',
  feature: 'basic_chatflows',
  model: 'large-1',
  otherModels: false,
  organizationId: null,
  quantity: 103n,
  credits: 10n,
  overage: 0n,
  records: 1n,
};

export const hold: Reservation = {
  billingEntityId: ANN,
  id: '01a2063a-0000-7000-8000-0000000000aa',
  status: 'HELD',
  covered: 9n,
  overage: 2n,
  userId: ANN,
  organizationId: null,
  apiKey: null,
  billingMode: 'FULL',
  feature: null,
  actor: 'service:platform',
  expiresAt: NOON,
  createdAt: NOON,
  openedSequence: 3n,
  closedSequence: null,
};

const failedJob: FailedJob = {
  id: '7',
  task: 'stripe.event',
  billingEntityId: null,
  attempts: 3,
  lastError: 'it rained',
  failedAt: NOON,
  createdAt: NOON,
};

/** PRO, of two units that become one. */
export const planState: PlanState = {
  plan: PLAN_BY_CODE.PRO,
  features: PLAN_BY_CODE.PRO.features,
  subscription: {
    id: 'sub_1',
    plan: PLAN_BY_CODE.PRO,
    quantity: 2,
    status: 'ACTIVE',
    currentPeriodStart: NOON,
    currentPeriodEnd: TOMORROW,
    cancelAtPeriodEnd: false,
    endsAt: null,
    scheduledAt: TOMORROW,
    scheduledPlan: PLAN_BY_CODE.PRO,
    scheduledQuantity: 1,
    pendingPayment: null,
    graceEndsAt: null,
    waiting: [
      {
        kind: 'OVERAGE_UNBILLED',
        subject: 'sub_1',
        reason: 'nothing bills overage',
        since: NOON,
      },
    ],
  },
  overagePolicy: { enabled: true, cap: 500n },
  unpaid: false,
};

const pageOf = <T>(nodes: readonly T[]): Page<T> => ({
  edges: nodes.map((node, index) => ({ cursor: `c${index}`, node })),
  pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: 'c0', endCursor: `c${nodes.length - 1}` },
});

/** One call of the domain, as `noun.verb` and what it was given. */
export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

type Answers = Readonly<Record<string, (...args: never[]) => unknown>>;

/**
 * The domain as resolvers meet it, answering from memory and remembering what it was asked. Two people: Ann, who has
 * used ten credits, and Ben. `answers` replaces what single calls answer; a call that nothing answers fails the test.
 */
export function fakeDomain(answers: Answers = {}): { readonly services: DomainServices; readonly calls: Call[] } {
  const calls: Call[] = [];
  const entities = new Map([ANN, BEN].map((id) => [id, entityOf(id, id === ANN ? 'Ann' : 'Ben')]));
  const known: Answers = {
    'entities.byIds': (ids: readonly string[]) => new Map([...entities].filter(([id]) => ids.includes(id))),
    'entities.byExternalId': (_type: string, externalId: string) =>
      [...entities.values()].find((entity) => entity.externalId === externalId) ?? null,
    'entities.list': () => pageOf([...entities.values()]),
    'entities.suspend': ({ billingEntityId, reason }: { billingEntityId: string; reason: string }) => ({
      ...entityOf(billingEntityId, 'Ann'),
      suspendedAt: NOON,
      suspensionReason: reason,
    }),
    'entities.reinstate': ({ billingEntityId }: { billingEntityId: string }) => entityOf(billingEntityId, 'Ann'),
    'accounts.balances': (ids: readonly string[]) => new Map(ids.map((id) => [id, balanceOf(id)])),
    'subscriptions.byIds': (ids: readonly string[]) => new Map(ids.map((id) => [id, planState])),
    'planChanges.preview': () => ({
      timing: 'PERIOD_END',
      effectiveAt: TOMORROW,
      dueNowCents: 0,
      creditsAdded: 0n,
      nextInvoiceCents: 0,
      featuresLost: ['all_chatflows'],
      checkoutRequired: false,
    }),
    'planChanges.change': () => planState.subscription,
    'planChanges.cancel': () => planState.subscription,
    'planChanges.resume': () => planState.subscription,
    'checkout.open': () => ({ url: 'http://localhost:4242/c/pay/cs_1', expiresAt: NOON }),
    'checkout.complete': () => planState.subscription,
    'checkout.openPortal': () => ({ url: 'http://localhost:4242/p/session/bps_1', expiresAt: null }),
    'history.grants': () => pageOf([trial]),
    'history.grantsByIds': (keys: readonly { id: string }[]) => keys.map(({ id }) => (id === TRIAL ? trial : null)),
    'history.ledger': () => pageOf([entry]),
    'history.entriesBySequence': (keys: readonly unknown[]) => keys.map(() => entry),
    'usage.records': () => pageOf([recordOf(0), recordOf(1), recordOf(2)]),
    'usage.recordsByEntry': (keys: readonly unknown[]) => keys.map(() => [recordOf(0)]),
    'usage.record': () => recordOf(0),
    'summaries.summarize': () => [bucket, { ...bucket, userId: null, feature: null, organizationId: BEN }],
    'forecasts.forecast': () => ({ dailyBurn: 10n, exhaustsAt: TOMORROW }),
    'usage.watch': () => once({ records: [recordOf(0)], skipped: 3n, hasGap: false, cursor: 'c' }),
    'live.balances': (id: string) => once(balanceOf(id)),
    'usage.refunds': (keys: readonly unknown[]) => keys.map(() => null),
    'reservations.reserve': () => ({ kind: 'success', reservation: hold, balance: balanceOf(ANN), replayed: false }),
    'reservations.extend': () => hold,
    'reservations.release': () => ({ ...hold, status: 'RELEASED' }),
    'reservations.list': () => pageOf([hold, hold]),
    'reservations.byIds': (keys: readonly unknown[]) => keys.map(() => hold),
    'transfers.transfer': () => ({ kind: 'success', from: balanceOf(ANN), to: balanceOf(BEN), replayed: false }),
    'administration.refund': () => ({ grant: trial, entry, balance: balanceOf(ANN), replayed: false }),
    'administration.grant': () => ({ grant: trial, entry, balance: balanceOf(ANN), replayed: false }),
    'administration.adjust': () => ({ grant: null, entry, balance: balanceOf(ANN), replayed: true }),
    'alerts.list': () => pageOf([alert]),
    'alerts.acknowledge': () => ({ ...alert, acknowledgedAt: NOON }),
    'alertStreams.watch': () => once(alert),
    'alertPreferences.lists': (ids: readonly string[]) => ids.map(() => DEFAULT_PREFERENCES),
    'alertPreferences.set': () => DEFAULT_PREFERENCES,
    'alertAddresses.lists': (ids: readonly string[]) =>
      ids.map(() => [{ address: 'ann@example.com', state: 'ACTIVE', confirmationSentAt: null }]),
    'apiKeys.create': () => ({ apiKey, secret: 'shown once' }),
    'apiKeys.update': () => apiKey,
    'apiKeys.rotate': () => ({ apiKey, secret: 'shown once' }),
    'apiKeys.revoke': () => ({ ...apiKey, status: 'REVOKED', revokedAt: NOON }),
    'apiKeys.list': () => pageOf([apiKey]),
    'apiKeys.byRefs': (refs: readonly unknown[]) => refs.map(() => apiKey),
    'apiKeys.usedThisPeriod': (refs: readonly unknown[]) => refs.map(() => 7n),
    'providerSecrets.read': () => ({ apiKey, secret: 'theirs', cacheUntil: TOMORROW }),
    'invitations.ofPrincipal': () => [{ organizationId: BEN, role: 'MEMBER', invitedAt: NOON }],
    'exports.createLink': () => ({ url: 'http://localhost:4000/exports/usage.csv?token=t', expiresAt: NOON }),
    'webhookEndpoints.set': () => ({ endpoint, secret: 'whsec_shown_once' }),
    'webhookEndpoints.rotate': () => ({ endpoint, secret: 'whsec_shown_once' }),
    'webhookEndpoints.byIds': (ids: readonly string[]) => ids.map(() => endpoint),
    'webhookDeliveries.test': () => delivery,
    'webhookDeliveries.resend': () => delivery,
    'webhookDeliveries.list': () => pageOf([delivery]),
    'failedJobs.list': () => pageOf([failedJob]),
    'failedJobs.retry': () => undefined,
    'verification.verify': () => ({
      consistent: true,
      entriesChecked: 2n,
      throughSequence: 2n,
      problemCount: 0n,
      problems: [],
    }),
    ...answers,
  };
  const nounOf = (noun: string): object =>
    new Proxy(
      {},
      {
        get:
          (_target, verb) =>
          (...args: never[]): unknown => {
            const name = `${noun}.${String(verb)}`;
            calls.push({ name, args });
            const answer = known[name];
            if (answer === undefined) throw new Error(`nobody expected ${name}`);
            const result = answer(...args);
            // Streams are had at once, everything else is awaited, as from the real domain.
            return typeof result === 'object' && result !== null && 'next' in result ? result : Promise.resolve(result);
          },
      },
    );
  const services = new Proxy({}, { get: (_target, noun) => nounOf(String(noun)) }) as DomainServices;
  return { services, calls };
}

async function* once<T>(event: T): AsyncGenerator<T, void, undefined> {
  yield event;
}

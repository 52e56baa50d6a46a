/**
 * Who may do what, asked of the whole application: every operation of the schema that takes or leads to an id, and every
 * field of a billing entity, by every kind of caller. What is expected follows from the table in authorization.ts; an
 * operation or field without a row here fails the test.
 */
import type { GraphQLSchema } from 'graphql';
import { v7 as uuidv7 } from 'uuid';
import { may, type Operation, permissionsOf, type Relation } from '../../src/billing-entities/authorization.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { loadConfig } from '../../src/config/config.ts';
import { contextFactory } from '../../src/graphql/request/context.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { apiKeyId, parseApiKeyId, recordId, reservationId } from '../../src/kernel/public-ids.ts';
import { createLog } from '../../src/kernel/log.ts';
import { type GraphqlAnswer, send, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

type TargetKind = 'ORGANIZATION' | 'USER';

interface Caller {
  /** What they are to the organization, and to the account of the one who is a plain member of it. */
  readonly to: Readonly<Record<TargetKind, Relation>>;
  /** Their `sub`, when they are a person. */
  readonly subject?: string;
  readonly scope?: string;
}

/** Everybody who can ask. */
const CALLERS = {
  'another user': { subject: 'alone', to: { ORGANIZATION: 'STRANGER', USER: 'STRANGER' } },
  'a member of another organization': { subject: 'elsewhere', to: { ORGANIZATION: 'STRANGER', USER: 'STRANGER' } },
  'somebody invited': { subject: 'invited', to: { ORGANIZATION: 'INVITED', USER: 'STRANGER' } },
  MEMBER: { subject: 'member', to: { ORGANIZATION: 'MEMBER', USER: 'SELF' } },
  'a suspended ADMIN': { subject: 'suspended', to: { ORGANIZATION: 'SUSPENDED', USER: 'STRANGER' } },
  BILLING: { subject: 'billing', to: { ORGANIZATION: 'BILLING', USER: 'STRANGER' } },
  ADMIN: { subject: 'admin', to: { ORGANIZATION: 'ADMIN', USER: 'STRANGER' } },
  OWNER: { subject: 'owner', to: { ORGANIZATION: 'OWNER', USER: 'STRANGER' } },
  'an API key': { to: { ORGANIZATION: 'API_KEY', USER: 'STRANGER' } },
  SERVICE: { scope: 'billing:usage', to: { ORGANIZATION: 'SERVICE', USER: 'SERVICE' } },
  OPERATOR: { scope: 'billing:operator', to: { ORGANIZATION: 'OPERATOR', USER: 'OPERATOR' } },
} as const satisfies Readonly<Record<string, Caller>>;
type CallerName = keyof typeof CALLERS;
const CALLER_NAMES = Object.keys(CALLERS) as CallerName[];

/** What an operation is asked about: a real entity, or one that nobody has. */
interface Target {
  readonly id: string;
  readonly externalId: string;
  readonly type: TargetKind;
  readonly recordId: string;
  readonly reservationId: string;
  readonly apiKeyId: string;
}

/** `unseen`: exactly as if there were no such thing. `allowed`: not refused for who asks, whatever else comes of it. */
type Verdict = 'unseen' | 'FORBIDDEN' | 'allowed';

interface Row {
  readonly ask: (target: Target, caller: CallerName) => string;
  /** Of the table; or what holds whoever the entity is: everybody, everybody with a token, operators. */
  readonly needs: Operation | 'nothing' | 'a token' | 'to be an operator' | 'to be a service';
  /** Absent: both kinds. */
  readonly on?: TargetKind;
  /** What the table alone does not say, of the member’s own account and of the organization. */
  readonly but?: Readonly<Partial<Record<CallerName, Verdict>>>;
  readonly butThere?: Readonly<Partial<Record<CallerName, Verdict>>>;
  /** Undoes what it did to the organization, for those who ask after. */
  readonly after?: () => Promise<unknown>;
}

const LINES = 'lines: [{ resource: AI_TOKENS, quantity: 10 }]';
const key = (): string => `idempotencyKey: "${uuidv7()}"`;
/** Use by the member alone; or in the organization, by whoever asks or, where nobody does for themselves, by the member. */
function useOf({ type, externalId }: Target, caller: CallerName): string {
  const { subject = 'member' }: Caller = CALLERS[caller];
  const who = type === 'USER' ? externalId : `${subject}", organizationExternalId: "${externalId}`;
  return `${LINES}, userExternalId: "${who}"`;
}
/** Of whoever reserved, which is a platform here: who reads reservations sees it, and may not touch it. */
const OF_OTHERS = {
  needs: 'credits.consume',
  but: { MEMBER: 'FORBIDDEN' },
  butThere: {
    MEMBER: 'unseen',
    'a suspended ADMIN': 'unseen',
    'an API key': 'unseen',
    BILLING: 'FORBIDDEN',
    ADMIN: 'FORBIDDEN',
    OWNER: 'FORBIDDEN',
  },
} as const;
/** A suspended member is told so as data; an organization's key may name its members, whose use the pool pays. */
const USE = {
  needs: 'credits.consume',
  but: { 'an API key': 'allowed' },
  butThere: { 'a suspended ADMIN': 'allowed' },
} as const;
const ANSWERED = {
  MEMBER: 'allowed',
  'a suspended ADMIN': 'allowed',
  BILLING: 'allowed',
  ADMIN: 'allowed',
  OWNER: 'allowed',
} as const;

/** Whoever answered is invited anew. */
async function invite(): Promise<void> {
  const who = `billingEntityId: "${ids['acme']}", userExternalId: "invited"`;
  await done('OWNER', `mutation { removeMember(input: { ${who} }) }`);
  await done('OWNER', `mutation { setMember(input: { ${who}, role: OWNER }) { id } }`);
}

const byId = ({ id }: Target): string => `billingEntityId: "${id}"`;

const ROWS: Readonly<Record<string, Row>> = {
  'Query.viewer': { needs: 'a token', ask: () => '{ viewer { kind memberships { id } } }' },
  'Query.plans': { needs: 'nothing', ask: () => '{ plans { code } }' },
  'Query.creditRates': { needs: 'nothing', ask: () => '{ creditRates { resource } }' },
  'Query.failedJobs': { needs: 'to be an operator', ask: () => '{ failedJobs { edges { cursor } } }' },
  // There is none of this id: told to nobody but operators.
  'Mutation.retryJob': {
    needs: 'to be an operator',
    ask: () => 'mutation { retryJob(id: "0") }',
    but: { OPERATOR: 'unseen' },
    butThere: { OPERATOR: 'unseen' },
  },
  'Query.billingEntities': { needs: 'to be an operator', ask: () => '{ billingEntities { edges { cursor } } }' },
  'Query.billingEntity': { needs: 'entity.read', ask: ({ id }) => `{ billingEntity(id: "${id}") { name } }` },
  'Query.billingEntityByExternalId': {
    needs: 'entity.read',
    ask: ({ type, externalId }) => `{ billingEntityByExternalId(type: ${type}, externalId: "${externalId}") { name } }`,
  },
  'Query.verifyLedger': {
    needs: 'ledger.verify',
    ask: (target) => `{ verifyLedger(${byId(target)}) { consistent } }`,
  },
  'Query.hasFeature': {
    needs: 'entity.read',
    ask: (target) => `{ hasFeature(${byId(target)}, feature: "basic_chatflows") }`,
  },
  'Mutation.setOveragePolicy': {
    needs: 'overage.set',
    ask: (target) => `mutation { setOveragePolicy(input: { ${byId(target)}, enabled: false }) { enabled } }`,
  },
  'Query.previewPlanChange': {
    needs: 'plan.change',
    ask: (target) => `{ previewPlanChange(input: { ${byId(target)}, plan: PRO }) { timing } }`,
  },
  'Mutation.changePlan': {
    needs: 'plan.change',
    ask: (target) => `mutation { changePlan(input: { ${byId(target)}, plan: PRO }) { id } }`,
  },
  'Mutation.cancelSubscription': {
    needs: 'plan.change',
    ask: (target) => `mutation { cancelSubscription(input: { ${byId(target)} }) { id } }`,
  },
  'Mutation.resumeSubscription': {
    needs: 'plan.change',
    ask: (target) => `mutation { resumeSubscription(input: { ${byId(target)} }) { id } }`,
  },
  'Mutation.createBillingPortalSession': {
    needs: 'plan.change',
    ask: (target) =>
      `mutation { createBillingPortalSession(input: { ${byId(target)}, returnUrl: "http://localhost/" }) { url } }`,
  },
  'Mutation.createCheckoutSession': {
    needs: 'credits.purchase',
    ask: (target) =>
      `mutation { createCheckoutSession(input: { ${byId(target)}, credits: 12500, successUrl: "http://localhost/", cancelUrl: "http://localhost/" }) { url } }`,
  },
  'Mutation.completeCheckout': {
    needs: 'credits.purchase',
    ask: (target) => `mutation { completeCheckout(${byId(target)}, sessionId: "cs_1") { id } }`,
  },
  'Query.checkUsage': {
    ...USE,
    ask: (target, caller) => `{ checkUsage(input: { ${useOf(target, caller)} }) { allowed } }`,
  },
  'Mutation.consumeCredits': {
    ...USE,
    ask: (target, caller) =>
      `mutation { consumeCredits(input: { ${key()}, ${useOf(target, caller)} }) { __typename } }`,
  },
  // Of a batch, what is wrong with an item is data.
  'Mutation.consumeCreditsBatch': {
    needs: 'a token',
    ask: ({ externalId }) =>
      `mutation { consumeCreditsBatch(inputs: [{ ${key()}, ${LINES}, userExternalId: "${externalId}" }]) { __typename } }`,
  },
  'Mutation.reserveCredits': {
    ...USE,
    ask: (target, caller) =>
      `mutation { reserveCredits(input: { ${key()}, ${useOf(target, caller)} }) { __typename } }`,
  },
  'Mutation.extendReservation': {
    ...OF_OTHERS,
    ask: ({ reservationId: id }) => `mutation { extendReservation(id: "${id}", ttlSeconds: 600) { status } }`,
  },
  'Mutation.releaseReservation': {
    ...OF_OTHERS,
    ask: ({ reservationId: id }) => `mutation { releaseReservation(id: "${id}") { status } }`,
  },
  'Mutation.refundUsage': {
    needs: 'credits.refund',
    ask: ({ recordId: id }) =>
      `mutation { refundUsage(recordId: "${id}", ${key()}, reason: "it failed") { replayed } }`,
  },
  'Mutation.grantCredits': {
    needs: 'credits.grant',
    ask: (target) =>
      `mutation { grantCredits(input: { ${byId(target)}, ${key()}, amount: 5, source: PURCHASE, reason: "r" }) { replayed } }`,
  },
  'Mutation.adjustCredits': {
    needs: 'credits.adjust',
    ask: (target) =>
      `mutation { adjustCredits(input: { ${byId(target)}, ${key()}, amount: 5, reason: "r" }) { replayed } }`,
  },
  'Mutation.transferCredits': {
    needs: 'credits.transfer',
    // Who administrates takes back what came from the pool, though the account does not exist for them otherwise.
    but: { OWNER: 'allowed', ADMIN: 'allowed' },
    // For a key no account but its own exists, so that there is none to move credits to.
    butThere: { 'an API key': 'unseen' },
    ask: ({ id, type }, caller) => {
      const { subject = 'member' }: Caller = CALLERS[caller];
      const to = type === 'USER' ? ids['acme'] : ids[subject];
      return `mutation { transferCredits(input: { ${key()}, fromBillingEntityId: "${id}", toBillingEntityId: "${to}", amount: 1 }) { __typename } }`;
    },
  },
  'Mutation.createExport': {
    needs: 'usage.export',
    ask: (target) => `mutation { createExport(input: { ${byId(target)}, kind: USAGE }) { __typename } }`,
  },
  'Mutation.createExport of the ledger': {
    needs: 'ledger.read',
    ask: (target) => `mutation { createExport(input: { ${byId(target)}, kind: LEDGER }) { __typename } }`,
  },
  'Mutation.createApiKey': {
    needs: 'apiKeys.create',
    ask: (target) =>
      `mutation { createApiKey(input: { ${byId(target)}, name: "a key", type: PLATFORM, provider: OPENAI }) { secret } }`,
  },
  'Mutation.updateApiKey': {
    needs: 'apiKeys.update',
    ask: ({ apiKeyId: id }) => `mutation { updateApiKey(input: { id: "${id}", name: "the key" }) { name } }`,
  },
  // An overlap, so that the key that asks elsewhere here goes on.
  'Mutation.rotateApiKey': {
    needs: 'apiKeys.rotate',
    ask: ({ apiKeyId: id }) => `mutation { rotateApiKey(input: { id: "${id}", overlapSeconds: 3600 }) { secret } }`,
  },
  'Mutation.revokeApiKey': {
    needs: 'apiKeys.revoke',
    ask: ({ apiKeyId: id }) => `mutation { revokeApiKey(id: "${id}") { status } }`,
  },
  'Mutation.providerSecret': {
    needs: 'to be a service',
    on: 'USER',
    ask: ({ externalId }) =>
      `mutation { providerSecret(input: { provider: OPENAI, userExternalId: "${externalId}" }) { secret } }`,
  },
  'Mutation.createOrganization': {
    needs: 'a token',
    but: { 'an API key': 'FORBIDDEN' },
    butThere: { 'an API key': 'FORBIDDEN' },
    ask: ({ externalId }) => `mutation { createOrganization(input: { externalId: "${externalId}", name: "" }) { id } }`,
  },
  'Mutation.updateOrganization': {
    needs: 'organization.update',
    ask: (target) => `mutation { updateOrganization(input: { ${byId(target)}, name: "Acme" }) { name } }`,
  },
  'Mutation.setMember': {
    needs: 'members.set',
    ask: (target) =>
      `mutation { setMember(input: { ${byId(target)}, userExternalId: "extra", role: MEMBER }) { role } }`,
  },
  'Mutation.setMember of an owner': {
    needs: 'members.setOwner',
    ask: (target) =>
      `mutation { setMember(input: { ${byId(target)}, userExternalId: "owner", role: OWNER }) { role } }`,
  },
  'Mutation.removeMember': {
    needs: 'members.remove',
    ask: (target) => `mutation { removeMember(input: { ${byId(target)}, userExternalId: "extra" }) }`,
  },
  // Who belongs there already is answered the same again.
  'Mutation.acceptInvitation': {
    needs: 'invitation.answer',
    butThere: ANSWERED,
    ask: (target) => `mutation { acceptInvitation(${byId(target)}) { role } }`,
    after: invite,
  },
  'Mutation.declineInvitation': {
    needs: 'invitation.answer',
    butThere: ANSWERED,
    ask: (target) => `mutation { declineInvitation(${byId(target)}) }`,
    after: invite,
  },
  'Mutation.setOrganizationExternalId': {
    needs: 'organization.setExternalId',
    ask: (target) =>
      `mutation { setOrganizationExternalId(input: { ${byId(target)}, externalId: "${target.externalId}", reason: "as it was" }) { id } }`,
  },
  'Mutation.suspendBillingEntity': {
    needs: 'entity.suspend',
    ask: (target) => `mutation { suspendBillingEntity(input: { ${byId(target)} }, reason: "") { status } }`,
  },
  'Mutation.reinstateBillingEntity': {
    needs: 'entity.suspend',
    ask: (target) => `mutation { reinstateBillingEntity(input: { ${byId(target)} }) { status } }`,
  },
  'Subscription.balanceUpdated': {
    needs: 'credits.read',
    ask: (target) => `subscription { balanceUpdated(${byId(target)}) { version } }`,
  },
  'Subscription.usageRecorded': {
    needs: 'usage.read',
    ask: (target) => `subscription { usageRecorded(${byId(target)}) { skipped } }`,
  },
};

/** Every field of a billing entity: how it is asked for, and what it takes to read it. Non-null ones are answered to all who see it. */
const FIELDS: Readonly<Record<string, { readonly ask?: string; readonly needs: Operation; readonly on?: TargetKind }>> =
  {
    id: { needs: 'entity.read' },
    type: { needs: 'entity.read' },
    externalId: { needs: 'entity.read' },
    name: { needs: 'entity.read' },
    status: { needs: 'entity.read' },
    createdAt: { needs: 'entity.read' },
    visibility: { needs: 'entity.read', on: 'ORGANIZATION' },
    suspendedAt: { needs: 'entity.read' },
    suspensionReason: { needs: 'entity.read' },
    credits: { ask: 'credits { available }', needs: 'credits.read' },
    plan: { ask: 'plan { code }', needs: 'entity.read' },
    features: { needs: 'entity.read' },
    viewerPermissions: { needs: 'entity.read' },
    subscription: { ask: 'subscription { id }', needs: 'subscription.read' },
    overagePolicy: { ask: 'overagePolicy { enabled }', needs: 'subscription.read' },
    invoices: { ask: 'invoices { edges { cursor } }', needs: 'invoices.read' },
    upcomingInvoice: { ask: 'upcomingInvoice { totalCents }', needs: 'invoices.read' },
    forecast: { ask: 'forecast { dailyBurn }', needs: 'forecast.read' },
    grants: { ask: 'grants { edges { cursor } }', needs: 'grants.read' },
    ledger: { ask: 'ledger { edges { cursor } }', needs: 'ledger.read' },
    reservations: { ask: 'reservations { edges { cursor } }', needs: 'reservations.read' },
    usage: { ask: 'usage { edges { node { user { externalId } ledgerEntry { id } } } }', needs: 'usage.read' },
    usageRecord: { ask: 'usageRecord(id: "RECORD") { id }', needs: 'usage.readAll' },
    usageSummary: {
      ask: 'usageSummary(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z", interval: TOTAL, groupBy: [USER]) { user { externalId } }',
      needs: 'usage.read',
    },
    members: {
      ask: 'members { edges { node { user { externalId } usedThisPeriod } } }',
      needs: 'members.read',
      on: 'ORGANIZATION',
    },
    apiKeys: { ask: 'apiKeys { edges { cursor } }', needs: 'apiKeys.read' },
    apiKey: { ask: 'apiKey(id: "KEY") { id }', needs: 'apiKeys.read' },
    auditLog: { ask: 'auditLog { edges { node { action } } }', needs: 'auditLog.read' },
  };
/** One that nobody has paid yet: it is there, and changes nothing. */
const SUBSCRIPTION = {
  providerSubscription: {
    id: 'sub_1',
    plan: 'PRO',
    quantity: 1,
    paymentStanding: 'INCOMPLETE',
    status: 'INCOMPLETE',
    graceEndsAt: null,
    anchor: new Date('2026-03-01T00:00:00Z'),
    next: { plan: 'PRO', quantity: 1 },
    period: { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') },
  },
  paidUnits: 0,
} as const;
/** Null also for who may read them, as long as nobody suspended it, and nothing is to be paid. */
const OFTEN_NULL = ['suspendedAt', 'suspensionReason', 'upcomingInvoice'];
/** Empty for who may not read them. */
const NEVER_NULL = ['usage', 'usageSummary'];

let database: TestDatabase;
let app: TestApp;
let schema: GraphQLSchema;
let operations: Operations;
const tokens = new Map<CallerName, string>();
/** Ids of everybody by their external id. */
const ids: Record<string, string> = {};
const targets = {} as Record<TargetKind, Target>;

/** What nobody has, in every way in which it can be named. */
function unknown(type: TargetKind): Target {
  const id = uuidv7();
  return {
    id,
    type,
    externalId: `nobody-${id}`,
    recordId: recordId(id, 1n, 0),
    reservationId: reservationId(id, uuidv7()),
    apiKeyId: apiKeyId(id, uuidv7()),
  };
}

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startTestApp(database.url);
  schema = await buildTollgateSchema();
  const { limits } = loadConfig({}, 'local');
  const log = createLog({ level: 'silent' });
  operations = new Operations({ schema, limits, log, suggestions: false });
  for (const name of CALLER_NAMES) {
    const { subject, scope }: Caller = CALLERS[name];
    // The key is made with the organization that it acts for.
    if (name === 'an API key') continue;
    tokens.set(name, await tokenOf(subject ?? name, scope === undefined ? {} : { scope }));
    if (subject !== undefined) ids[subject] = await idOf(tokens.get(name) as string);
  }
  await populate();
  for (const { id } of Object.values(targets)) await app.services.subscriptions.follow(id, SUBSCRIPTION);
});

afterAll(async () => {
  expect(app.services.live.openStreams).toBe(0);
  await app.stop();
  await database.drop();
});

async function idOf(token: string): Promise<string> {
  const { data } = await send(app.url, token, '{ viewer { user { id } } }');
  return (data as never as { viewer: { user: { id: string } } }).viewer.user.id;
}

async function done<T>(caller: CallerName, query: string): Promise<T> {
  const { data, errors } = await send(app.url, tokens.get(caller) as string, query);
  expect(errors).toEqual([]);
  return Object.values(data as Record<string, T>)[0] as T;
}

/** Two organizations with their members, and use by two of them in the first and in their own accounts. */
async function populate(): Promise<void> {
  const create = (owner: CallerName, externalId: string): Promise<{ id: string }> =>
    done(owner, `mutation { createOrganization(input: { externalId: "${externalId}", name: "Acme" }) { id } }`);
  ids['acme'] = (await create('OWNER', 'acme')).id;
  await create('a member of another organization', 'other');
  for (const [subject, role, more] of [
    ['member', 'MEMBER', ''],
    ['billing', 'BILLING', ''],
    ['admin', 'ADMIN', ''],
    ['suspended', 'ADMIN', 'status: SUSPENDED'],
  ]) {
    const input = `billingEntityId: "${ids['acme']}", userExternalId: "${subject}", role: ${role} ${more}`;
    await done('OPERATOR', `mutation { setMember(input: { ${input} }) { id } }`);
  }
  await invite();
  const inOrganization = 'organizationExternalId: "acme"';
  const use = async (externalId: string, more = ''): Promise<string> => {
    const input = `${key()}, ${LINES}, userExternalId: "${externalId}" ${more}`;
    const consume = `mutation { consumeCredits(input: { ${input} }) { ... on ConsumeCreditsSuccess { records { id } } } }`;
    return (await done<{ records: [{ id: string }] }>('SERVICE', consume)).records[0].id;
  };
  const hold = async (more = ''): Promise<string> => {
    const input = `${key()}, ${LINES}, userExternalId: "member" ${more}`;
    const reserve = `mutation { reserveCredits(input: { ${input} }) { ... on ReserveCreditsSuccess { reservation { id } } } }`;
    return (await done<{ reservation: { id: string } }>('SERVICE', reserve)).reservation.id;
  };
  const makeKey = (caller: CallerName, id: string): Promise<{ secret: string; apiKey: { id: string } }> => {
    const input = `billingEntityId: "${id}", name: "a key", type: PLATFORM, provider: OPENAI`;
    return done(caller, `mutation { createApiKey(input: { ${input} }) { secret apiKey { id } } }`);
  };
  for (const subject of USERS) inPool.set(subject, await use(subject, inOrganization));
  const custom = `billingEntityId: "${ids['member']}", name: "own", type: CUSTOM, provider: OPENAI, secret: "sk-${'a1B2'.repeat(12)}"`;
  await done('MEMBER', `mutation { createApiKey(input: { ${custom} }) { secret } }`);
  const bearer = await makeKey('OWNER', ids['acme']);
  tokens.set('an API key', bearer.secret);
  ids['bearer'] = bearer.apiKey.id;
  targets.USER = {
    id: ids['member'] as string,
    type: 'USER',
    externalId: 'member',
    recordId: await use('member'),
    reservationId: await hold(),
    apiKeyId: (await makeKey('MEMBER', ids['member'] as string)).apiKey.id,
  };
  targets.ORGANIZATION = {
    id: ids['acme'],
    type: 'ORGANIZATION',
    externalId: 'acme',
    recordId: inPool.get('admin') as string,
    reservationId: await hold(inOrganization),
    apiKeyId: (await makeKey('OWNER', ids['acme'])).apiKey.id,
  };
}

/** Who used something in the organization. */
const USERS = ['admin', 'billing', 'member', 'owner'];
/** Ids of the records of what each used in the organization. */
const inPool = new Map<string, string>();

/** Who the caller is, as the server would find out. */
function principalOf(name: CallerName): Principal {
  const { subject, scope }: Caller = CALLERS[name];
  const bearer = { subject: subject ?? name, expiresAt: new Date('2100-01-01') };
  if (name === 'an API key') {
    const { billingEntityId, id } = parseApiKeyId(ids['bearer'] as string);
    return { kind: 'API_KEY', ...bearer, billingEntityId, apiKeyId: id };
  }
  if (scope !== undefined) return { kind: scope === 'billing:usage' ? 'SERVICE' : 'OPERATOR', ...bearer };
  return { kind: 'USER', billingEntityId: ids[bearer.subject] as string, ...bearer };
}

/** The answer; of a subscription, whether it began. */
async function answerOf(caller: CallerName | null, query: string): Promise<Pick<GraphqlAnswer, 'data' | 'errors'>> {
  if (!query.startsWith('subscription')) {
    const { data, errors } = await send(app.url, caller === null ? null : (tokens.get(caller) as string), query);
    return { data, errors: errors.map(({ message, extensions }) => ({ message, extensions })) };
  }
  const { operation } = operations.prepare({ query, variables: {} });
  const context = contextFactory(app.services)(caller === null ? null : principalOf(caller));
  const stream = await operations.subscribe(operation as NonNullable<typeof operation>, {}, () => context);
  if (!(Symbol.asyncIterator in stream)) {
    const errors = (stream.errors ?? []).map(({ message, extensions }) => ({ message, extensions }));
    return { data: null, errors };
  }
  // One that nobody has asked for an event is over at once.
  void stream.return?.();
  return { data: {}, errors: [] };
}

const codesOf = ({ errors }: Pick<GraphqlAnswer, 'errors'>): unknown[] =>
  errors.map(({ extensions }) => extensions['code']);

function expected({ needs, but, butThere }: Row, caller: CallerName, kind: TargetKind): Verdict {
  const exception = (kind === 'USER' ? but : butThere)?.[caller];
  if (exception !== undefined) return exception;
  if (needs === 'nothing' || needs === 'a token') return 'allowed';
  if (needs === 'to be an operator') return caller === 'OPERATOR' ? 'allowed' : 'FORBIDDEN';
  if (needs === 'to be a service') return caller === 'SERVICE' ? 'allowed' : 'FORBIDDEN';
  const relation = CALLERS[caller].to[kind];
  if (may(relation, needs)) return 'allowed';
  return may(relation, 'entity.read') ? 'FORBIDDEN' : 'unseen';
}

const REFUSED_FOR_WHO_ASKS = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'INTERNAL_SERVER_ERROR'];

describe.each(Object.entries(ROWS))('%s', (_name, row) => {
  const kinds = row.on === undefined ? (['ORGANIZATION', 'USER'] as const) : [row.on];

  it('needs a token, unless it is for anybody', async () => {
    for (const kind of kinds) {
      const answer = await answerOf(null, row.ask(targets[kind], 'another user'));
      expect(codesOf(answer)).toEqual(row.needs === 'nothing' ? [] : ['UNAUTHENTICATED']);
    }
  });

  it.each(CALLER_NAMES)('asked by %s is what the table says', async (caller) => {
    for (const kind of kinds) {
      const verdict = expected(row, caller, kind);
      const answer = await answerOf(caller, row.ask(targets[kind], caller));
      await row.after?.();
      switch (verdict) {
        case 'allowed':
          expect({
            kind,
            codes: codesOf(answer).filter((code) => REFUSED_FOR_WHO_ASKS.includes(code as string)),
          }).toEqual({
            kind,
            codes: [],
          });
          expect(Object.values(answer.data ?? { refused: 1 })).not.toContain(null);
          break;
        case 'FORBIDDEN':
          expect({ kind, codes: codesOf(answer) }).toEqual({ kind, codes: ['FORBIDDEN'] });
          break;
        case 'unseen':
          expect({ kind, answer }).toEqual({ kind, answer: await answerOf(caller, row.ask(unknown(kind), caller)) });
          expect(Object.values(answer.data ?? {}).filter((value) => value !== null)).toEqual([]);
      }
    }
  });
});

describe('the fields of a billing entity', () => {
  interface Entity extends Record<string, unknown> {
    viewerPermissions: string[];
    usage: { edges: { node: { user: { externalId: string }; ledgerEntry: unknown } }[] };
    usageSummary: { user: { externalId: string } }[];
    members: { edges: { node: { user: { externalId: string } } }[] } | null;
  }

  async function read(caller: CallerName, { id, recordId: record, apiKeyId: apiKey }: Target): Promise<Entity | null> {
    const fields = Object.entries(FIELDS).map(
      ([name, { ask }]) => ask?.replace('RECORD', record).replace('KEY', apiKey) ?? name,
    );
    const { data, errors } = await send(
      app.url,
      tokens.get(caller) as string,
      `{ billingEntity(id: "${id}") { ${fields.join(' ')} } }`,
    );
    expect(errors).toEqual([]);
    return (data as never as { billingEntity: Entity | null }).billingEntity;
  }

  it.each(CALLER_NAMES)('are to %s what the table says, and null ones spoil no others', async (caller) => {
    for (const kind of ['ORGANIZATION', 'USER'] as const) {
      const relation = CALLERS[caller].to[kind];
      const entity = await read(caller, targets[kind]);
      if (!may(relation, 'entity.read')) {
        expect({ kind, entity }).toEqual({ kind, entity: null });
        continue;
      }
      const nulls = Object.keys(FIELDS).filter((name) => entity?.[name] === null && !OFTEN_NULL.includes(name));
      const unreadable = Object.entries(FIELDS).filter(
        ([name, { needs, on = kind }]) =>
          !NEVER_NULL.includes(name) && !OFTEN_NULL.includes(name) && (on !== kind || !may(relation, needs)),
      );
      expect({ kind, nulls: nulls.toSorted() }).toEqual({ kind, nulls: unreadable.map(([name]) => name).toSorted() });
      expect(entity?.viewerPermissions).toEqual(permissionsOf(relation));
    }
  });

  it.each(CALLER_NAMES)('of records, sums and members hold for %s everybody’s, or only their own', async (caller) => {
    const { to, subject }: Caller = CALLERS[caller];
    const entity = await read(caller, targets.ORGANIZATION);
    if (entity === null) return;
    const whose = (all: readonly { user: { externalId: string } }[]): string[] =>
      [...new Set(all.map(({ user }) => user.externalId))].toSorted();
    const used = may(to.ORGANIZATION, 'usage.readAll') ? USERS : USERS.filter((each) => each === subject);
    expect(whose(entity.usage.edges.map(({ node }) => node))).toEqual(used);
    expect(whose(entity.usageSummary)).toEqual(used);
    const members = entity.members && whose(entity.members.edges.map(({ node }) => node));
    const all = ['admin', 'billing', 'invited', 'member', 'owner', 'suspended'];
    expect(members === null).toBe(!may(to.ORGANIZATION, 'members.read'));
    if (members === null) return;

    expect(members.filter((each) => each !== 'extra')).toEqual(
      may(to.ORGANIZATION, 'members.readAll') ? all : [subject],
    );
  });

  it('show a plain member their own record, in pages and files alike, and no other', async () => {
    const record = async (caller: CallerName, of: string): Promise<unknown> => {
      const query = `{ billingEntity(id: "${targets.ORGANIZATION.id}") { usageRecord(id: "${inPool.get(of)}") { id } } }`;
      return (await done<{ usageRecord: unknown }>(caller, query)).usageRecord;
    };
    expect(await record('MEMBER', 'member')).not.toBeNull();
    expect(await record('MEMBER', 'admin')).toBeNull();
    expect(await record('BILLING', 'member')).not.toBeNull();

    const file = async (caller: CallerName): Promise<string[]> => {
      const input = `billingEntityId: "${targets.ORGANIZATION.id}", kind: USAGE`;
      const { url } = await done<{ url: string }>(caller, `mutation { createExport(input: { ${input} }) { url } }`);
      const local = Object.assign(new URL(url), { host: new URL(app.url).host });
      const lines = (await (await fetch(local)).text()).trim().split('\r\n').slice(1);
      return USERS.filter((subject) => lines.some((line) => line.includes(`,${subject},`)));
    };
    expect(await file('OWNER')).toEqual(USERS);
    expect(await file('MEMBER')).toEqual(['member']);
    expect(await file('a suspended ADMIN')).toEqual([]);
  });

  it('are all in the table', () => {
    const type = schema.getType('BillingEntity');
    if (type === undefined || !('getFields' in type)) throw new Error('there is no BillingEntity');
    expect(Object.keys(FIELDS).toSorted()).toEqual(Object.keys(type.getFields()).toSorted());
  });
});

it('every operation is in the table', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const all = roots.flatMap((root) => Object.keys(root?.getFields() ?? {}).map((field) => `${root?.name}.${field}`));
  const asked = new Set(Object.keys(ROWS).map((name) => name.split(' ')[0] ?? ''));
  expect([...asked].toSorted()).toEqual(all.toSorted());
});

/**
 * No way through the schema leads from what somebody may read to what they may not: every path from every root, made from
 * the schema, is asked of the whole application by every kind of caller, and whatever comes back is searched for what is
 * somebody's. What may be found follows from the table in authorization.ts. New fields are walked by themselves; a new root
 * with arguments wants a row here.
 */
import type { Client } from 'graphql-ws';
import { alertId } from '../../src/kernel/public-ids.ts';
import { type GraphQLField, type GraphQLSchema, isRequiredArgument } from 'graphql';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { send, type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Events, socketClient } from '../support/live-client.ts';
import {
  type Caller,
  ENTITIES,
  type EntityName,
  KINDS,
  makeWorld,
  type Mark,
  marksIn,
  mayRead,
  ORGANIZATIONS,
  type Target,
  type World,
} from '../support/marked-world.ts';
import { waitFor } from '../support/wait-for.ts';
import { everythingUnder, type WalkOptions } from '../support/schema-walk.ts';

/** Bounds of documents are not what is tried here. */
const ENV = {
  DOCUMENT_BYTES: '16777216',
  DOCUMENT_TOKENS: '1000000',
  DOCUMENT_DEPTH: '100',
  DOCUMENT_ALIASES: '10000',
  DOCUMENT_FIELDS: '100000',
  OPERATION_COST: '100000000',
  RATE_LIMIT_USER: '0',
  RATE_LIMIT_API_KEY: '0',
  RATE_LIMIT_ANONYMOUS: '0',
};

let bench: Bench;
let app: TestApp;
let schema: GraphQLSchema;
let world: World;
let made = 0;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ env: ENV });
  schema = await buildTollgateSchema();
  world = await makeWorld(app);
}, 120_000);

afterAll(() => bench.close());

const EVER = 'from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z"';

/** What fields below the roots are asked for. */
function argsFor({ recordIds, keyId }: Target): WalkOptions['args'] {
  return {
    'BillingEntity.usageSummary': [
      `${EVER}, interval: TOTAL, groupBy: [USER, API_KEY, FEATURE, RESOURCE, BILLING_MODE]`,
    ],
    'BillingEntity.usageRecord': recordIds.map((id) => `id: "${id}"`),
    'BillingEntity.apiKey': [`id: "${keyId}"`],
    'BillingEntity.apiKeys': ['includeRevoked: true'],
    'BillingEntity.grants': ['activeOnly: false'],
    'BillingEntity.reservations': ['statuses: [HELD, SETTLED, RELEASED, EXPIRED]'],
  };
}

/** Everything under a root field; where most paths begin, circles once around. */
function document(kind: string, field: GraphQLField<unknown, unknown>, target: Target, given: string): string {
  const visits = ['billingEntity', 'viewer', 'usageRecorded'].includes(field.name) ? 2 : 1;
  const under = everythingUnder(field, { schema, visits, rows: [20, 2, 1], args: argsFor(target) });
  return `${kind} { ${field.name}${given === '' ? '' : `(${given})`} ${under} }`;
}

const key = (): string => `idempotencyKey: "walk-${(made += 1)}"`;
const LINES = 'lines: [{ resource: AI_TOKENS, quantity: 100 }]';
const byId = ({ id }: Target): string => `billingEntityId: "${id}"`;
const isOrganization = ({ name }: Target): boolean => ORGANIZATIONS.includes(name);

/** Use in the target, or at its expense, as this caller would name it. */
function useOf(target: Target, { as, kind }: Caller): string {
  const member = target.name === 'closed' ? 'member' : 'openMember';
  const who = kind === 'USER' ? as : isOrganization(target) ? member : target.name;
  const where = isOrganization(target) ? `, organizationExternalId: "${target.name}"` : '';
  return `${LINES}, userExternalId: "${who}"${where}`;
}

/** The arguments, as written; several: it is asked with each. */
type Given = (target: Target, caller: Caller) => string | readonly string[];

/** How roots that need to be told something are asked, where an entity's id alone does not do. */
const ROOTS: Readonly<Record<string, Given>> = {
  'Query.billingEntity': ({ id }) => `id: "${id}"`,
  'Query.node': ({ id, recordIds, holdId, keyId, alertId }) =>
    [id, ...recordIds, holdId, keyId, ...(alertId === null ? [] : [alertId])].map((each) => `id: "${each}"`),
  'Query.billingEntityByExternalId': (target) =>
    `type: ${isOrganization(target) ? 'ORGANIZATION' : 'USER'}, externalId: "${target.name}"`,
  'Query.checkUsage': (target, caller) =>
    `input: { ${useOf(target, caller).replace('quantity: 100', 'quantity: 1000000000000')} }`,
  'Query.hasFeature': (target) => `${byId(target)}, feature: "basic_chatflows"`,
  'Query.previewPlanChange': (target) => `input: { ${byId(target)}, plan: PRO }`,
  'Mutation.consumeCredits': (target, caller) => `input: { ${key()}, ${useOf(target, caller)} }`,
  'Mutation.consumeCreditsBatch': (target, caller) => `inputs: [{ ${key()}, ${useOf(target, caller)} }]`,
  'Mutation.reserveCredits': (target, caller) => `input: { ${key()}, ${useOf(target, caller)} }`,
  'Mutation.extendReservation': ({ holdId }) => `id: "${holdId}", ttlSeconds: 86400`,
  'Mutation.releaseReservation': ({ holdId }) => `id: "${holdId}"`,
  'Mutation.grantCredits': (target) => `input: { ${byId(target)}, ${key()}, amount: 5, source: PURCHASE, reason: "r" }`,
  'Mutation.adjustCredits': (target) => `input: { ${byId(target)}, ${key()}, amount: 5, reason: "r" }`,
  'Mutation.refundUsage': ({ recordIds }) => `recordId: "${recordIds[0]}", ${key()}, reason: "r"`,
  'Mutation.transferCredits': (target, { as }) => {
    const to = isOrganization(target) ? 'member' : target.name === 'member' ? 'closed' : (as ?? 'member');
    return `input: { ${key()}, fromBillingEntityId: "${target.id}", toBillingEntityId: "${world.targets[to].id}", amount: 1 }`;
  },
  'Mutation.setOveragePolicy': (target) => `input: { ${byId(target)}, enabled: false }`,
  'Mutation.cancelSubscription': (target) => `input: { ${byId(target)} }`,
  'Mutation.resumeSubscription': (target) => `input: { ${byId(target)} }`,
  'Mutation.changePlan': (target) => `input: { ${byId(target)}, plan: PRO }`,
  'Mutation.completeCheckout': (target) => `${byId(target)}, sessionId: "cs_1"`,
  'Mutation.createCheckoutSession': (target) =>
    `input: { ${byId(target)}, credits: 12500, successUrl: "http://localhost/", cancelUrl: "http://localhost/" }`,
  'Mutation.createBillingPortalSession': (target) => `input: { ${byId(target)}, returnUrl: "http://localhost/" }`,
  'Mutation.createExport': (target) => `input: { ${byId(target)}, kind: USAGE }`,
  'Mutation.createApiKey': (target) => `input: { ${byId(target)}, name: "k", type: PLATFORM, provider: OPENAI }`,
  'Mutation.updateApiKey': ({ keyId: id }) => `input: { id: "${id}", creditLimit: null }`,
  'Mutation.rotateApiKey': ({ keyId: id }) => `input: { id: "${id}", overlapSeconds: 3600 }`,
  'Mutation.revokeApiKey': ({ keyId: id }) => `id: "${id}"`,
  'Mutation.setAlertPreferences': (target) => `input: { ${byId(target)}, preferences: [] }`,
  'Mutation.acknowledgeAlert': ({ id, alertId: alert }) => `id: "${alert ?? alertId(id, 1n)}"`,
  'Mutation.setWebhookEndpoint': (target) => `input: { ${byId(target)} }`,
  'Mutation.rotateWebhookSecret': (target) => `input: { ${byId(target)} }`,
  'Mutation.testWebhook': (target) => `input: { ${byId(target)} }`,
  'Mutation.resendWebhookDelivery': ({ deliveryId }) => `id: "${deliveryId}"`,
  'Mutation.providerSecret': (target) =>
    isOrganization(target)
      ? `input: { provider: OPENAI, userExternalId: "member", organizationExternalId: "${target.name}" }`
      : `input: { provider: OPENAI, userExternalId: "${target.name}" }`,
  'Mutation.createOrganization': (target) => `input: { externalId: "${target.name}", name: "Taken" }`,
  'Mutation.updateOrganization': (target) => `input: { ${byId(target)}, name: "Club ${target.name}" }`,
  'Mutation.setMember': (target) => `input: { ${byId(target)}, userExternalId: "newcomer", role: MEMBER }`,
  'Mutation.removeMember': (target) => `input: { ${byId(target)}, userExternalId: "newcomer" }`,
  'Mutation.setOrganizationExternalId': (target) => `input: { ${byId(target)}, reason: "r" }`,
  'Mutation.reinstateBillingEntity': (target) => `input: { ${byId(target)} }`,
  'Mutation.suspendBillingEntity': (target) => `input: { ${byId(target)} }, reason: "r"`,
  'Mutation.retryJob': () => 'id: "0"',
};

/** What ends something for those who come later. */
const LAST = [
  'revokeApiKey',
  'releaseReservation',
  'suspendBillingEntity',
  'reinstateBillingEntity',
  'setOrganizationExternalId',
];

/**
 * A person's key that may use at the expense of a pool is told by the answer how that pool stands. A key of a PUBLIC
 * organization is told nothing of its members, who pay.
 */
const USE = ['Query.checkUsage', 'Mutation.consumeCredits', 'Mutation.consumeCreditsBatch', 'Mutation.reserveCredits'];
const PAYS_FOR: Readonly<Partial<Record<EntityName, EntityName>>> = { member: 'closed' };
const isAnswerToUse = (root: string, { kind: who, as }: Caller, { kind, of }: Mark): boolean =>
  USE.includes(root) && who === 'API_KEY' && kind === 'balance' && as !== null && of[0] === PAYS_FOR[as];

interface Leak {
  readonly root: string;
  readonly of: string;
  readonly to: string;
  readonly mark: string;
}

/** Whose things are asked for, and changed: enough for every relation. */
const TARGETS = {
  Query: ['open', 'passer', 'openMember', 'closed', 'member', 'former', 'other'],
  Mutation: ['open', 'passer', 'closed', 'member'],
} as const;

const seen = new Set<string>();

/** What of an answer the caller may not read. */
function leaksIn(answer: unknown, asked: { root: string; target: Target; caller: Caller }): Leak[] {
  const { root, target, caller } = asked;
  const marks = marksIn(answer, world.ownerOf);
  const leaked = marks.filter((mark) => !mayRead(caller, mark) && !isAnswerToUse(root, caller, mark));
  for (const { kind, of } of marks) seen.add(`${kind} ${of[0]}`);
  return leaked.map(({ kind, of }) => ({
    root,
    of: target.name,
    to: caller.name,
    mark: `${kind} of ${of.join(', ')}`,
  }));
}

function rootsOf(kind: 'Query' | 'Mutation' | 'Subscription'): GraphQLField<unknown, unknown>[] {
  const type = {
    Query: schema.getQueryType(),
    Mutation: schema.getMutationType(),
    Subscription: schema.getSubscriptionType(),
  }[kind];
  return Object.values(type?.getFields() ?? {});
}

/** How a root is asked; null: it need not be told anything. */
function givenTo(kind: string, { name, args }: GraphQLField<unknown, unknown>): Given | null {
  const known = ROOTS[`${kind}.${name}`];
  if (known !== undefined) return known;
  const wanted = args.filter(isRequiredArgument).map((arg) => arg.name);
  if (wanted.length === 0) return null;
  if (wanted.join() === 'billingEntityId') return byId;
  throw new Error(`${kind}.${name} is not walked: say above how to ask it`);
}

/** Every target by every caller; roots that are told nothing are asked once. */
async function walk(kind: 'Query' | 'Mutation', field: GraphQLField<unknown, unknown>): Promise<Leak[]> {
  const root = `${kind}.${field.name}`;
  const given = givenTo(kind, field);
  const leaks: Leak[] = [];
  const targets = (given === null ? (['closed'] as const) : TARGETS[kind]).map((name) => world.targets[name]);
  for (const target of targets) {
    const asked = world.callers.flatMap((caller) =>
      [given === null ? '' : given(target, caller)].flat().map((args) => ({ caller, args })),
    );
    const answers = asked.map(async ({ caller, args }) => {
      const text = document(kind.toLowerCase(), field, target, args);
      const { data, errors } = await send(app.url, caller.token, text);
      for (const { message, extensions } of errors) {
        // A document that is refused as one leads nowhere, and so shows nothing.
        if (
          ['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED', 'INTERNAL_SERVER_ERROR'].includes(
            String(extensions['code']),
          ) ||
          /may ask for/.test(message)
        ) {
          throw new Error(`${root} of ${target.name} by ${caller.name}: ${message}`);
        }
      }
      return leaksIn({ data, errors, files: await filesOf(data) }, { root, target, caller });
    });
    leaks.push(...(await Promise.all(answers)).flat());
  }
  return leaks;
}

/** The files that an answer links to, each read to its end. */
async function filesOf(data: Record<string, unknown> | null): Promise<readonly string[]> {
  const { url } = (data?.['createExport'] ?? {}) as { url?: string };
  if (url === undefined) return [];
  const file = await fetch(Object.assign(new URL(url), { host: new URL(app.url).host }));
  return (await file.text()).split('\r\n');
}

/** A few of each kind say enough. */
const summary = (leaks: readonly Leak[]): readonly Leak[] => leaks.slice(0, 12);

it('no query leads anybody to what they may not read', async () => {
  for (const field of rootsOf('Query')) expect(summary(await walk('Query', field))).toEqual([]);
}, 120_000);

it('no event does', async () => {
  const leaks: Leak[] = [];
  const used = [
    { name: 'closed', where: 'closed', users: ['admin', 'member'], mark: ['closed', 'member', 'closed'] },
    { name: 'member', where: null, users: ['admin', 'member'], mark: ['member', 'member', 'member'] },
    { name: 'open', where: 'open', users: ['passer', 'openMember'], mark: ['openMember', 'openMember', 'open'] },
  ] as const;
  for (const { name, where, users, mark } of used) {
    const target = world.targets[name];
    const sockets: Client[] = [];
    const streams = world.callers
      .filter(({ token }) => token !== null)
      .flatMap((caller) =>
        rootsOf('Subscription').map((field) => {
          const client = socketClient(app.socketUrl, caller.token as string);
          sockets.push(client);
          const text = document('subscription', field, target, byId(target));
          return { root: `Subscription.${field.name}`, caller, events: new Events<unknown>(client, text, {}) };
        }),
      );
    // There are only so many alerts to raise, so all who may hear them listen before the first.
    const alertStreams = new Set(streams.filter(({ root }) => root === 'Subscription.alertRaised'));
    for (const stream of alertStreams) void stream.events.ended.then(() => alertStreams.delete(stream));
    await waitFor(() => app.services.alertStreams.listening === alertStreams.size, 'streams of alerts');
    // Whoever may hear of it hears of it in the end; a stream may begin after what was used first.
    const readers = streams.filter(({ root, caller }) => {
      if (root === 'Subscription.usageRecorded') return mayRead(caller, { kind: 'use', of: mark });
      // What is used next raises one alert at least in whatever account pays.
      if (root === 'Subscription.alertRaised') {
        return where !== 'open' && mayRead(caller, { kind: 'alert', of: [name] });
      }
      return mayRead(caller, { kind: 'balance', of: [target.name] });
    });
    while (readers.some(({ events }) => events.all.length === 0)) {
      for (const user of users) await world.use(user, where);
    }
    for (const { root, caller, events } of streams) {
      leaks.push(...leaksIn(events.all, { root, target, caller }));
      void events.stop();
    }
    for (const socket of sockets) await socket.dispose();
    await waitFor(() => app.services.alertStreams.open === 0, 'the streams to end');
  }
  expect(summary(leaks)).toEqual([]);
}, 120_000);

it('no answer to a change does', async () => {
  const inOrder = rootsOf('Mutation').toSorted((a, b) => LAST.indexOf(a.name) - LAST.indexOf(b.name));
  for (const field of inOrder) {
    expect(summary(await walk('Mutation', field))).toEqual([]);
  }
}, 120_000);

it('and the walk found what there is of everybody, by who may read it', () => {
  const of: Readonly<Partial<Record<Mark['kind'], readonly EntityName[]>>> = {
    limit: ['open', 'closed'],
    // Nothing is paid by the one, and the other is suspended.
    alert: ENTITIES.filter((name) => name !== 'open' && name !== 'other'),
    audit: ['open', 'closed'],
    suspension: ['other'],
    transfer: ['closed'],
    use: ENTITIES.filter((name) => name !== 'open'),
    hold: ENTITIES.filter((name) => name !== 'open'),
  };
  const all = KINDS.flatMap((kind) => (of[kind] ?? ENTITIES).map((name) => `${kind} ${name}`));
  expect(all.filter((each) => !seen.has(each))).toEqual([]);
});

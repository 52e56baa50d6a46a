/** Alerts as clients of the API meet them: two servers of one installation, over HTTP and sockets. */
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import type { ProviderSubscription } from '../../src/ledger/rules/subscription.ts';
import { Receiver } from '../alerts/webhooks/receiver.ts';
import { send } from '../support/app.ts';
import { Events } from '../support/live-client.ts';
import { codeOf, CONSUME, tokensFor } from '../support/organizations.ts';
import { SET_PREFERENCES } from '../support/raised-alerts.ts';
import { everythingUnder } from '../support/schema-walk.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { waitFor } from '../support/wait-for.ts';

const FIELDS =
  'id billingEntityId type level remaining message usedRatio available member { id externalId name } createdAt acknowledgedAt';
const LIST = `query ($id: ID!, $first: Int! = 100, $after: String) { billingEntity(id: $id) {
  alerts(first: $first, after: $after) { edges { cursor node { ${FIELDS} } } pageInfo { hasNextPage endCursor } } } }`;
const WATCH = `subscription ($id: ID!) { alertRaised(billingEntityId: $id) { ${FIELDS} } }`;
const ACKNOWLEDGE = `mutation ($id: ID!) { acknowledgeAlert(id: $id) { ${FIELDS} } }`;
const PREFERENCES =
  'query ($id: ID!) { billingEntity(id: $id) { alertPreferences { id type level remaining channels enabled } alertEmails } }';

const SET_POLICY = 'mutation ($input: SetOveragePolicyInput!) { setOveragePolicy(input: $input) { cap } }';

interface Alert {
  readonly id: string;
  readonly type: string;
  readonly level: number | null;
  readonly remaining: number | null;
  readonly message: string;
  readonly usedRatio: number;
  readonly available: number;
  readonly member: { readonly externalId: string } | null;
  readonly acknowledgedAt: string | null;
}
interface Listed {
  readonly alerts: {
    readonly edges: readonly { readonly node: Alert }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  } | null;
}

let servers: TwoServers;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.open();
  servers = await startTwoServers();
});

afterAll(async () => {
  await servers.stop();
  await receiver.close();
});

/** All alerts of an entity, oldest first. */
async function alertsOf(id: string, token = servers.clients.operator): Promise<readonly Alert[] | null> {
  const { alerts } = await servers.ask<Listed>(token, LIST, { id });
  return alerts && alerts.edges.map(({ node }) => node).toReversed();
}

const inShort = (alerts: readonly Alert[] | null) =>
  alerts?.map(({ type, level, remaining }) =>
    [type, ...(level === null ? [] : [level]), ...(remaining === null ? [] : [`<${remaining}`])].join(' '),
  );

/** Uses credits one by one, 64 at a time, on both servers. */
async function useOneByOne(userExternalId: string, credits: number): Promise<readonly string[]> {
  const { ask, clients } = servers;
  const rest = Array.from({ length: credits }).values();
  const outcomes: string[] = [];
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      for (const _ of rest) {
        const input = { idempotencyKey: clients.next(), userExternalId, lines: tokensFor(1) };
        outcomes.push((await ask<{ __typename: string }>(clients.service, CONSUME, { input })).__typename);
      }
    }),
  );
  return outcomes;
}

function useAtOnce(
  userExternalId: string,
  credits: number,
  organizationExternalId?: string,
): Promise<{ reason?: string }> {
  const { ask, clients } = servers;
  const input = {
    ...{ idempotencyKey: clients.next(), userExternalId, lines: tokensFor(credits) },
    ...(organizationExternalId !== undefined && { organizationExternalId }),
  };
  return ask(clients.service, CONSUME, { input });
}

/** A paid subscription to PRO, a plan that allows overage. */
function proOf(id: string): ProviderSubscription {
  const period = { start: new Date(Date.now() - 86_400_000), end: new Date(Date.now() + 86_400_000) };
  return {
    ...{ id: `sub_${id}`, plan: 'PRO', quantity: 1, next: { plan: 'PRO', quantity: 1 } },
    ...{ paymentStanding: 'GOOD', status: 'ACTIVE', graceEndsAt: null, anchor: period.start, period },
  };
}

function setPreferences(
  token: string,
  billingEntityId: string,
  preferences: object,
  more: object = {},
): Promise<readonly object[]> {
  return servers.ask(token, SET_PREFERENCES, { input: { billingEntityId, preferences, ...more } });
}

/** Watches an entity's alerts on both servers, from now on. */
async function watch(token: string, id: string): Promise<readonly Events<Alert>[]> {
  const before = [servers.one, servers.two].map(({ services }) => services.alertStreams.listening);
  const streams = servers.sockets(token).map((socket) => new Events<Alert>(socket, WATCH, { id }));
  for (const [at, { services }] of [servers.one, servers.two].entries()) {
    await waitFor(() => services.alertStreams.listening === (before[at] as number) + 1, 'a stream that misses nothing');
  }
  return streams;
}

describe('a climb to the last credit with 64 in flight on two servers', () => {
  it('raises one WARNING, one CRITICAL and one EXHAUSTED in order, live on both servers; and again after a grant', async () => {
    const { ask, clients } = servers;
    const user = await clients.user(400);
    const streams = await watch(user.token, user.id);
    await useOneByOne(user.externalId, 400);
    const climb = ['WARNING 0.8', 'CRITICAL 0.95', 'EXHAUSTED'];
    expect(inShort(await alertsOf(user.id, user.token))).toEqual(climb);
    for (const stream of streams) await stream.first(({ type }) => type === 'EXHAUSTED');
    await useOneByOne(user.externalId, 80);
    expect(inShort(await alertsOf(user.id))).toEqual(climb);
    const grant = {
      idempotencyKey: clients.next(),
      billingEntityId: user.id,
      amount: 400,
      source: 'PURCHASE',
      reason: 'more',
    };
    await ask(clients.operator, 'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { replayed } }', {
      input: grant,
    });
    await useOneByOne(user.externalId, 400);
    const all = [...climb, 'RECOVERED', 'WARNING 0.8', 'CRITICAL 0.95', 'EXHAUSTED'];
    const listed = await alertsOf(user.id);
    expect(inShort(listed)).toEqual(all);
    for (const stream of streams) {
      await stream.first(({ id }) => id === listed?.at(-1)?.id);
      expect(stream.all).toEqual(listed);
      await stream.stop();
    }
  });

  it('raises by what remains, each once and in order', async () => {
    const user = await servers.clients.user(300);
    const channels = ['IN_APP'];
    await setPreferences(user.token, user.id, [
      { type: 'CRITICAL', remaining: 40, channels },
      { type: 'WARNING', remaining: 150, channels },
    ]);
    await useOneByOne(user.externalId, 300);
    expect(inShort(await alertsOf(user.id))).toEqual(['WARNING <150', 'CRITICAL <40', 'EXHAUSTED']);
  });
});

it('a jump over two levels raises both, the lower first', async () => {
  const user = await servers.clients.user(1_000);
  await useAtOnce(user.externalId, 700);
  await useAtOnce(user.externalId, 260);
  const alerts = await alertsOf(user.id);
  expect(inShort(alerts)).toEqual(['WARNING 0.8', 'CRITICAL 0.95']);
  expect(new Set(alerts?.map(({ available }) => available))).toEqual(new Set([40]));
});

it('EXHAUSTED comes once when work is refused for what is left, though something is left for good', async () => {
  const user = await servers.clients.user(103);
  await setPreferences(user.token, user.id, []);
  for (let turn = 0; turn < 14; turn += 1) await useAtOnce(user.externalId, 10);
  const alerts = await alertsOf(user.id);
  expect(alerts).toMatchObject([{ type: 'EXHAUSTED', available: 3 }]);
  expect(alerts?.[0]?.message).toMatch(/^Use was refused/);
});

it('OVERAGE_CAP_REACHED comes once when work is refused for what is left of the cap, though it is never used up', async () => {
  const { ask, clients } = servers;
  const user = await clients.user(20);
  await setPreferences(user.token, user.id, []);
  await servers.one.services.subscriptions.follow(user.id, { providerSubscription: proOf(user.id), paidUnits: 1 });
  await clients.setCredits(user.id, 20);
  const policy = { billingEntityId: user.id, enabled: true, cap: 100 };
  await ask(user.token, SET_POLICY, { input: policy });
  await useAtOnce(user.externalId, 20);
  await useAtOnce(user.externalId, 95);
  const started = ['EXHAUSTED', 'OVERAGE_STARTED'];
  expect(inShort(await alertsOf(user.id))).toEqual(started);
  for (let turn = 0; turn < 3; turn += 1) {
    expect(await useAtOnce(user.externalId, 10)).toMatchObject({ reason: 'OVERAGE_CAP_REACHED' });
  }
  const alerts = await alertsOf(user.id);
  expect(inShort(alerts)).toEqual([...started, 'OVERAGE_CAP_REACHED']);
  expect(alerts?.at(-1)?.message).toMatch(/refused/);
});

describe('preferences', () => {
  const REFUSED: readonly [string, readonly object[]][] = [
    ['level 0', [{ type: 'WARNING', level: 0 }]],
    ['a level below 0', [{ type: 'WARNING', level: -0.1 }]],
    ['level 1.01', [{ type: 'WARNING', level: 1.01 }]],
    ['level 1.001', [{ type: 'WARNING', level: 1.001 }]],
    ['four decimals', [{ type: 'WARNING', level: 0.8001 }]],
    ['a level next to 0', [{ type: 'WARNING', level: Number.MIN_VALUE }]],
    ['remaining 0', [{ type: 'WARNING', remaining: 0 }]],
    ['remaining below 0', [{ type: 'WARNING', remaining: -1 }]],
    ['neither', [{ type: 'CRITICAL' }]],
    ['both', [{ type: 'CRITICAL', level: 0.5, remaining: 5 }]],
    ['a level of an event', [{ type: 'EXHAUSTED', level: 0.5 }]],
    ['what remains, of an event', [{ type: 'PAYMENT_FAILED', remaining: 5 }]],
    [
      'the same level twice',
      [
        { type: 'WARNING', level: 0.5 },
        { type: 'WARNING', level: 0.5 },
      ],
    ],
    [
      'the same remainder twice',
      [
        { type: 'WARNING', remaining: 5 },
        { type: 'WARNING', remaining: 5 },
      ],
    ],
    ['an event twice', [{ type: 'RECOVERED' }, { type: 'RECOVERED' }]],
    ['51 of them', Array.from({ length: 51 }, (_, at) => ({ type: 'WARNING', remaining: at + 1 }))],
  ];

  it.each(REFUSED)('are refused for %s, and stay what they were with the addresses', async (_what, list) => {
    const user = await servers.clients.user(10);
    await setPreferences(user.token, user.id, [{ type: 'WARNING', level: 0.5, channels: ['IN_APP'] }]);
    const before = await servers.ask(user.token, PREFERENCES, { id: user.id });
    const input = {
      billingEntityId: user.id,
      preferences: list.map((each) => ({ channels: ['IN_APP'], ...each })),
      emails: ['new@example.com'],
    };
    expect(await codeOf(servers.url(), user.token, SET_PREFERENCES, { input })).toBe('BAD_USER_INPUT');
    expect(await servers.ask(user.token, PREFERENCES, { id: user.id })).toEqual(before);
  });

  it('are refused for addresses that are none, and for more than ten, and stay what they were', async () => {
    const user = await servers.clients.user(10);
    const before = await servers.ask(user.token, PREFERENCES, { id: user.id });
    for (const emails of [['nobody'], Array.from({ length: 11 }, (_, at) => `a${at}@example.com`)]) {
      const input = { billingEntityId: user.id, preferences: [], emails };
      expect(await codeOf(servers.url(), user.token, SET_PREFERENCES, { input })).toBe('BAD_USER_INPUT');
    }
    expect(await servers.ask(user.token, PREFERENCES, { id: user.id })).toEqual(before);
  });

  it('are the defaults until they are set; set ones are followed by the defaults of what they leave open, and keep their ids', async () => {
    const user = await servers.clients.user(10);
    interface Preferences {
      readonly alertPreferences: readonly { readonly id: string }[];
      readonly alertEmails: readonly string[];
    }
    const { alertPreferences } = await servers.ask<Preferences>(user.token, PREFERENCES, { id: user.id });
    const both = { channels: ['IN_APP', 'EMAIL'], enabled: true };
    const events = [
      'EXHAUSTED',
      'OVERAGE_STARTED',
      'OVERAGE_CAP_REACHED',
      'PAYMENT_FAILED',
      'MEMBER_LIMIT',
      'RECOVERED',
    ];
    const byDefault = (types: readonly string[]) =>
      types.map((type) => ({ type, level: null, remaining: null, ...both }));
    expect(alertPreferences).toMatchObject([
      { type: 'WARNING', level: 0.8, remaining: null, ...both },
      { type: 'CRITICAL', level: 0.95, remaining: null, ...both },
      ...byDefault(events),
    ]);
    const levels = [{ type: 'WARNING', level: 0.8, remaining: null, channels: ['WEBHOOK'], enabled: true }];
    const silenced = { type: 'EXHAUSTED', channels: ['IN_APP'], enabled: false };
    const set = await setPreferences(user.token, user.id, [...levels, silenced], { emails: ['ana@example.com'] });
    expect(set).toMatchObject([...levels, silenced, ...byDefault(events.slice(1))]);
    expect((set[0] as { id: string }).id).toBe(alertPreferences[0]?.id);
    expect(await servers.ask(user.token, PREFERENCES, { id: user.id })).toEqual({
      alertPreferences: set,
      alertEmails: ['ana@example.com'],
    });
    await setPreferences(user.token, user.id, [], { emails: null });
    const after = await servers.ask<Preferences>(user.token, PREFERENCES, { id: user.id });
    expect(after.alertPreferences).toMatchObject(byDefault(events));
    expect(after.alertEmails).toEqual(['ana@example.com']);
    await setPreferences(user.token, user.id, [], { emails: [] });
    expect((await servers.ask<Preferences>(user.token, PREFERENCES, { id: user.id })).alertEmails).toEqual([]);
  });

  it('that are changed in mid-climb hold from the next use on, and what is passed already waits until it is left', async () => {
    const { ask, clients } = servers;
    const user = await clients.user(1_000);
    const channels = ['IN_APP'];
    await useAtOnce(user.externalId, 500);
    // The present ratio is passed already, as is what lies below it.
    await setPreferences(
      user.token,
      user.id,
      [0.25, 0.5, 0.6].map((level) => ({ type: 'WARNING', level, channels })),
    );
    await useAtOnce(user.externalId, 50);
    expect(inShort(await alertsOf(user.id))).toEqual([]);
    await useAtOnce(user.externalId, 50);
    expect(inShort(await alertsOf(user.id))).toEqual(['WARNING 0.6']);
    // More than there is at all: it is passed, and waits as well.
    await setPreferences(user.token, user.id, [{ type: 'CRITICAL', remaining: 5_000, channels }]);
    await useAtOnce(user.externalId, 100);
    expect(inShort(await alertsOf(user.id))).toEqual(['WARNING 0.6']);
    await clients.setCredits(user.id, 6_000);
    await useAtOnce(user.externalId, 1_001);
    expect(inShort(await alertsOf(user.id))).toEqual(['WARNING 0.6', 'CRITICAL <5000']);
    await setPreferences(user.token, user.id, []);
    await useAtOnce(user.externalId, 4_999);
    expect(inShort(await alertsOf(user.id))).toEqual(['WARNING 0.6', 'CRITICAL <5000', 'EXHAUSTED']);
    expect(
      await ask(clients.operator, `{ verifyLedger(billingEntityId: "${user.id}") { consistent problems } }`),
    ).toEqual({
      consistent: true,
      problems: [],
    });
  });
});

describe('alerts of a pool', () => {
  it('about a member’s limit are heard and read by that member and by who reads all, and by nobody else', async () => {
    const { clients, ask } = servers;
    const club = await clients.organization('PRIVATE', 1_000);
    const [member, other] = [await clients.user(0), await clients.user(0)];
    await clients.setMember(club.owner, club.id, member.externalId, { creditLimit: 100 });
    await clients.setMember(club.owner, club.id, other.externalId);
    const ofOwner = await watch(club.owner, club.id);
    const ofMember = await watch(member.token, club.id);
    const ofOther = await watch(other.token, club.id);
    await useAtOnce(other.externalId, 10, club.externalId);
    await useAtOnce(member.externalId, 85, club.externalId);
    await useAtOnce(member.externalId, 15, club.externalId);
    await useAtOnce(other.externalId, 880, club.externalId);
    const mine = ['MEMBER_LIMIT 0.8', 'MEMBER_LIMIT 1'];
    expect(inShort(await alertsOf(club.id, club.owner))).toEqual([...mine, 'WARNING 0.8', 'CRITICAL 0.95']);
    const ofThem = await alertsOf(club.id, member.token);
    expect(inShort(ofThem)).toEqual(mine);
    expect(ofThem?.map((alert) => alert.member?.externalId)).toEqual([member.externalId, member.externalId]);
    expect(await alertsOf(club.id, other.token)).toEqual([]);
    for (const stream of ofOwner) await stream.first(({ type }) => type === 'CRITICAL');
    for (const stream of ofMember) await stream.first(({ level }) => level === 1);
    // Another alert of theirs comes after all of the owner's: nothing else came before.
    await clients.setMember(club.owner, club.id, other.externalId, { creditLimit: 900 });
    await useAtOnce(other.externalId, 1, club.externalId);
    for (const stream of ofOther) {
      await stream.first(({ level }) => level === 0.8);
      expect(inShort(stream.all)).toEqual(['MEMBER_LIMIT 0.8']);
    }
    for (const stream of ofMember) expect(inShort(stream.all)).toEqual(mine);
    const [limit] = ofThem ?? [];
    const url = servers.url();
    expect(await codeOf(url, member.token, ACKNOWLEDGE, { id: limit?.id })).toBe('FORBIDDEN');
    const stranger = await clients.user(0);
    expect(await codeOf(url, stranger.token, ACKNOWLEDGE, { id: limit?.id })).toBe('NOT_FOUND');
    const node = 'query ($id: ID!) { node(id: $id) { __typename id } }';
    expect(await ask(member.token, node, { id: limit?.id })).toEqual({ __typename: 'Alert', id: limit?.id });
    for (const { token } of [other, stranger]) expect(await ask(token, node, { id: limit?.id })).toBeNull();
  });
});

it('an alert is acknowledged once, for everybody who reads it', async () => {
  const user = await servers.clients.user(10);
  await useAtOnce(user.externalId, 10);
  const [first] = (await alertsOf(user.id)) ?? [];
  expect(first?.acknowledgedAt).toBeNull();
  const acknowledged = await servers.ask<Alert>(user.token, ACKNOWLEDGE, { id: first?.id });
  expect(acknowledged.acknowledgedAt).not.toBeNull();
  expect(await servers.ask(servers.clients.operator, ACKNOWLEDGE, { id: first?.id })).toEqual(acknowledged);
  expect((await alertsOf(user.id))?.[0]).toEqual(acknowledged);
});

it('an alert is live where IN_APP is among its channels, and listed whatever they are', async () => {
  const user = await servers.clients.user(100);
  await setPreferences(user.token, user.id, [
    { type: 'WARNING', level: 0.5, channels: ['EMAIL'] },
    { type: 'CRITICAL', level: 0.6, channels: ['IN_APP'] },
    { type: 'WARNING', level: 0.7, channels: [] },
  ]);
  const streams = await watch(user.token, user.id);
  const open = servers.sockets(user.token).map(
    (socket) =>
      new Events<object>(socket, 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { version } }', {
        id: user.id,
      }),
  );
  for (const each of open) await each.first(() => true);
  await useOneByOne(user.externalId, 90);
  expect(inShort(await alertsOf(user.id))).toEqual(['WARNING 0.5', 'CRITICAL 0.6']);
  for (const stream of streams) {
    await stream.first(({ type }) => type === 'CRITICAL');
    expect(inShort(stream.all)).toEqual(['CRITICAL 0.6']);
  }
});

it('pages go from the newest to the oldest, and none is told twice', async () => {
  const user = await servers.clients.user(100);
  const channels = ['IN_APP'];
  await setPreferences(
    user.token,
    user.id,
    Array.from({ length: 40 }, (_, at) => ({ type: 'WARNING', remaining: at + 10, channels })),
  );
  await useOneByOne(user.externalId, 100);
  const all = (await alertsOf(user.id))?.toReversed() ?? [];
  expect(all).toHaveLength(41);
  const paged: Alert[] = [];
  for (let after: string | null = null, hasNextPage = true; hasNextPage;) {
    const { alerts }: Listed = await servers.ask<Listed>(user.token, LIST, { id: user.id, first: 7, after });
    paged.push(...(alerts?.edges.map(({ node }) => node) ?? []));
    ({ endCursor: after, hasNextPage } = alerts?.pageInfo ?? { endCursor: null, hasNextPage: false });
  }
  expect(paged).toEqual(all);
});

it('the data of a webhook is the alert exactly as GraphQL prints it, with all its fields', async () => {
  const { ask, clients } = servers;
  const schema = await buildTollgateSchema();
  const club = await clients.organization('PRIVATE', 200);
  const member = await clients.user(0);
  await clients.setMember(club.owner, club.id, member.externalId, { creditLimit: 50 });
  const set = 'mutation ($input: SetWebhookEndpointInput!) { setWebhookEndpoint(input: $input) { secret } }';
  await ask(club.owner, set, { input: { billingEntityId: club.id, url: receiver.url } });
  const channels = ['WEBHOOK'];
  await setPreferences(club.owner, club.id, [
    { type: 'WARNING', level: 0.2, channels },
    { type: 'CRITICAL', remaining: 155, channels },
    ...['MEMBER_LIMIT', 'EXHAUSTED', 'RECOVERED'].map((type) => ({ type, channels })),
  ]);
  await useAtOnce(member.externalId, 50, club.externalId);
  await clients.setMember(club.owner, club.id, member.externalId, { creditLimit: null });
  await useAtOnce(member.externalId, 150, club.externalId);
  await clients.setCredits(club.id, 5);
  const field = schema.getSubscriptionType()?.getFields()['alertRaised'];
  if (field === undefined) throw new Error('there is no alertRaised');
  const everything = everythingUnder(field, { schema, visits: 1, rows: [1], args: {} }).replaceAll('__typename', '');
  const { data } = await send(
    servers.url(),
    clients.operator,
    `query ($id: ID!) { billingEntity(id: $id) { alerts(first: 100) { edges { node ${everything} } } } }`,
    { id: club.id },
  );
  const { alerts } = (data as unknown as { billingEntity: Listed }).billingEntity;
  const printed = alerts?.edges.map(({ node }) => node).toReversed() ?? [];
  expect(printed.map(({ type }) => type).toSorted()).toEqual([
    'CRITICAL',
    'EXHAUSTED',
    'MEMBER_LIMIT',
    'MEMBER_LIMIT',
    'RECOVERED',
    'WARNING',
  ]);
  await waitFor(() => receiver.received.length === printed.length, 'a webhook for each alert');
  const bodies = receiver.received.map(
    ({ body }) => JSON.parse(body.toString()) as { type: string; timestamp: string; data: Alert },
  );
  expect(bodies.map((each) => each.data)).toEqual(printed);
  expect(new Set(bodies.map(({ type }) => type))).toEqual(new Set(['alert.raised']));
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(ids.length);
});

/** Alerts as clients of the API meet them: two servers of one installation, over HTTP and sockets. */
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import type { ProviderSubscription } from '../../src/ledger/rules/subscription.ts';
import { Receiver } from '../alerts/webhooks/receiver.ts';
import { type Alert, ALERT_FIELDS, AlertClients, inShort, LIST_ALERTS, type Listed } from '../support/alert-clients.ts';
import { send } from '../support/app.ts';
import { Events } from '../support/live-client.ts';
import { codeOf } from '../support/organizations.ts';
import { everythingUnder } from '../support/schema-walk.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { waitFor } from '../support/wait-for.ts';

const ACKNOWLEDGE = `mutation ($id: ID!) { acknowledgeAlert(id: $id) { ${ALERT_FIELDS} } }`;
const SET_POLICY = 'mutation ($input: SetOveragePolicyInput!) { setOveragePolicy(input: $input) { cap } }';

let servers: TwoServers;
let client: AlertClients;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.open();
  servers = await startTwoServers();
  client = new AlertClients(servers);
});

afterAll(async () => {
  await servers.stop();
  await receiver.close();
});

/** A paid subscription to PRO, a plan that allows overage. */
function proOf(id: string): ProviderSubscription {
  const period = { start: new Date(Date.now() - 86_400_000), end: new Date(Date.now() + 86_400_000) };
  return {
    ...{ id: `sub_${id}`, plan: 'PRO', quantity: 1, next: { plan: 'PRO', quantity: 1 } },
    ...{ paymentStanding: 'GOOD', status: 'ACTIVE', graceEndsAt: null, anchor: period.start, period },
  };
}

describe('a climb to the last credit with 64 in flight on two servers', () => {
  it('raises one WARNING, one CRITICAL and one EXHAUSTED in order, live on both servers; and again after a grant', async () => {
    const { ask, clients } = servers;
    const user = await clients.user(400);
    const streams = await client.watch(user.token, user.id);
    await client.useOneByOne(user.externalId, 400);
    const climb = ['WARNING 0.8', 'CRITICAL 0.95', 'EXHAUSTED'];
    expect(inShort(await client.alertsOf(user.id, user.token))).toEqual(climb);
    for (const stream of streams) await stream.first(({ type }) => type === 'EXHAUSTED');
    await client.useOneByOne(user.externalId, 80);
    expect(inShort(await client.alertsOf(user.id))).toEqual(climb);
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
    await client.useOneByOne(user.externalId, 400);
    const all = [...climb, 'RECOVERED', 'WARNING 0.8', 'CRITICAL 0.95', 'EXHAUSTED'];
    const listed = await client.alertsOf(user.id);
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
    await client.setPreferences(user.token, user.id, [
      { type: 'CRITICAL', remaining: 40, channels },
      { type: 'WARNING', remaining: 150, channels },
    ]);
    await client.useOneByOne(user.externalId, 300);
    expect(inShort(await client.alertsOf(user.id))).toEqual(['WARNING <150', 'CRITICAL <40', 'EXHAUSTED']);
  });
});

it('a jump over two levels raises both, the lower first', async () => {
  const user = await servers.clients.user(1_000);
  await client.useAtOnce(user.externalId, 700);
  await client.useAtOnce(user.externalId, 260);
  const alerts = await client.alertsOf(user.id);
  expect(inShort(alerts)).toEqual(['WARNING 0.8', 'CRITICAL 0.95']);
  expect(new Set(alerts?.map(({ available }) => available))).toEqual(new Set([40]));
});

it('EXHAUSTED comes once when work is refused for what is left, though something is left for good', async () => {
  const user = await servers.clients.user(103);
  await client.setPreferences(user.token, user.id, []);
  for (let turn = 0; turn < 14; turn += 1) await client.useAtOnce(user.externalId, 10);
  const alerts = await client.alertsOf(user.id);
  expect(alerts).toMatchObject([{ type: 'EXHAUSTED', available: 3 }]);
  expect(alerts?.[0]?.message).toMatch(/^Use was refused/);
});

it('OVERAGE_CAP_REACHED comes once when work is refused for what is left of the cap, though it is never used up', async () => {
  const { ask, clients } = servers;
  const user = await clients.user(20);
  await client.setPreferences(user.token, user.id, []);
  await servers.one.services.subscriptions.follow(user.id, { providerSubscription: proOf(user.id), paidUnits: 1 });
  await clients.setCredits(user.id, 20);
  const policy = { billingEntityId: user.id, enabled: true, cap: 100 };
  await ask(user.token, SET_POLICY, { input: policy });
  await client.useAtOnce(user.externalId, 20);
  await client.useAtOnce(user.externalId, 95);
  const started = ['EXHAUSTED', 'OVERAGE_STARTED'];
  expect(inShort(await client.alertsOf(user.id))).toEqual(started);
  for (let turn = 0; turn < 3; turn += 1) {
    expect(await client.useAtOnce(user.externalId, 10)).toMatchObject({ reason: 'OVERAGE_CAP_REACHED' });
  }
  const alerts = await client.alertsOf(user.id);
  expect(inShort(alerts)).toEqual([...started, 'OVERAGE_CAP_REACHED']);
  expect(alerts?.at(-1)?.message).toMatch(/refused/);
});

describe('alerts of a pool', () => {
  it('about a member’s limit are heard and read by that member and by who reads all, and by nobody else', async () => {
    const { clients, ask } = servers;
    const club = await clients.organization('PRIVATE', 1_000);
    const [member, other] = [await clients.user(0), await clients.user(0)];
    await clients.setMember(club.owner, club.id, member.externalId, { creditLimit: 100 });
    await clients.setMember(club.owner, club.id, other.externalId);
    const ofOwner = await client.watch(club.owner, club.id);
    const ofMember = await client.watch(member.token, club.id);
    const ofOther = await client.watch(other.token, club.id);
    await client.useAtOnce(other.externalId, 10, club.externalId);
    await client.useAtOnce(member.externalId, 85, club.externalId);
    await client.useAtOnce(member.externalId, 15, club.externalId);
    await client.useAtOnce(other.externalId, 880, club.externalId);
    const mine = ['MEMBER_LIMIT 0.8', 'MEMBER_LIMIT 1'];
    expect(inShort(await client.alertsOf(club.id, club.owner))).toEqual([...mine, 'WARNING 0.8', 'CRITICAL 0.95']);
    const ofThem = await client.alertsOf(club.id, member.token);
    expect(inShort(ofThem)).toEqual(mine);
    expect(ofThem?.map((alert) => alert.member?.externalId)).toEqual([member.externalId, member.externalId]);
    expect(await client.alertsOf(club.id, other.token)).toEqual([]);
    for (const stream of ofOwner) await stream.first(({ type }) => type === 'CRITICAL');
    for (const stream of ofMember) await stream.first(({ level }) => level === 1);
    // Another alert of theirs comes after all of the owner's: nothing else came before.
    await clients.setMember(club.owner, club.id, other.externalId, { creditLimit: 900 });
    await client.useAtOnce(other.externalId, 1, club.externalId);
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
  await client.useAtOnce(user.externalId, 10);
  const [first] = (await client.alertsOf(user.id)) ?? [];
  expect(first?.acknowledgedAt).toBeNull();
  const acknowledged = await servers.ask<Alert>(user.token, ACKNOWLEDGE, { id: first?.id });
  expect(acknowledged.acknowledgedAt).not.toBeNull();
  expect(await servers.ask(servers.clients.operator, ACKNOWLEDGE, { id: first?.id })).toEqual(acknowledged);
  expect((await client.alertsOf(user.id))?.[0]).toEqual(acknowledged);
});

it('an alert is live where IN_APP is among its channels, and listed whatever they are', async () => {
  const user = await servers.clients.user(100);
  await client.setPreferences(user.token, user.id, [
    { type: 'WARNING', level: 0.5, channels: ['EMAIL'] },
    { type: 'CRITICAL', level: 0.6, channels: ['IN_APP'] },
    { type: 'WARNING', level: 0.7, channels: [] },
  ]);
  const streams = await client.watch(user.token, user.id);
  const open = servers.sockets(user.token).map(
    (socket) =>
      new Events<object>(socket, 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { version } }', {
        id: user.id,
      }),
  );
  for (const each of open) await each.first(() => true);
  await client.useOneByOne(user.externalId, 90);
  expect(inShort(await client.alertsOf(user.id))).toEqual(['WARNING 0.5', 'CRITICAL 0.6']);
  for (const stream of streams) {
    await stream.first(({ type }) => type === 'CRITICAL');
    expect(inShort(stream.all)).toEqual(['CRITICAL 0.6']);
  }
});

it('pages go from the newest to the oldest, and none is told twice', async () => {
  const user = await servers.clients.user(100);
  const channels = ['IN_APP'];
  await client.setPreferences(
    user.token,
    user.id,
    Array.from({ length: 40 }, (_, at) => ({ type: 'WARNING', remaining: at + 10, channels })),
  );
  await client.useOneByOne(user.externalId, 100);
  const all = (await client.alertsOf(user.id))?.toReversed() ?? [];
  expect(all).toHaveLength(41);
  const paged: Alert[] = [];
  for (let after: string | null = null, hasNextPage = true; hasNextPage;) {
    const { alerts }: Listed = await servers.ask<Listed>(user.token, LIST_ALERTS, { id: user.id, first: 7, after });
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
  await client.setPreferences(club.owner, club.id, [
    { type: 'WARNING', level: 0.2, channels },
    { type: 'CRITICAL', remaining: 155, channels },
    ...['MEMBER_LIMIT', 'EXHAUSTED', 'RECOVERED'].map((type) => ({ type, channels })),
  ]);
  await client.useAtOnce(member.externalId, 50, club.externalId);
  await clients.setMember(club.owner, club.id, member.externalId, { creditLimit: null });
  await client.useAtOnce(member.externalId, 150, club.externalId);
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

/** Streams end with their subscriber, however they go, and those of one account share what they read. */
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { SocketClient, until } from '../support/edges.ts';
import { type Ask, asker, Clients, CONSUME, tokensFor } from '../support/organizations.ts';

const schema = await buildTollgateSchema();
const FIELDS = Object.keys(schema.getSubscriptionType()?.getFields() ?? {});
const streamOf = (field: string): string => `subscription ($id: ID!) { ${field}(billingEntityId: $id) { __typename } }`;

let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
const clientsOpen: SocketClient[] = [];

/** The statements that read what a stream of use shows. */
let readings = 0;
const query = pg.Client.prototype.query;

beforeAll(async () => {
  pg.Client.prototype.query = function counted(this: pg.Client, ...args: unknown[]): unknown {
    if ((args[0] as { name?: string }).name === 'records-between') readings += 1;
    return Reflect.apply(query, this, args);
  } as typeof query;
  bench = await Bench.open();
  app = await bench.server();
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
});

afterEach(async () => {
  await Promise.all(clientsOpen.splice(0).map((client) => client.close()));
});

afterAll(async () => {
  pg.Client.prototype.query = query;
  await bench.close();
});

async function connect(token: string): Promise<SocketClient> {
  const client = new SocketClient(app.socketUrl);
  clientsOpen.push(client);
  return client.connect(token);
}

/** Every gauge of something that is open or listens, as operators see it. */
async function gauges(): Promise<Record<string, number>> {
  const text = await (await fetch(new URL('/metrics', app.url))).text();
  const lines = text.matchAll(/^(tollgate_(?:sockets|subscriptions|live)_[^ ]+) (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value]): [string, number] => [name, Number(value)]));
}

async function backAt(baseline: Record<string, number>): Promise<void> {
  let last: Record<string, number> = {};
  await until(async () => {
    last = await gauges();
    return JSON.stringify(last) === JSON.stringify(baseline);
  }).catch(() => expect(last).toEqual(baseline));
}

/** The numbers of listeners, one for each kind, the smallest first. */
async function listeners(): Promise<number[]> {
  const kinds = Object.entries(await gauges()).filter(([name]) => name.startsWith('tollgate_live_listeners{'));
  return kinds.map(([, count]) => count).toSorted((a, b) => a - b);
}

interface Shown {
  readonly data?: { readonly usageRecorded: { readonly records: readonly { readonly id: string }[] } };
}

const STREAMS = 40;

describe.each(FIELDS)('streams of %s', (field) => {
  it.each([
    ['are completed', (client: SocketClient) => complete(client)],
    ['lose their socket', (client: SocketClient) => client.socket.close()],
    ['lose their connection', (client: SocketClient) => client.socket.terminate()],
  ])('leave nothing behind when they %s, though nothing happens to the account', async (how, end) => {
    const user = await clients.user(0);
    const baseline = await gauges();
    const sockets = [await connect(user.token), await connect(user.token)];
    for (const [at, socket] of sockets.entries()) {
      for (let each = at; each < STREAMS; each += 2) socket.subscribe(`s${each}`, streamOf(field), { id: user.id });
    }
    await until(async () => (await gauges())['tollgate_live_streams_open'] === STREAMS);
    expect(await gauges()).toMatchObject({ tollgate_subscriptions_open: STREAMS, tollgate_sockets_open: 2 });
    // A listener of another kind, of the stream before, may still be going.
    const expected = [...FIELDS.slice(1).map(() => 0), STREAMS];
    await until(async () => isDeepStrictEqual(await listeners(), expected)).catch(() => undefined);
    expect(await listeners()).toEqual(expected);
    for (const socket of sockets) end(socket);
    await backAt(how === 'are completed' ? { ...baseline, tollgate_sockets_open: 2 } : baseline);
  });
});

function complete(client: SocketClient): void {
  for (let each = 0; each < STREAMS; each += 1) client.send({ id: `s${each}`, type: 'complete' });
}

it('streams of the use of one account read it once a change for each of what they may see, and once ended not at all', async () => {
  const club = await clients.organization('PRIVATE', 1_000);
  const member = await clients.user(0);
  await clients.setMember(club.owner, club.id, member.externalId);
  const service = await tokenOf('platform', { scope: 'billing:usage' });
  const consume = async (): Promise<string> => {
    const input = {
      idempotencyKey: clients.next(),
      organizationExternalId: club.externalId,
      userExternalId: member.externalId,
      lines: tokensFor(1),
    };
    const { records } = await ask<{ records: readonly [{ readonly id: string }] }>(service, CONSUME, { input });
    return records[0].id;
  };
  const document = `subscription ($id: ID!) { usageRecorded(billingEntityId: $id) { records { id } } }`;
  const [everybodys, own] = [await connect(club.owner), await connect(member.token)];
  for (const client of [everybodys, own]) {
    for (let at = 0; at < 25; at += 1) client.subscribe(`s${at}`, document, { id: club.id });
  }
  const told = (): number => [everybodys, own].reduce((sum, { messages }) => sum + messages.length - 1, 0);
  /** Streams that have shown the record. */
  const shownIn = (record: string): number =>
    [everybodys, own].flatMap(({ messages }) =>
      messages.filter(({ payload }) => {
        const records = (payload as Shown | undefined)?.data?.usageRecorded.records ?? [];
        return records.some(({ id }) => id === record);
      }),
    ).length;
  await until(() => app.services.usage.openStreams === 50);
  // A change may come before a stream has seen how it stands, which then does not show it: so again, until all do.
  const showing = (): number =>
    [everybodys, own].reduce((sum, { messages }) => sum + new Set(messages.flatMap(({ id }) => id ?? [])).size, 0);
  await until(async () => {
    if (showing() < 50) await consume();
    return showing() === 50;
  });
  for (let change = 0; change < 3; change += 1) {
    // Once the newest record has come to everybody, nothing before it is on its way.
    const newest = await consume();
    await until(() => shownIn(newest) === 50);
    const before = told();
    readings = 0;
    const next = await consume();
    await until(() => shownIn(next) === 50);
    expect({ told: told() - before, readings }).toEqual({ told: 50, readings: 2 });
  }
  for (const client of [everybodys, own]) complete(client);
  await until(() => app.services.live.openStreams === 0);
  readings = 0;
  await consume();
  const last = await connect(club.owner);
  last.subscribe('s', 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { used } }', { id: club.id });
  await last.next(({ id }) => id === 's');
  expect(readings).toBe(0);
});

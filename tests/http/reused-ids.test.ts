/** A client may use the id of what is complete again, at once: each start is a thing of its own. */
import fc from 'fast-check';
import type { Rights, Watch } from '../../src/graphql/request/rights.ts';
import { sampleToken, SocketClient, startEdges, until } from '../support/edges.ts';
import type { Edges } from '../support/edges.ts';
import { ManualScheduler } from '../live/manual-scheduler.ts';

const IDS = ['a', 'b'] as const;

type Step =
  /** Many of a kind in one turn of the event loop, as one after the other. */
  | { readonly do: 'subscribe' | 'complete'; readonly id: (typeof IDS)[number]; readonly slowness: number }
  /** The server ends what the id names, and the client hears of it. */
  | { readonly do: 'finish'; readonly id: (typeof IDS)[number] }
  /** A query under the id, which is answered before the next step. */
  | { readonly do: 'ask'; readonly id: (typeof IDS)[number] }
  /** What was sent so far goes its way for a while. */
  | { readonly do: 'pause'; readonly turns: number };

const id = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('subscribe' as const), id, slowness: fc.nat({ max: 3 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('complete' as const), id, slowness: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('finish' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ask' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const), turns: fc.integer({ min: 1, max: 4 }) }) },
);

const TOLD = 'subscription ($name: String!) { told(name: $name) }';

let edges: Edges;
let token: string;
/** What is asked about, and what is answered to it. */
let watched: readonly Watch[];
let areAllLost: boolean;
const scheduler = new ManualScheduler();

beforeAll(async () => {
  const rights: Rights = {
    endedAmong(watches) {
      watched = watches;
      return Promise.resolve(new Set(areAllLost ? watches : []));
    },
    goodAmong: (bearers) => Promise.resolve(new Set(bearers)),
  };
  edges = await startEdges({ rights, scheduler, env: { RATE_LIMIT_USER: '1000000' } });
  token = await sampleToken();
});

afterAll(() => edges.server.drain());

const gauge = async (): Promise<number> => (await edges.metrics.subscriptionsOpen.get()).values[0]?.value ?? 0;

/** What watches over rights has asked about, by now. */
async function watchedNames(): Promise<string[]> {
  watched = [];
  await scheduler.advance(400);
  return watched.map(({ billingEntityId }) => billingEntityId).toSorted();
}

/** Everything that was sent before has been received. */
async function answered(client: SocketClient): Promise<void> {
  expect((await client.run('{ hello }')).payload).toEqual({ data: { hello: 'world' } });
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends the steps as a client that keeps to the protocol does; answers the names of what it holds for open, by id. */
async function walk(client: SocketClient, steps: readonly Step[]): Promise<Map<string, string>> {
  const open = new Map<string, string>();
  const waits: number[] = [];
  edges.streams.slowness = () => waits.shift() ?? 0;
  let started = 0;
  for (const each of steps) {
    switch (each.do) {
      case 'subscribe':
        if (open.has(each.id)) break;
        started += 1;
        waits.push(each.slowness);
        open.set(each.id, `stream ${started}`);
        client.subscribe(each.id, TOLD, { name: `stream ${started}` });
        break;
      case 'complete':
        if (open.delete(each.id)) client.send({ id: each.id, type: 'complete' });
        break;
      case 'finish': {
        const name = open.get(each.id);
        if (name === undefined) break;
        await until(() => edges.streams.names.includes(name));
        const from = client.messages.length;
        for (const stream of edges.streams.open) if (stream.name === name) stream.end();
        await client.next((message) => message.type === 'complete' && client.messages.indexOf(message) >= from);
        open.delete(each.id);
        break;
      }
      case 'ask': {
        if (open.has(each.id)) break;
        const from = client.messages.length;
        client.subscribe(each.id, '{ hello }');
        await client.next(
          (message) =>
            message.id === each.id && message.type === 'complete' && client.messages.indexOf(message) >= from,
        );
        break;
      }
      case 'pause':
        await turns(each.turns);
        break;
    }
  }
  return open;
}

async function expectExactly(client: SocketClient, open: ReadonlyMap<string, string>): Promise<void> {
  const names = [...open.values()].toSorted();
  // What was completed is freed without anything happening to it.
  await answered(client);
  await until(() => JSON.stringify(edges.streams.names) === JSON.stringify(names));
  await until(async () => (await gauge()) === names.length);
  await until(async () => JSON.stringify(await watchedNames()) === JSON.stringify(names));
  const from = client.messages.length;
  edges.streams.tell();
  await until(() => client.messages.length >= from + names.length);
  await answered(client);
  const told = client.messages.slice(from).filter(({ id }) => IDS.includes(id as 'a'));
  expect(new Map(told.map((message) => [message.id, message.payload.data.told as unknown]))).toEqual(open);
  expect(told).toHaveLength(names.length);
}

async function expectAllEnded(client: SocketClient, open: ReadonlyMap<string, string>): Promise<void> {
  const from = client.messages.length;
  areAllLost = true;
  await watchedNames();
  await until(() => client.messages.length >= from + open.size);
  areAllLost = false;
  await answered(client);
  const told = client.messages.slice(from).filter(({ id }) => IDS.includes(id as 'a'));
  expect(told.map(({ id, type }) => `${id} ${type}`).toSorted()).toEqual(
    [...open.keys()].toSorted().map((each) => `${each} complete`),
  );
  expect([edges.streams.names, await gauge(), await watchedNames()]).toEqual([[], 0, []]);
}

it('the id of a completed subscription names another in the same turn, and both are what they are', async () => {
  const client = await new SocketClient(edges.socketUrl).connect(token);
  const open = await walk(client, [
    { do: 'subscribe', id: 'a', slowness: 0 },
    { do: 'complete', id: 'a', slowness: 0 },
    { do: 'subscribe', id: 'a', slowness: 0 },
  ]);
  await expectExactly(client, open);
  await expectAllEnded(client, open);
  await client.close();
});

it('whatever a client completes and begins under one id, open is what it holds for open, and all of it is watched', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), fc.boolean(), async (steps, isLost) => {
      const client = await new SocketClient(edges.socketUrl).connect(token);
      const open = await walk(client, steps);
      await expectExactly(client, open);
      if (isLost) await expectAllEnded(client, open);
      await client.close();
      await until(async () => edges.streams.open.size === 0 && (await gauge()) === 0);
    }),
    { numRuns: 150 },
  );
}, 120_000);

it('an id that still names something closes the socket with 4409, however long it is', async () => {
  for (const long of ['s', 's'.repeat(255)]) {
    const client = await new SocketClient(edges.socketUrl).connect(token);
    client.subscribe(long, TOLD, { name: 'one' });
    client.subscribe(long, TOLD, { name: 'another' });
    expect((await client.closed).code).toBe(4409);
  }
  const client = await new SocketClient(edges.socketUrl).connect(token);
  client.subscribe('s'.repeat(256), TOLD, { name: 'one' });
  expect((await client.closed).code).toBe(4400);
});

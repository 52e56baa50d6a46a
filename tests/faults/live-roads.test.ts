import pg from 'pg';
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Events, socketClient } from '../support/live-client.ts';
import { describeRoads } from '../support/live-roads.ts';
import { SET_PREFERENCES } from '../support/raised-alerts.ts';
import { RedisServer } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const BALANCE = `subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { available used version } }`;
const CONSUME = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  ... on ConsumeCreditsSuccess { balance { available used version } }
} }`;

interface Balance {
  readonly available: number;
  readonly used: number;
  readonly version: number;
}

/** What carries live events from server to server, and how it breaks. */
interface LiveRoad {
  readonly env: Readonly<Record<string, string>>;
  /** Breaks it: nothing passes from now on. */
  breakDown(): Promise<void>;
  /** Lets it come back. */
  repair(): Promise<void>;
}

describeRoads('two servers joined by', { PostgreSQL: notifyRoad, Redis: redisRoad }, (openRoad) => {
  let bench: Bench;
  let road: LiveRoad;
  let servers: TestApp[];
  let service: string;

  beforeAll(async () => {
    bench = await Bench.open();
    road = await openRoad(bench);
    servers = [await bench.server({ env: road.env }), await bench.server({ env: road.env })];
    service = await tokenOf('a platform', { scope: 'billing:usage' });
  });

  afterAll(() => bench.close());

  /** Consumes one credit on the servers in turns, and gives the state after the last. */
  async function consume(subject: string, times: number): Promise<Balance> {
    const states: Balance[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      const { data, errors } = await send(servers[turn % 2]?.url ?? '', service, CONSUME, {
        input: {
          idempotencyKey: `${subject} ${states.length} ${performance.now()}`,
          userExternalId: subject,
          lines: [{ resource: 'AI_TOKENS', quantity: 10 }],
        },
      });
      expect(errors).toEqual([]);
      states.push((data as { consumeCredits: { balance: Balance } } | null)?.consumeCredits.balance as Balance);
    }
    return states.at(-1) as Balance;
  }

  test('every subscriber of both ends at the true state, though the road between them broke in the middle', async () => {
    const people = await Promise.all(
      ['ann', 'ben', 'cleo', 'dan'].map(async (subject) => {
        const token = await tokenOf(subject);
        const { data } = await send(servers[0]?.url ?? '', token, '{ viewer { user { id } } }');
        const id = (data as { viewer: { user: { id: string } } } | null)?.viewer.user.id ?? '';
        const clients = servers.map(({ socketUrl }) => socketClient(socketUrl, token));
        const streams = clients.flatMap((client) =>
          Array.from({ length: 5 }, () => new Events<Balance>(client, BALANCE, { id })),
        );
        await Promise.all(streams.map((stream) => stream.first(() => true)));
        return { subject, streams, clients };
      }),
    );
    /** Waits until all subscribers of everybody have seen the state after so many more credits. */
    const converge = (): Promise<unknown> =>
      Promise.all(
        people.map(async ({ subject, streams }) => {
          const last = await consume(subject, 4);
          await Promise.all(streams.map((stream) => stream.first(({ version }) => version === last.version)));
          for (const stream of streams) expect(stream.all.at(-1)).toEqual(last);
        }),
      );

    await converge();
    await road.breakDown();
    // Changes that nobody carries over: each server tells its own subscribers alone.
    const unheard = await Promise.all(people.map(({ subject }) => consume(subject, 3)));
    await road.repair();
    await Promise.all(
      people.map(({ streams }, person) =>
        Promise.all(streams.map((stream) => stream.first(({ version }) => version === unheard[person]?.version))),
      ),
    );
    // And it carries again.
    await converge();
    for (const { streams, clients } of people) {
      for (const stream of streams) {
        const versions = stream.all.map(({ version }) => version);
        expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      }
      await Promise.all(streams.map((stream) => stream.stop()));
      for (const client of clients) await client.dispose();
    }
  });

  test('every subscriber of both hears each alert once and in order, also those that were raised while the road was broken', async () => {
    const subject = 'eve';
    const token = await tokenOf(subject);
    const { data } = await send(servers[0]?.url ?? '', token, '{ viewer { user { id credits { available } } } }');
    const { user } = (data as unknown as { viewer: { user: { id: string; credits: { available: number } } } }).viewer;
    // One alert a credit.
    const preferences = Array.from({ length: 50 }, (_, used) => ({
      ...{ type: 'WARNING', remaining: user.credits.available - used, channels: ['IN_APP'] },
    }));
    await send(servers[0]?.url ?? '', token, SET_PREFERENCES, { input: { billingEntityId: user.id, preferences } });
    const clients = servers.map(({ socketUrl }) => socketClient(socketUrl, token));
    const watch = 'subscription ($id: ID!) { alertRaised(billingEntityId: $id) { remaining } }';
    const streams = clients.flatMap((client) =>
      Array.from({ length: 5 }, () => new Events<{ remaining: number }>(client, watch, { id: user.id })),
    );
    for (const { services } of servers) {
      await waitFor(() => services.alertStreams.listening === 5, 'streams that miss nothing');
    }
    const expected: number[] = [];
    const raise = async (times: number): Promise<void> => {
      await consume(subject, times);
      for (let turn = 0; turn < times; turn += 1) expected.push(user.credits.available - expected.length);
    };
    const hear = (): Promise<unknown> =>
      Promise.all(streams.map((stream) => stream.first(({ remaining }) => remaining === expected.at(-1))));
    await raise(6);
    await hear();
    await road.breakDown();
    await raise(7);
    await road.repair();
    await hear();
    await raise(5);
    await hear();
    for (const stream of streams) {
      expect(stream.all.map(({ remaining }) => remaining)).toEqual(expected);
      await stream.stop();
    }
    for (const client of clients) await client.dispose();
  });
});

/** A Redis server, which is killed and started again. */
async function redisRoad(bench: Bench): Promise<LiveRoad> {
  const server = await RedisServer.start();
  bench.onClose(() => server.stop());
  return { env: { REDIS_URL: server.url }, breakDown: () => server.kill(), repair: () => server.start() };
}

/** NOTIFY, whose connections are cut again and again until it is repaired. */
async function notifyRoad(bench: Bench): Promise<LiveRoad> {
  const outside = new pg.Pool({ connectionString: new URL('/postgres', bench.database.adminUrl).href, max: 1 });
  bench.onClose(() => outside.end());
  const name = new URL(bench.database.url).pathname.slice(1);
  const cut = (): Promise<unknown> =>
    outside.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'tollgate live %'`,
      [name],
    );
  let repaired = new AbortController();
  let cutting: Promise<void> = Promise.resolve();
  return {
    env: {},
    breakDown: async () => {
      repaired = new AbortController();
      const { signal } = repaired;
      await cut();
      const cutAgain = async (): Promise<void> => {
        while (!signal.aborted) await cut();
      };
      cutting = cutAgain();
    },
    repair: async () => {
      repaired.abort();
      await cutting;
    },
  };
}

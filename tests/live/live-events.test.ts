import { pino, type Logger } from 'pino';
import { createLiveEvents, type LiveEvents } from '../../src/live/live-events.ts';
import type { Balance } from '../../src/ledger/rules/balance.ts';
import type { BalanceStream } from '../../src/live/account-feed.ts';
import { encodeMessages, TOPICS } from '../../src/live/message.ts';
import { describeRoads } from '../support/live-roads.ts';
import { postgresRoad, redisRoad, type Road } from './roads.ts';
import { state } from './states.ts';

describeRoads('live events over', { PostgreSQL: postgresRoad, Redis: redisRoad }, (openRoad) => {
  let road: Road;
  let here: LiveEvents;
  let there: LiveEvents;
  let lines: string[];
  /** What is committed, as both processes would read it. */
  let committed: Map<string, Balance>;

  function connect(overrides: { heartbeatMs?: number; loadBalance?: (id: string) => Promise<Balance | null> } = {}) {
    const { databaseUrl, redisUrl } = road;
    const loadBalance = async (id: string) => committed.get(id) ?? null;
    return createLiveEvents({ databaseUrl, redisUrl, loadBalance, log: linesOf(lines), ...overrides });
  }

  /** Commits a state and publishes it from one process. */
  function commit(balance: Balance, process = here): void {
    committed.set(balance.billingEntityId, balance);
    process.publish([balance]);
  }

  beforeAll(async () => {
    road = await openRoad();
  });

  afterAll(async () => {
    await road.close();
  });

  beforeEach(async () => {
    committed = new Map([['a', state('a', 1)]]);
    lines = [];
    here = connect();
    there = connect();
    await Promise.all([here.start(), there.start()]);
  });

  afterEach(async () => {
    await Promise.all([here.stop(), there.stop()]);
  });

  test('a subscriber on another process gets the state, then rising versions, then the last one', async () => {
    const stream = there.balances('a');
    const versions: bigint[] = [];
    for (let version = 2; version <= 400; version += 1) {
      commit(state('a', version));
      if (version % 50 === 0) await tick();
    }
    for await (const balance of stream) {
      versions.push(balance.version);
      if (balance.version === 400n) {
        expect(balance).toEqual(state('a', 400));
        break;
      }
    }
    expect(versions).toEqual(versions.toSorted((a, b) => Number(a - b)));
    expect(new Set(versions).size).toBe(versions.length);
    expect(there.openStreams).toBe(0);
  });

  test.each(TOPICS)(
    'news of the topic %s is heard of in both processes, and so is that some may have been missed',
    async (topic) => {
      const [square, other] = ['0197a9d2-0000-7000-8000-000000000001', '0197a9d2-0000-7000-8000-000000000002'] as const;
      const streams = [here, there].map((process) => process.news(topic, square));
      const bystander = there.news(topic, other);
      const ofOtherTopic = there.news(topic === 'used' ? 'alerted' : 'used', square);
      for (const stream of [...streams, bystander, ofOtherTopic]) expect((await stream.next()).done).toBe(false);
      const untold = [bystander.next(), ofOtherTopic.next()];
      let isTold = false;
      for (const each of untold) void each.then(() => (isTold = true));
      for (const process of [here, there]) {
        const next = streams.map((stream) => stream.next());
        process.publishNews(topic, [square]);
        for (const each of next) expect((await each).done).toBe(false);
      }
      expect(isTold).toBe(false);
      const next = [streams[1]?.next(), ...untold];
      await road.inject(encodeMessages('a neighbour', [], { lossy: true })[0] ?? '');
      for (const each of next) expect((await each)?.done).toBe(false);
      for (const stream of [...streams, bystander, ofOtherTopic]) await stream.return?.();
      expect(here.openStreams + there.openStreams).toBe(0);
    },
  );

  test('both processes change the account, and subscribers of both end at the newest version', async () => {
    const streams = [here.balances('a'), there.balances('a')];
    for (let version = 2; version <= 61; version += 1) {
      commit(state('a', version), version % 2 === 0 ? here : there);
      await tick();
    }
    await Promise.all(streams.map((stream) => until(stream, 61)));
  });

  test('of a ledger sequence it tells across processes', async () => {
    const stream = there.changes('a');
    await stream.next();
    commit(state('a', 2, 1));
    commit(state('a', 3, 2));
    await expect(stream.next()).resolves.toMatchObject({ value: { sequence: 2n } });
  });

  test('hundreds of accounts at once all arrive', async () => {
    const ids = Array.from({ length: 300 }, (_, i) => `account ${i}`);
    for (const id of ids) committed.set(id, state(id, 1));
    const streams = ids.map((id) => there.balances(id));
    await Promise.all(streams.map((stream) => stream.next()));
    here.publish(ids.map((id) => state(id, 2)));
    await Promise.all(streams.map((stream) => until(stream, 2)));
  });

  test.each(['listen', 'send', 'both'] as const)(
    'with connections cut (%s), over and over, every subscriber converges',
    async (side) => {
      const stream = there.balances('a');
      let version = 1;
      for (let round = 0; round < 3; round += 1) {
        commit(state('a', ++version));
        await road.cut(side);
        commit(state('a', ++version));
        await tick();
        commit(state('a', ++version));
        await until(stream, version);
      }
      // And it is not only the reading again that works: what comes now comes by message.
      commit(state('a', ++version));
      await until(stream, version);
    },
  );

  test('what happened while nobody could connect is there afterwards', async () => {
    const stream = there.balances('a');
    await until(stream, 1);
    await road.block(true);
    try {
      await road.cut('both');
      commit(state('a', 2));
      await waitFor(() => lines.some((line) => line.includes('will reconnect')));
      commit(state('a', 3));
    } finally {
      await road.block(false);
    }
    await until(stream, 3);
  });

  test('an account that cannot be read after a reconnection is read again later', async () => {
    let failures = 0;
    let failing = false;
    const shaky = connect({
      loadBalance: async (id) => {
        if (failing && ++failures <= 3) throw new Error('database away');
        return committed.get(id) ?? null;
      },
    });
    await shaky.start();
    const stream = shaky.balances('a');
    await until(stream, 1);
    failing = true;
    committed.set('a', state('a', 2));
    await road.cut('listen');
    await until(stream, 2);
    expect(failures).toBeGreaterThan(3);
    await shaky.stop();
  });

  test('a process that dies between a commit and the telling of it leaves nobody behind', async () => {
    const watcher = connect({ heartbeatMs: 100 });
    await watcher.start();
    const stream = watcher.balances('a');
    await until(stream, 1);
    // The neighbour was heard once; what it committed after that it never told.
    await road.inject(encodeMessages('a neighbour that dies', [])[0] ?? '');
    committed.set('a', state('a', 2));
    await until(stream, 2);
    expect(lines.some((line) => line.includes('a neighbour that dies'))).toBe(true);
    await watcher.stop();
  });

  test('a neighbour that dropped states makes the others read for themselves', async () => {
    const stream = there.balances('a');
    await until(stream, 1);
    committed.set('a', state('a', 2));
    await road.inject(encodeMessages('a neighbour', [], { lossy: true })[0] ?? '');
    await until(stream, 2);
  });

  test('hostile messages are ignored with a line in the log, and life goes on', async () => {
    const stream = there.balances('a');
    await until(stream, 1);
    const hostile = ['x', '{"from":"x"}', '{"from":"x","balances":[["a","9"]]}', '{"from":"x","balances":[null,1,{}]}'];
    hostile.push(`{"from":"x","balances":[["a","1","1","1","1","1","1","99999999999999999999","1",0,0]]}`);
    for (const text of hostile) await road.inject(text);
    commit(state('a', 2));
    await expect(stream.next()).resolves.toMatchObject({ value: { version: 2n } });
    const ignored = lines.filter((line) => line.includes('malformed'));
    expect(ignored.length).toBeGreaterThanOrEqual(4);
  });

  test('stop() ends all streams, tells the last states and leaves no connection; afterwards nothing opens', async () => {
    const elsewhere = there.balances('a');
    await until(elsewhere, 1);
    const streams = [here.balances('a'), here.changes('a')];
    await Promise.all(streams.map((stream) => stream.next()));
    const waiting = streams.map((stream) => stream.next());
    commit(state('a', 2));
    await here.stop();
    for (const result of await Promise.all(waiting)) expect(result.done).toBe(true);
    expect(here.openStreams).toBe(0);
    await expect(here.balances('a').next()).resolves.toMatchObject({ done: true });
    here.publish([state('a', 3)]);
    await until(elsewhere, 2);
  });

  test('end() ends the streams of one account only', async () => {
    committed.set('b', state('b', 1));
    const [ended, kept] = [here.balances('a'), here.balances('b')];
    await Promise.all([ended.next(), kept.next()]);
    const waiting = ended.next();
    here.end('a');
    await expect(waiting).resolves.toMatchObject({ done: true });
    commit(state('b', 2));
    await until(kept, 2);
  });

  test('a burst of changes is at most ten events a second', async () => {
    const stream = here.balances('a');
    const times: number[] = [];
    let version = 1;
    const busy = setInterval(() => {
      commit(state('a', ++version));
    }, 2);
    for await (const balance of stream) {
      times.push(performance.now());
      if (times.length === 8) clearInterval(busy);
      if (times.length >= 8 && balance.version === BigInt(version)) break;
    }
    // Eight intervals of 100 ms at least; a slow machine only makes them longer.
    expect((times[7] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(690);
  });

  test('a process that cannot connect at all serves its own subscribers', async () => {
    await road.block(true);
    const lonely = connect();
    try {
      await lonely.start();
      const stream = lonely.balances('a');
      await until(stream, 1);
      commit(state('a', 2), lonely);
      await until(stream, 2);
    } finally {
      await road.block(false);
      await lonely.stop();
    }
  });
});

/** A logger that keeps its lines. */
function linesOf(lines: string[]): Logger {
  return pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
}

/** Consumes until this version is there; versions must rise on the way. */
async function until(stream: BalanceStream, version: number): Promise<void> {
  let last = -1n;
  while (last < BigInt(version)) {
    const { done, value } = await stream.next();
    if (done === true) throw new Error(`the stream ended at version ${last}`);
    expect(value.version).toBeGreaterThan(last);
    last = value.version;
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import fc from 'fast-check';
import { AccountFeed, type BalanceStream } from '../../src/live/account-feed.ts';
import type { Balance } from '../../src/ledger/rules/balance.ts';
import { ManualScheduler, settle } from './manual-scheduler.ts';
import { state } from './states.ts';

/** A feed whose reads answer when told to. */
function feedUnderTest() {
  const scheduler = new ManualScheduler();
  const reads: PromiseWithResolvers<Balance | null>[] = [];
  let unused = 0;
  const feed = new AccountFeed({
    scheduler,
    intervalMs: 100,
    load: () => {
      const read = Promise.withResolvers<Balance | null>();
      reads.push(read);
      return read.promise;
    },
    onUnused: () => (unused += 1),
  });
  return { feed, scheduler, reads, unused: () => unused };
}

interface Seen {
  readonly version: number;
  readonly atMs: number;
  readonly balance: Balance;
}

/** Consumes all that a stream gives, as fast as it gives. */
function watch(stream: BalanceStream, scheduler: ManualScheduler): Seen[] {
  const seen: Seen[] = [];
  void (async () => {
    for await (const balance of stream) {
      seen.push({ version: Number(balance.version), atMs: scheduler.nowMs(), balance });
    }
  })();
  return seen;
}

const byVersion = (balance: Balance): bigint => balance.version;
const bySequence = (balance: Balance): bigint => balance.sequence;

describe('a stream of an account', () => {
  test('begins with the state as it is, and then gives a change at once', async () => {
    const { feed, scheduler, reads } = feedUnderTest();
    const seen = watch(feed.open(byVersion), scheduler);
    reads[0]?.resolve(state('a', 7));
    await scheduler.advance(5_000);
    feed.offer(state('a', 8));
    await scheduler.advance(0);
    expect(seen.map(({ version, atMs }) => [version, atMs])).toEqual([
      [7, 0],
      [8, 5_000],
    ]);
  });

  test('a change that arrives while the first state loads is not lost, nor followed by what was read before it', async () => {
    const { feed, scheduler, reads } = feedUnderTest();
    const seen = watch(feed.open(byVersion), scheduler);
    feed.offer(state('a', 9));
    await scheduler.advance(1_000);
    expect(seen).toEqual([]);
    reads[0]?.resolve(state('a', 8));
    await scheduler.advance(1_000);
    expect(seen.map(({ version }) => version)).toEqual([9]);
  });

  test('of 200 changes a second it gives ten, each the newest of its moment, and the last one', async () => {
    const { feed, scheduler, reads } = feedUnderTest();
    const seen = watch(feed.open(byVersion), scheduler);
    reads[0]?.resolve(state('a', 0));
    await settle();
    for (let version = 1; version <= 1_000; version += 1) {
      await scheduler.advance(5);
      feed.offer(state('a', version));
    }
    await scheduler.advance(100);
    const gaps = seen.slice(1).map(({ atMs }, i) => atMs - (seen[i]?.atMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(105);
    expect(seen.at(-1)?.version).toBe(1_000);
    // A change every 5 ms: what leaves at a moment is never older than that.
    for (const { version, atMs } of seen.slice(1, -1)) expect(atMs - version * 5).toBeLessThanOrEqual(5);
  });

  test('any change is out within 150 ms, even for one who joined between two ticks of a busy account', async () => {
    for (let joinAtMs = 0; joinAtMs < 100; joinAtMs += 7) {
      const { feed, scheduler, reads } = feedUnderTest();
      watch(feed.open(byVersion), scheduler);
      reads[0]?.resolve(state('a', 0));
      await settle();
      let version = 0;
      const flow = async (forMs: number): Promise<void> => {
        for (let ms = 0; ms < forMs; ms += 1) {
          await scheduler.advance(1);
          version += 1;
          feed.offer(state('a', version));
        }
      };
      await flow(200 + joinAtMs);
      const seen = watch(feed.open(byVersion), scheduler);
      reads[1]?.resolve(state('a', version));
      await flow(500);
      const gaps = seen.slice(1).map(({ atMs }, i) => atMs - (seen[i]?.atMs ?? 0));
      expect(gaps.length).toBeGreaterThan(2);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(150);
    }
  });

  test('a thousand streams receive the same objects, for two reads', async () => {
    const { feed, scheduler, reads } = feedUnderTest();
    const all = Array.from({ length: 1_000 }, () => watch(feed.open(byVersion), scheduler));
    reads[0]?.resolve(state('a', 1));
    await settle();
    reads[1]?.resolve(state('a', 1));
    await scheduler.advance(200);
    const second = state('a', 2);
    feed.offer(second);
    await scheduler.advance(0);
    expect(reads).toHaveLength(2);
    expect(new Set(all.flatMap((seen) => seen.map(({ balance }) => balance))).size).toBe(2);
    for (const seen of all) expect(seen[1]?.balance).toBe(second);
  });

  test('of changes of the ledger it gives only those', async () => {
    const { feed, scheduler, reads } = feedUnderTest();
    const seen = watch(feed.open(bySequence), scheduler);
    reads[0]?.resolve(state('a', 1, 10));
    await scheduler.advance(1_000);
    feed.offer(state('a', 2, 10));
    await scheduler.advance(1_000);
    feed.offer(state('a', 3, 11));
    await scheduler.advance(1_000);
    expect(seen.map(({ balance }) => balance.sequence)).toEqual([10n, 11n]);
  });

  test('a consumer that pauses finds the newest state, not those it missed', async () => {
    const { feed, scheduler, reads } = feedUnderTest();
    const stream = feed.open(byVersion);
    reads[0]?.resolve(state('a', 0));
    await stream.next();
    for (let version = 1; version <= 500; version += 1) {
      feed.offer(state('a', version));
      await scheduler.advance(10);
    }
    await expect(stream.next()).resolves.toMatchObject({ value: { version: 500n } });
    expect(scheduler.planned).toBe(0);
  });

  test('ended while it waits, it stops at once and leaves no timer', async () => {
    const { feed, scheduler, reads, unused } = feedUnderTest();
    const stream = feed.open(byVersion);
    reads[0]?.resolve(state('a', 0));
    await stream.next();
    feed.offer(state('a', 1));
    const waiting = stream.next();
    expect(scheduler.planned).toBe(1);
    await stream.return?.();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
    expect([feed.size, scheduler.planned, unused()]).toEqual([0, 0, 1]);
  });

  test('ended while the first state loads, it gives nothing', async () => {
    const { feed, reads, unused } = feedUnderTest();
    const stream = feed.open(byVersion);
    const waiting = stream.next();
    await stream[Symbol.asyncDispose]();
    reads[0]?.resolve(state('a', 1));
    await expect(waiting).resolves.toMatchObject({ done: true });
    expect(unused()).toBe(1);
  });

  test('of an account that does not exist it ends; of one that cannot be read it fails, now or later', async () => {
    const { feed, reads } = feedUnderTest();
    const missing = feed.open(byVersion);
    reads[0]?.resolve(null);
    await expect(missing.next()).resolves.toMatchObject({ done: true });

    const early = feed.open(byVersion);
    const waiting = early.next();
    reads[1]?.reject(new Error('database away'));
    await expect(waiting).rejects.toThrow('database away');

    const late = feed.open(byVersion);
    reads[2]?.reject(new Error('database away'));
    await settle();
    await expect(late.next()).rejects.toThrow('database away');
    await expect(late.next()).resolves.toMatchObject({ done: true });
    expect(feed.size).toBe(0);
  });

  test('whatever the order of changes, reads and consumption: versions rise, 100 ms apart at least, and the last arrives', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('offer' as const), version: fc.integer({ min: 1, max: 60 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 130 }) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('consume' as const), stream: fc.nat({ max: 2 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('read' as const), version: fc.integer({ min: 1, max: 60 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('refresh' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { feed, scheduler, reads } = feedUnderTest();
        const consumers: { stream: BalanceStream; given: Seen[]; waiting: boolean }[] = [];
        let newest = 0;
        let answered = 0;
        const join = (): void => void consumers.push({ stream: feed.open(byVersion), given: [], waiting: false });
        const consume = (index: number): void => {
          const consumer = consumers[index];
          if (consumer === undefined || consumer.waiting) return;
          consumer.waiting = true;
          void consumer.stream.next().then(({ value }) => {
            consumer.waiting = false;
            if (value !== undefined) {
              consumer.given.push({ version: Number(value.version), atMs: scheduler.nowMs(), balance: value });
            }
          });
        };
        const read = (version: number): void => {
          const pending = reads[answered];
          if (pending === undefined) return;
          answered += 1;
          newest = Math.max(newest, version);
          pending.resolve(state('a', version));
        };
        join();
        for (const step of steps) {
          if (step.kind === 'offer') {
            newest = Math.max(newest, step.version);
            feed.offer(state('a', step.version));
          } else if (step.kind === 'advance') await scheduler.advance(step.ms);
          else if (step.kind === 'consume') consume(step.stream);
          else if (step.kind === 'join') join();
          else if (step.kind === 'read') read(step.version);
          else void feed.refresh();
          await settle();
        }
        // Everything comes to rest: reads are answered, consumers consume.
        for (let round = 0; round < 4; round += 1) {
          while (answered < reads.length) read(1);
          consumers.forEach((_, index) => consume(index));
          await scheduler.advance(200);
        }
        for (const { given } of consumers) {
          given.slice(1).forEach(({ version, atMs }, i) => {
            expect(version).toBeGreaterThan(given[i]?.version ?? 0);
            expect(atMs - (given[i]?.atMs ?? 0)).toBeGreaterThanOrEqual(100);
          });
          expect(given.at(-1)?.version).toBe(newest);
        }
        for (const { stream } of consumers) await stream.return?.();
        expect([feed.size, scheduler.planned]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });
});

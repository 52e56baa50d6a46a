import fc from 'fast-check';
import { FairTurns } from '../../src/db/fair-turns.ts';

/** Work that lasts until it is told to end. */
class Work {
  readonly startedSubscription: string[] = [];
  readonly #ends: { readonly name: string; readonly end: () => void }[] = [];

  of(name: string): () => Promise<string> {
    return () => {
      this.startedSubscription.push(name);
      return new Promise((resolve) => this.#ends.push({ name, end: () => resolve(name) }));
    };
  }

  get running(): readonly string[] {
    return this.#ends.map(({ name }) => name);
  }

  /** Ends what runs at this place, and lets what follows from it happen. */
  async end(at: number): Promise<void> {
    this.#ends.splice(at, 1)[0]?.end();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const options = { atOnce: 4, atOncePerCaller: 2, waitingPerCaller: 100, waiting: 150 };

describe('turns', () => {
  it('are taken at once while there is room, and leave nothing behind', async () => {
    const turns = new FairTurns(options);
    const work = new Work();
    const taken = [turns.take('a', work.of('a')), turns.take('b', work.of('b'))];
    expect(work.running).toEqual(['a', 'b']);
    await work.end(0);
    await work.end(0);
    expect(await Promise.all(taken)).toEqual(['a', 'b']);
    expect([turns.taken, turns.waiting]).toEqual([0, 0]);
  });

  it('of one caller leave room for others, however many wait', async () => {
    const turns = new FairTurns(options);
    const work = new Work();
    for (let at = 0; at < 100; at += 1) void turns.take('greedy', work.of('greedy'));
    expect(work.running).toEqual(['greedy', 'greedy']);
    void turns.take('small', work.of('small'));
    expect(work.running).toEqual(['greedy', 'greedy', 'small']);
  });

  it('go to whoever has the fewest when all are taken, and then around', async () => {
    const turns = new FairTurns(options);
    const work = new Work();
    for (const name of ['a', 'b']) for (let at = 0; at < 20; at += 1) void turns.take(name, work.of(name));
    expect(work.running).toEqual(['a', 'a', 'b', 'b']);
    for (const name of ['c', 'd']) for (let at = 0; at < 3; at += 1) void turns.take(name, work.of(name));
    for (let at = 0; at < 4; at += 1) await work.end(0);
    expect(work.startedSubscription.slice(4)).toEqual(['c', 'a', 'd', 'b']);
  });

  it('pass on when work fails', async () => {
    const turns = new FairTurns({ ...options, atOnce: 1 });
    const failing = turns.take('a', () => Promise.reject(new Error('no')));
    const throwing = turns.take('b', () => {
      throw new Error('never');
    });
    const next = turns.take('c', () => 'done');
    await expect(failing).rejects.toThrow('no');
    await expect(throwing).rejects.toThrow('never');
    expect(await next).toBe('done');
    expect(turns.taken).toBe(0);
  });

  it('are refused to who has too many waiting, and to all when all have', async () => {
    const turns = new FairTurns({ ...options, waitingPerCaller: 3, waiting: 5 });
    const work = new Work();
    for (let at = 0; at < 5; at += 1) void turns.take('a', work.of('a'));
    await expect(turns.take('a', work.of('a'))).rejects.toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    for (let at = 0; at < 4; at += 1) void turns.take('b', work.of('b'));
    await expect(turns.take('c', work.of('c'))).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    while (work.running.length > 0) await work.end(0);
    expect([turns.taken, turns.waiting]).toEqual([0, 0]);
  });

  it('keep every bound and lose nobody, whoever comes and goes', async () => {
    const step = fc.oneof(
      fc.record({ caller: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
      fc.record({ ends: fc.nat(7) }),
    );
    const bounds = fc.record({
      atOnce: fc.integer({ min: 1, max: 5 }),
      atOncePerCaller: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
        const turns = new FairTurns({ ...options, ...limits });
        const work = new Work();
        let asked = 0;
        const holds = (): void => {
          const counts = Map.groupBy(work.running, (name) => name);
          expect(work.running.length).toBeLessThanOrEqual(limits.atOnce);
          expect(turns.taken).toBe(work.running.length);
          expect(asked - work.startedSubscription.length).toBe(turns.waiting);
          for (const held of counts.values()) expect(held.length).toBeLessThanOrEqual(limits.atOncePerCaller);
        };
        for (const each of steps) {
          if ('caller' in each) {
            asked += 1;
            void turns.take(each.caller, work.of(each.caller));
          } else if (work.running.length > 0) await work.end(each.ends % work.running.length);
          holds();
        }
        while (work.running.length > 0) await work.end(0);
        expect(work.startedSubscription).toHaveLength(asked);
        expect([turns.taken, turns.waiting]).toEqual([0, 0]);
      }),
      { numRuns: 200 },
    );
  });
});

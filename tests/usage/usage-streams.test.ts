import type { News } from '../../src/usage/recorded-since.ts';
import { usageCursor, type UsagePlace } from '../../src/usage/usage-cursor.ts';
import { type From, UsageStreams } from '../../src/usage/usage-streams.ts';
import { ManualScheduler, settle } from '../live/manual-scheduler.ts';
import { recordOf } from '../support/fake-domain.ts';

interface Hint {
  readonly sequence: bigint;
}

/** A source that gives its state at once, and then whenever it is told to. */
class Source {
  readonly #sequence: () => bigint;
  readonly #waiting: PromiseWithResolvers<IteratorResult<Hint, undefined>>[] = [];
  #hints = 1;
  isEnded = false;

  constructor(sequence: () => bigint) {
    this.#sequence = sequence;
  }

  hint(): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#hints += 1;
    else waiting.resolve({ done: false, value: { sequence: this.#sequence() } });
  }

  fail(error: Error): void {
    this.#waiting.shift()?.reject(error);
  }

  end(): void {
    this.isEnded = true;
    for (const each of this.#waiting.splice(0)) each.resolve({ done: true, value: undefined });
  }

  hints(): AsyncIterableIterator<Hint, undefined> {
    return {
      next: () => {
        if (this.isEnded) return Promise.resolve({ done: true, value: undefined });
        if (this.#hints > 0) {
          this.#hints -= 1;
          return Promise.resolve({ done: false, value: { sequence: this.#sequence() } });
        }
        const waiting = Promise.withResolvers<IteratorResult<Hint, undefined>>();
        this.#waiting.push(waiting);
        return waiting.promise;
      },
      return: () => {
        this.end();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

const NOW: From = { after: null, atOnce: false };
const ENTITY = '00000000-0000-4000-8000-000000000001';
const ANN = '00000000-0000-4000-8000-000000000002';
const KEY = '00000000-0000-4000-8000-000000000003';
const person = { billingEntityId: ENTITY, type: 'USER', own: null } as const;
const square = { billingEntityId: ENTITY, type: 'ORGANIZATION', own: null } as const;

/** Accounts whose records are numbered, and a public organization whose place is such a number as well. */
function setUp() {
  const sources = new Map<string, Source[]>();
  const asked: string[] = [];
  const recorded = new Map<string, bigint>();
  const read: unknown[] = [];
  let isAway = false;
  const sourceOf = (name: string) => (): AsyncIterableIterator<Hint, undefined> => {
    const source = new Source(() => endOf(name));
    asked.push(name);
    sources.set(name, [...(sources.get(name) ?? []), source]);
    return source.hints();
  };
  const endOf = (name: string): bigint => recorded.get(name) ?? 0n;
  const news = async <Place extends UsagePlace>(name: string, after: bigint, place: Place): Promise<News<Place>> => {
    const through = endOf(name);
    read.push([name, after, through]);
    await settle();
    if (isAway) throw new Error('away');
    const records = through > after ? [{ ...recordOf(0), recordedAt: new Date(Number(through)) }] : [];
    return { records, skipped: through - after - BigInt(records.length), hasGap: false, place };
  };
  const inPublic = (seen: bigint) =>
    ({ kind: 'public', since: new Date(0), seen, settled: new Date(0), heads: [] }) as const;
  const scheduler = new ManualScheduler();
  const streams = new UsageStreams(
    { changes: (id) => sourceOf(id)(), publicUse: (id) => sourceOf(`public ${id}`)() },
    {
      inAccount: ({ billingEntityId: id }, { sequence }) =>
        news(id, sequence, { kind: 'account', sequence: endOf(id) }),
      publicNow: async ({ organizationId }) => inPublic(endOf(`public ${organizationId}`)),
      inPublic: ({ organizationId: id }, { seen }) => news(`public ${id}`, seen, inPublic(endOf(`public ${id}`))),
    },
    scheduler,
  );
  const grow = (name: string, by = 1n): void => {
    recorded.set(name, endOf(name) + by);
    for (const source of sources.get(name) ?? []) source.hint();
  };
  /** Lets streams begin, which hear of something at once. */
  const begin = async (): Promise<void> => {
    await tick(100);
    read.length = 0;
  };
  /** Lets everything happen that may happen now. */
  const tick = async (ms = 0): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await settle();
    await scheduler.advance(ms);
    for (let turn = 0; turn < 5; turn += 1) await settle();
  };
  return { sources, asked, read, scheduler, streams, grow, tick, begin, setAway: (away: boolean) => (isAway = away) };
}

describe('streams of use', () => {
  it('of the same share what they read, and give the very same event', async () => {
    const { read, streams, grow, tick, begin } = setUp();
    const open = [null, null, null, { apiKeyId: KEY }].map((own) => streams.watch({ ...person, own }, NOW));
    const next = open.map((stream) => stream.next());
    await begin();
    grow(ENTITY, 3n);
    await tick(100);
    const events = (await Promise.all(next)).map(({ value }) => value);
    expect(new Set(events.slice(0, 3)).size).toBe(1);
    const cursor = usageCursor(person, [{ kind: 'account', sequence: 3n }]);
    expect(events[0]).toMatchObject({ records: { length: 1 }, skipped: 2n, hasGap: false, cursor });
    expect(events[3]).not.toBe(events[0]);
    expect(events[3]?.cursor).not.toBe(cursor);
    expect(read).toEqual([
      [ENTITY, 0n, 3n],
      [ENTITY, 0n, 3n],
    ]);
    expect([streams.open, streams.followed]).toEqual([4, 2]);
    for (const stream of open) await stream.return?.();
    expect([streams.open, streams.followed]).toEqual([0, 0]);
  });

  it('begin with what is recorded after they are opened, also those that join others', async () => {
    const { streams, grow, tick } = setUp();
    grow(ENTITY, 5n);
    const first = streams.watch(person, NOW);
    const one = first.next();
    await tick(100);
    grow(ENTITY);
    await tick(100);
    expect((await one).value).toMatchObject({ skipped: 0n });
    const second = streams.watch(person, NOW);
    const two = [first.next(), second.next()];
    await tick();
    grow(ENTITY, 2n);
    await tick(100);
    expect((await Promise.all(two)).map(({ value }) => value?.skipped)).toEqual([1n, 1n]);
    for (const stream of [first, second]) await stream.return?.();
  });

  it('end at once, though they wait for news or read some, and are forgotten', async () => {
    const { sources, scheduler, streams, grow, tick } = setUp();
    const [waits, reads] = [streams.watch(person, NOW), streams.watch({ ...person, billingEntityId: ANN }, NOW)];
    const [waiting, reading] = [waits.next(), reads.next()];
    await tick();
    grow(ANN);
    await scheduler.advance(100);
    await Promise.all([waits.return?.(), reads.return?.()]);
    expect([(await waiting).done, (await reading).done, (await waits.next()).done]).toEqual([true, true, true]);
    await tick();
    expect([streams.open, streams.followed, scheduler.planned]).toEqual([0, 0, 0]);
    expect([...sources.values()].flat().every(({ isEnded }) => isEnded)).toBe(true);
  });

  it('fail and end when what is new cannot be read, and the next one begins anew', async () => {
    const { streams, grow, tick, setAway } = setUp();
    const open = [streams.watch(person, NOW), streams.watch(person, NOW)];
    const next = open.map((stream) => stream.next().catch((error: unknown) => error));
    await tick(100);
    setAway(true);
    grow(ENTITY);
    await tick(100);
    expect(await Promise.all(next)).toMatchObject([{ message: 'away' }, { message: 'away' }]);
    expect([(await open[0]?.next())?.done, streams.open]).toEqual([true, 0]);
    setAway(false);
    const later = streams.watch(person, NOW);
    const event = later.next();
    await tick();
    grow(ENTITY);
    await tick(100);
    expect((await event).value).toMatchObject({ skipped: 0n });
    await later.return?.();
  });

  it('end with what they follow, and fail with it', async () => {
    const { sources, streams, tick } = setUp();
    const open = [streams.watch(square, NOW), streams.watch({ ...person, billingEntityId: ANN }, NOW)];
    const next = open.map((stream) => stream.next());
    const failure = next[1]?.catch((error: unknown) => error);
    await tick();
    sources.get(ENTITY)?.[0]?.end();
    sources.get(ANN)?.[0]?.fail(new Error('gone'));
    await tick();
    expect(await failure).toMatchObject({ message: 'gone' });
    expect([(await next[0])?.done, streams.open, streams.followed]).toEqual([true, 0, 0]);
  });

  it('show nothing of what nobody may read, and go on', async () => {
    const { sources, streams, grow, tick } = setUp();
    const stream = streams.watch(person, NOW);
    const next = stream.next();
    await tick();
    sources.get(ENTITY)?.[0]?.hint();
    await tick(100);
    grow(ENTITY);
    await tick(100);
    expect((await next).value).toMatchObject({ skipped: 0n });
    await stream.return?.();
  });
});

describe('streams of use of an organization', () => {
  it('follow its account, and what is used in it: of everybody, of the only user, on the only key', async () => {
    const { asked, streams } = setUp();
    const open = [null, { userId: ANN }, { apiKeyId: KEY }].map((own) => streams.watch({ ...square, own }, NOW));
    // Where an account stands is asked of a stream of its own, which is not kept.
    expect(asked).toEqual(
      [
        [ENTITY, `public ${ENTITY}`, ENTITY],
        [ENTITY, ANN, ENTITY, ANN],
        [ENTITY, `public ${ENTITY}`, ENTITY],
      ].flat(),
    );
    expect([streams.open, streams.followed]).toEqual([3, 6]);
    for (const stream of open) await stream.return?.();
    expect([streams.open, streams.followed]).toEqual([0, 0]);
  });

  it('give at most ten events a second, join what comes meanwhile, and read only where there is news', async () => {
    const { read, scheduler, streams, grow, tick, begin } = setUp();
    const stream = streams.watch(square, NOW);
    const first = stream.next();
    await begin();
    grow(ENTITY);
    await tick();
    expect((await first).value).toMatchObject({ records: { length: 1 }, skipped: 0n });
    expect(read).toEqual([[ENTITY, 0n, 1n]]);
    const second = stream.next();
    grow(`public ${ENTITY}`, 3n);
    await tick(50);
    grow(ENTITY, 2n);
    let isThere = false;
    void second.then(() => (isThere = true));
    await tick(49);
    expect(isThere).toBe(false);
    await tick(1);
    const { value } = await second;
    // Both have their time as their number.
    expect(value?.records.map(({ recordedAt }) => recordedAt.getTime())).toEqual([3, 3]);
    expect(value?.skipped).toBe(3n);
    await stream.return?.();
    expect(scheduler.planned).toBe(0);
  });
});

describe('a stream that goes on from a cursor', () => {
  const at = (sequence: bigint): string => usageCursor(person, [{ kind: 'account', sequence }]);

  it('begins at once with what was missed; where nothing was, with what comes', async () => {
    const { streams, grow, tick } = setUp();
    grow(ENTITY, 7n);
    const stream = streams.watch(person, { after: at(4n), atOnce: false });
    expect((await stream.next()).value).toMatchObject({ skipped: 2n, hasGap: false, cursor: at(7n) });
    const up = streams.watch(person, { after: at(7n), atOnce: false });
    const next = up.next();
    await tick(100);
    grow(ENTITY);
    await tick(100);
    expect((await next).value).toMatchObject({ skipped: 0n, cursor: at(8n) });
    for (const each of [stream, up]) await each.return?.();
  });

  it('or from now is given a cursor at once where it asks for one', async () => {
    const { streams, grow } = setUp();
    grow(ENTITY, 7n);
    for (const after of [null, at(7n)]) {
      const stream = streams.watch(person, { after, atOnce: true });
      expect((await stream.next()).value).toEqual({ records: [], skipped: 0n, hasGap: false, cursor: at(7n) });
      await stream.return?.();
    }
  });

  it('of other use is told that something may have been missed, and of another entity is refused', async () => {
    const { streams, grow } = setUp();
    grow(ENTITY, 7n);
    const stream = streams.watch({ ...person, own: { apiKeyId: KEY } }, { after: at(4n), atOnce: false });
    expect((await stream.next()).value).toMatchObject({ records: [], skipped: 0n, hasGap: true });
    await stream.return?.();
    expect(() => streams.watch({ ...person, billingEntityId: ANN }, { after: at(4n), atOnce: false })).toThrow(
      'that is not a cursor of this live use',
    );
    expect([streams.open, streams.followed]).toEqual([0, 0]);
  });
});

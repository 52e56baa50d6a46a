import { type PublicReading, type Reading, type UsageEvent, UsageStreams } from '../../src/usage/usage-streams.ts';
import { recordOf } from '../support/fake-domain.ts';
import { ManualScheduler, settle } from '../live/manual-scheduler.ts';

/** An account whose ledger grows by hand. */
class Account {
  readonly waiting = new Set<PromiseWithResolvers<IteratorResult<{ sequence: bigint }, undefined>>>();
  sequence = 1n;

  changes(): AsyncIterableIterator<{ sequence: bigint }, undefined> {
    let given = 0n;
    let mine: PromiseWithResolvers<IteratorResult<{ sequence: bigint }, undefined>> | null = null;
    const stream: AsyncIterableIterator<{ sequence: bigint }, undefined> = {
      next: async () => {
        if (given === this.sequence) {
          mine = Promise.withResolvers();
          this.waiting.add(mine);
          const result = await mine.promise;
          if (result.done === true) return result;
        }
        given = this.sequence;
        return { done: false, value: { sequence: given } };
      },
      return: async () => {
        if (mine !== null) this.waiting.delete(mine);
        mine?.resolve({ done: true, value: undefined });
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => stream,
    };
    return stream;
  }

  grow(): void {
    this.sequence += 1n;
    for (const each of this.waiting) each.resolve({ done: false, value: { sequence: this.sequence } });
    this.waiting.clear();
  }
}

const event: UsageEvent = { records: [recordOf(0)], skipped: 0n };

function setUp(read: (reading: Reading) => Promise<UsageEvent> = () => Promise.resolve(event)) {
  const account = new Account();
  const readings: Reading[] = [];
  const streams = new UsageStreams(
    { changes: () => account.changes(), publicUse: () => never() },
    {
      inAccount: (reading) => {
        readings.push(reading);
        return read(reading);
      },
      inPublic: () => Promise.reject(new Error('nothing is public here')),
    },
  );
  return { account, readings, streams };
}

function never(): AsyncIterableIterator<never, undefined> {
  throw new Error('nobody asks for this');
}

const x = { billingEntityId: 'x', type: 'USER' } as const;
const y = { billingEntityId: 'y', type: 'USER' } as const;

describe('streams of use', () => {
  it('share what they read with those of the same account and restriction, and give the same event', async () => {
    const { account, readings, streams } = setUp();
    const a = { userId: 'a' };
    const onKey = { apiKeyId: 'a' };
    const open = [a, a, a, null, null, onKey].map((own) => streams.watch(x, own));
    const next = open.map((stream) => stream.next());
    await settle();
    account.grow();
    const events = (await Promise.all(next)).map(({ value }) => value);
    expect(new Set(events)).toEqual(new Set([event]));
    expect(readings).toEqual([
      { billingEntityId: 'x', own: a, organizationId: null, after: 1n, through: 2n },
      { billingEntityId: 'x', own: null, organizationId: null, after: 1n, through: 2n },
      { billingEntityId: 'x', own: onKey, organizationId: null, after: 1n, through: 2n },
    ]);
    for (const stream of open) await stream.return?.();
  });

  it('end at once, though they wait for a change or read one, and are forgotten', async () => {
    const reading = Promise.withResolvers<UsageEvent>();
    const { account, streams } = setUp(() => reading.promise);
    const [waits, reads] = [streams.watch(x, null), streams.watch(y, null)];
    const [waiting, read] = [waits.next(), reads.next()];
    await settle();
    await waits.return?.();
    expect((await waiting).done).toBe(true);
    account.grow();
    await settle();
    await reads.return?.();
    expect([streams.open, account.waiting.size]).toEqual([0, 0]);
    reading.resolve(event);
    expect((await read).done).toBe(true);
    expect((await reads.next()).done).toBe(true);
  });

  it('end when they cannot read, and a new one reads again', async () => {
    let isAway = true;
    const { account, readings, streams } = setUp(() =>
      isAway ? Promise.reject(new Error('away')) : Promise.resolve(event),
    );
    const first = streams.watch(x, null);
    const failing = first.next();
    await settle();
    account.grow();
    await expect(failing).rejects.toThrow('away');
    expect([(await first.next()).done, streams.open, account.waiting.size]).toEqual([true, 0, 0]);
    isAway = false;
    const second = streams.watch(x, null);
    const next = second.next();
    await settle();
    account.grow();
    expect((await next).value).toBe(event);
    expect(readings).toHaveLength(2);
    await second.return?.();
  });

  it('skip what shows them nothing', async () => {
    const { account, streams } = setUp(({ through }) =>
      Promise.resolve(through === 2n ? { records: [], skipped: 0n } : event),
    );
    const stream = streams.watch(x, { userId: 'a' });
    const next = stream.next();
    await settle();
    account.grow();
    await settle();
    account.grow();
    expect((await next).value).toBe(event);
    await stream.return?.();
  });
});

describe('streams of use of an organization', () => {
  const square = { billingEntityId: 'square', type: 'ORGANIZATION' } as const;
  const eventOf = (line: number, atMs: number): UsageEvent => ({
    records: [{ ...recordOf(line), recordedAt: new Date(atMs) }],
    skipped: 1n,
  });

  /** An organization whose own account and public use grow by hand. */
  function organization() {
    const [own, others] = [new Account(), new Account()];
    const scheduler = new ManualScheduler();
    const asked: unknown[] = [];
    const readings: (Reading | PublicReading)[] = [];
    const streams = new UsageStreams(
      {
        changes: (id) => {
          asked.push(id);
          return id === 'ann' ? others.changes() : own.changes();
        },
        publicUse: (of) => {
          asked.push(of);
          const changes = others.changes();
          return {
            next: async () => {
              const { done, value } = await changes.next();
              return done === true
                ? { done: true, value: undefined }
                : { done: false, value: { version: value.sequence, newest: [] } };
            },
            return: () => changes.return?.() as Promise<IteratorResult<never, undefined>>,
            [Symbol.asyncIterator]() {
              return this;
            },
          };
        },
      },
      {
        inAccount: (reading) => {
          readings.push(reading);
          return Promise.resolve(eventOf(0, 1));
        },
        inPublic: (reading) => {
          readings.push(reading);
          return Promise.resolve(eventOf(1, 2));
        },
      },
      scheduler,
    );
    return { own, others, scheduler, asked, readings, streams };
  }

  it('follow its account, and what is used in it: of everybody, of the only user, on the only key', async () => {
    const { asked, streams } = organization();
    const open = [null, { userId: 'ann' }, { apiKeyId: 'key' }].map((own) => streams.watch(square, own));
    expect(asked).toEqual([
      'square',
      { organizationId: 'square', apiKeyId: null },
      'square',
      'ann',
      'square',
      { organizationId: 'square', apiKeyId: 'key' },
    ]);
    expect([streams.open, streams.followed]).toEqual([3, 6]);
    for (const stream of open) await stream.return?.();
    expect([streams.open, streams.followed]).toEqual([0, 0]);
  });

  it('give at most ten events a second, and join what comes meanwhile, newest first', async () => {
    const { own, others, scheduler, streams } = organization();
    const stream = streams.watch(square, null);
    const first = stream.next();
    await settle();
    own.grow();
    expect((await first).value).toEqual(eventOf(0, 1));
    const second = stream.next();
    await settle();
    own.grow();
    await settle();
    others.grow();
    let isThere = false;
    void second.then(() => (isThere = true));
    await scheduler.advance(99);
    expect(isThere).toBe(false);
    await scheduler.advance(1);
    const records = [...eventOf(1, 2).records, ...eventOf(0, 1).records];
    expect((await second).value).toEqual({ records, skipped: 2n });
    await stream.return?.();
    expect(scheduler.planned).toBe(0);
  });

  it('end at once while they wait, in whatever they wait for', async () => {
    const { own, others, scheduler, streams } = organization();
    const [idle, paced] = [streams.watch(square, null), streams.watch(square, { userId: 'ann' })];
    const waiting = idle.next();
    const first = paced.next();
    await settle();
    others.grow();
    await first;
    const second = paced.next();
    await settle();
    others.grow();
    await settle();
    await idle.return?.();
    await paced.return?.();
    expect([(await waiting).done, (await second).done]).toEqual([false, true]);
    expect([(await idle.next()).done, streams.open, scheduler.planned]).toEqual([true, 0, 0]);
    expect([own.waiting.size, others.waiting.size]).toEqual([0, 0]);
  });
});

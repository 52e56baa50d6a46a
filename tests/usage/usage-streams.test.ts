import { type Reading, type UsageEvent, UsageStreams } from '../../src/usage/usage-streams.ts';
import { recordOf } from '../support/fake-domain.ts';
import { settle } from '../live/manual-scheduler.ts';

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
    () => account.changes(),
    (reading) => {
      readings.push(reading);
      return read(reading);
    },
  );
  return { account, readings, streams };
}

describe('streams of use', () => {
  it('share what they read with those of the same account and restriction, and give the same event', async () => {
    const { account, readings, streams } = setUp();
    const open = ['a', 'a', 'a', null, null].map((onlyUserId) => streams.watch('x', onlyUserId));
    const next = open.map((stream) => stream.next());
    await settle();
    account.grow();
    const events = (await Promise.all(next)).map(({ value }) => value);
    expect(new Set(events)).toEqual(new Set([event]));
    expect(readings).toEqual([
      { billingEntityId: 'x', onlyUserId: 'a', after: 1n, through: 2n },
      { billingEntityId: 'x', onlyUserId: null, after: 1n, through: 2n },
    ]);
    for (const stream of open) await stream.return?.();
  });

  it('end at once, though they wait for a change or read one, and are forgotten', async () => {
    const reading = Promise.withResolvers<UsageEvent>();
    const { account, streams } = setUp(() => reading.promise);
    const [waits, reads] = [streams.watch('x', null), streams.watch('y', null)];
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
    const first = streams.watch('x', null);
    const failing = first.next();
    await settle();
    account.grow();
    await expect(failing).rejects.toThrow('away');
    expect([(await first.next()).done, streams.open, account.waiting.size]).toEqual([true, 0, 0]);
    isAway = false;
    const second = streams.watch('x', null);
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
    const stream = streams.watch('x', 'a');
    const next = stream.next();
    await settle();
    account.grow();
    await settle();
    account.grow();
    expect((await next).value).toBe(event);
    await stream.return?.();
  });
});

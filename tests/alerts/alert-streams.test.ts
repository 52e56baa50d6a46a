import fc from 'fast-check';
import { type AlertStream, AlertStreams } from '../../src/alerts/alert-streams.ts';
import type { RaisedAlert } from '../../src/alerts/raised-alert.ts';
import { ManualScheduler, settle } from '../live/manual-scheduler.ts';
import { alert } from '../support/fake-domain.ts';

const MEMBERS = ['one', 'two'] as const;

/** An account whose alerts are raised by hand, with news that may be lost and a database that may be away. */
class Account {
  readonly scheduler = new ManualScheduler();
  readonly alerts: RaisedAlert[] = [];
  isAway = false;
  reads = 0;
  #news = 1;
  #isEnded = false;
  #wake: () => void = () => undefined;
  readonly streams = new AlertStreams({
    news: () => this.#source(),
    newest: () => this.#ask(() => this.alerts.at(-1)?.number ?? 0n),
    after: ({ number }) => this.#ask(() => this.alerts.filter((each) => each.number > number).slice(0, 3)),
    scheduler: this.scheduler,
  });

  raise(memberId: string | null, channels: RaisedAlert['channels'] = ['IN_APP']): void {
    this.alerts.push({ ...alert, number: BigInt(this.alerts.length + 1), memberId, channels });
  }

  tell(): void {
    this.#news += 1;
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async #ask<T>(answer: () => T): Promise<T> {
    this.reads += 1;
    await Promise.resolve();
    if (this.isAway) throw new Error('the database is away');
    return answer();
  }

  #source(): AsyncIterableIterator<unknown, undefined> {
    this.#isEnded = false;
    this.#news = 1;
    return {
      next: async () => {
        while (this.#news === 0 && !this.#isEnded) await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#news = 0;
        return this.#isEnded ? { done: true, value: undefined } : { done: false, value: null };
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

/** Reads a stream to its end. */
function readAll(stream: AlertStream): {
  readonly numbers: bigint[];
  readonly objects: RaisedAlert[];
  readonly ended: Promise<void>;
} {
  const objects: RaisedAlert[] = [];
  const numbers: bigint[] = [];
  const read = async (): Promise<void> => {
    for await (const each of stream) {
      objects.push(each);
      numbers.push(each.number);
    }
  };
  return { numbers, objects, ended: read() };
}

describe('streams of alerts', () => {
  it('give each what concerns it, once and in order, whatever news is lost and however often the database is away', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('raise' as const),
        member: fc.constantFrom(null, ...MEMBERS),
        inApp: fc.boolean(),
      }),
      fc.constantFrom(
        { kind: 'tell' } as const,
        { kind: 'away' } as const,
        { kind: 'back' } as const,
        { kind: 'time' } as const,
      ),
      fc.record({ kind: fc.constant('open' as const), member: fc.constantFrom(null, ...MEMBERS) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const account = new Account();
        const watchers: { from: bigint; to: string | null; read: ReturnType<typeof readAll> }[] = [];
        for (const each of steps) {
          if (each.kind === 'raise') account.raise(each.member, each.inApp ? ['IN_APP', 'EMAIL'] : ['EMAIL']);
          else if (each.kind === 'tell') account.tell();
          else if (each.kind === 'time') await account.scheduler.advance(5_000);
          else if (each.kind === 'open') {
            const stream = account.streams.watch('account', { onlyMemberId: each.member });
            watchers.push({ from: BigInt(account.alerts.length), to: each.member, read: readAll(stream) });
          } else account.isAway = each.kind === 'away';
          await settle();
        }
        account.isAway = false;
        await account.scheduler.advance(5_000);
        account.tell();
        await settle();
        await account.scheduler.advance(5_000);
        await settle();
        for (const { to, read, from } of watchers) {
          const concerning = account.alerts
            .filter(({ memberId, channels }) => channels.includes('IN_APP') && (to === null || memberId === to))
            .map(({ number }) => number);
          const heard = read.numbers;
          // Once, in order, without a hole from its first one on; and nothing is missing since whoever opened it was first listened for.
          expect(heard).toEqual(concerning.slice(concerning.length - heard.length));
          if (!steps.some(({ kind }) => kind === 'away')) {
            expect(heard.length).toBeGreaterThanOrEqual(concerning.filter((number) => number > from).length);
          }
        }
        account.end();
        await Promise.all(watchers.map(({ read }) => read.ended));
        expect(account.streams.open).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('read again by themselves what they could not read while the database was away', async () => {
    const account = new Account();
    const { numbers } = readAll(account.streams.watch('account', { onlyMemberId: null }));
    await settle();
    account.isAway = true;
    account.raise(null);
    account.tell();
    await settle();
    expect(numbers).toEqual([]);
    account.isAway = false;
    await account.scheduler.advance(3_000);
    await settle();
    expect(numbers).toEqual([1n]);
    account.end();
  });

  it('read once for all, and give all the same objects', async () => {
    const account = new Account();
    const watchers = Array.from({ length: 100 }, () =>
      readAll(account.streams.watch('account', { onlyMemberId: null })),
    );
    await settle();
    account.raise(null);
    const before = account.reads;
    account.tell();
    await settle();
    expect(account.reads - before).toBeLessThanOrEqual(2);
    expect(new Set(watchers.flatMap(({ objects }) => objects)).size).toBe(1);
    expect(watchers.every(({ numbers }) => numbers.length === 1)).toBe(true);
    account.end();
  });

  it('cut off who does not read, and keep nothing for them', async () => {
    const account = new Account();
    const slow = account.streams.watch('account', { onlyMemberId: null });
    const quick = readAll(account.streams.watch('account', { onlyMemberId: null }));
    await settle();
    for (let each = 0; each < 1_500; each += 1) account.raise(null);
    account.tell();
    for (let turn = 0; turn < 50 && quick.numbers.length < 1_500; turn += 1) await settle();
    expect(quick.numbers).toHaveLength(1_500);
    expect(await slow.next()).toEqual({ done: true, value: undefined });
    expect(account.streams.open).toBe(1);
    account.end();
  });

  it('end at once when they are returned, also while the database is away, and are forgotten', async () => {
    const account = new Account();
    account.isAway = true;
    const stream = account.streams.watch('account', { onlyMemberId: null });
    const next = stream.next();
    await settle();
    expect(account.streams.listening).toBe(0);
    await stream.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(account.streams.followed).toBe(0);
    const reads = account.reads;
    await account.scheduler.advance(60_000);
    expect(account.reads).toBe(reads);
  });
});

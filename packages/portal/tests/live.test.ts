import type { BalanceFragment } from '../src/gql/graphql.ts';
import { createBalanceStore } from '../src/live/balance-store.ts';
import { createConnectionStore } from '../src/live/connection.ts';
import { delayMs, follow } from '../src/live/follow.ts';

function balance(version: number, available: number): BalanceFragment {
  const rest = { held: 0, used: 0, allowance: 0, overage: 0, owed: 0, usedRatio: 0 };
  return { billingEntityId: 'a', asOf: '2026-03-01T00:00:00Z', version, available, ...rest };
}

describe('the balance store', () => {
  test('takes a higher version and tells whoever listens', () => {
    const store = createBalanceStore();
    let told = 0;
    store.subscribe(() => (told += 1));
    expect(store.accept(balance(3, 100))).toBe(true);
    expect(store.accept(balance(4, 90))).toBe(true);
    expect([store.get()?.available, told]).toEqual([90, 2]);
  });

  test.each([[3], [2]])('leaves version %s alone where 3 is held', (version) => {
    const store = createBalanceStore();
    store.accept(balance(3, 100));
    let told = 0;
    store.subscribe(() => (told += 1));
    expect(store.accept(balance(version, 5_000))).toBe(false);
    expect([store.get()?.available, told]).toEqual([100, 0]);
  });
});

test('the time of a loss is that of the first failure until the connection is live again', () => {
  const store = createConnectionStore();
  const [first, second] = [new Date(1_000), new Date(2_000)];
  store.isLost(first);
  store.isLost(second);
  expect(store.get()).toEqual({ state: 'reconnecting', since: first });
  store.isLive();
  store.isLost(second);
  expect(store.get()).toEqual({ state: 'reconnecting', since: second });
});

describe('following a stream', () => {
  test('asks before each subscription, and again after a loss', async () => {
    const said: string[] = [];
    const stop = new AbortController();
    let opened = 0;
    await follow<number>(
      {
        async ask() {
          said.push('ask');
        },
        async *open() {
          opened += 1;
          said.push('open');
          yield opened;
          if (opened === 2) stop.abort();
          else throw new Error('lost');
        },
        take: (event) => void said.push(`take ${event}`),
        lost: () => true,
        async wait(attempt) {
          said.push(`wait ${attempt}`);
        },
      },
      stop.signal,
    );
    expect(said).toEqual(['ask', 'open', 'take 1', 'wait 0', 'ask', 'open', 'take 2']);
  });

  test('subscribes to nothing while the question fails, and waits longer each time', async () => {
    const waits: number[] = [];
    let opened = 0;
    await follow<number>(
      {
        ask: () => Promise.reject(new Error('down')),
        async *open() {
          opened += 1;
          yield opened;
        },
        take: () => {},
        lost: () => waits.length < 3,
        async wait(attempt) {
          waits.push(attempt);
        },
      },
      new AbortController().signal,
    );
    expect([waits, opened]).toEqual([[0, 1, 2], 0]);
  });

  test('delays grow to eight seconds and a quarter more or less', () => {
    expect(delayMs(0, 0)).toBe(375);
    expect(delayMs(0, 1)).toBe(625);
    expect(delayMs(30, 1)).toBe(10_000);
  });
});

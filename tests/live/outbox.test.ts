import { pino } from 'pino';
import { decodeBalance, decodeMessage } from '../../src/live/message.ts';
import { Outbox } from '../../src/live/outbox.ts';
import { ManualScheduler, settle } from './manual-scheduler.ts';
import { state } from './states.ts';

const log = pino({ level: 'silent' });

interface Sending {
  readonly atMs: number;
  readonly states: [account: string, version: number][];
  readonly lossy: boolean;
  readonly leaving: boolean;
}

/** An outbox whose way out can be broken. */
function outboxUnderTest(options: { maxAccounts?: number } = {}) {
  const scheduler = new ManualScheduler();
  const sendings: Sending[] = [];
  const road = { broken: false };
  const outbox = new Outbox({
    ...options,
    processId: 'me',
    scheduler,
    log,
    send: (texts) => {
      if (road.broken) return Promise.reject(new Error('connection refused'));
      const messages = texts.map((text) => decodeMessage(text));
      const balances = messages.flatMap((message) => message?.balances ?? []).map(decodeBalance);
      sendings.push({
        atMs: scheduler.nowMs(),
        states: balances.map((balance) => [balance?.billingEntityId ?? '', Number(balance?.version)]),
        lossy: messages.some((message) => message?.lossy),
        leaving: messages.some((message) => message?.leaving),
      });
      return Promise.resolve();
    },
  });
  return { outbox, scheduler, sendings, road };
}

describe('the outbox', () => {
  test('sends at once when idle, every 50 ms while busy, and the newest per account', async () => {
    const { outbox, scheduler, sendings } = outboxUnderTest();
    for (let version = 0; version < 100; version += 1) {
      outbox.put(state('a', version));
      if (version % 10 === 0) outbox.put(state('b', version));
      await scheduler.advance(1);
    }
    await scheduler.advance(50);
    expect(sendings.map(({ atMs }) => atMs)).toEqual([0, 50, 100]);
    expect(sendings.map(({ states }) => Object.fromEntries(states))).toEqual([
      { a: 0, b: 0 },
      { a: 49, b: 40 },
      { a: 99, b: 90 },
    ]);
    expect(scheduler.planned).toBe(0);
  });

  test('an older state never takes the place of a newer one', async () => {
    const { outbox, scheduler, sendings } = outboxUnderTest();
    outbox.put(state('a', 2));
    outbox.put(state('a', 1));
    await scheduler.advance(0);
    expect(sendings[0]?.states).toEqual([['a', 2]]);
  });

  test('what could not be sent is sent later, in its newest form', async () => {
    const { outbox, scheduler, sendings, road } = outboxUnderTest();
    road.broken = true;
    outbox.put(state('a', 1));
    outbox.put(state('b', 1));
    await scheduler.advance(10_000);
    outbox.put(state('a', 2));
    road.broken = false;
    await scheduler.advance(10_000);
    expect(sendings).toHaveLength(1);
    expect(sendings[0]?.states.toSorted()).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  test('with more accounts waiting than it may keep, it tells the others to read for themselves', async () => {
    const { outbox, scheduler, sendings, road } = outboxUnderTest({ maxAccounts: 10 });
    road.broken = true;
    for (let i = 0; i < 25; i += 1) outbox.put(state(`account ${i}`, 1));
    await scheduler.advance(10_000);
    road.broken = false;
    await scheduler.advance(10_000);
    expect(sendings.map(({ lossy }) => lossy)).toEqual([true]);
    expect(sendings[0]?.states.length).toBeLessThanOrEqual(10);
  });

  test('many accounts leave in several sendings, without a pause between them', async () => {
    const { outbox, scheduler, sendings } = outboxUnderTest();
    for (let i = 0; i < 2_500; i += 1) outbox.put(state(`account ${i}`, 1));
    await scheduler.advance(0);
    expect(sendings.map(({ states }) => states.length)).toEqual([1_000, 1_000, 500]);
  });

  test('stopped, it sends what is left, says goodbye, and nothing after', async () => {
    const { outbox, scheduler, sendings } = outboxUnderTest();
    outbox.put(state('a', 1));
    await scheduler.advance(0);
    outbox.put(state('a', 2));
    await outbox.stop();
    outbox.put(state('a', 3));
    await scheduler.advance(1_000);
    await settle();
    expect(sendings.map(({ states, leaving }) => [states, leaving])).toEqual([
      [[['a', 1]], false],
      [[['a', 2]], true],
    ]);
    expect(scheduler.planned).toBe(0);
  });
});

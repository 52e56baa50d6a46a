import fc from 'fast-check';
import {
  accountOf,
  decodeBalance,
  decodeMessage,
  decodeEntityId,
  encodeMessages,
  encodeNews,
  TOPICS,
} from '../../src/live/message.ts';
import type { Balance } from '../../src/ledger/rules/balance.ts';
import { state } from './states.ts';

const from = '0197a9d2-0000-7000-8000-000000000001';

describe('messages between processes', () => {
  test('what one writes, the other reads, whatever the amounts; none is above 7 900 bytes', () => {
    const credits = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const balance: fc.Arbitrary<Balance> = fc.record({
      billingEntityId: fc.uuid(),
      available: credits,
      held: credits,
      used: credits,
      allowance: credits,
      overage: credits,
      owed: credits,
      usedRatio: fc.double({ noNaN: true, noDefaultInfinity: true }).map((ratio) => ratio + 0),
      version: credits,
      sequence: credits,
      asOf: fc.date({ noInvalidDate: true }),
    });
    fc.assert(
      fc.property(fc.array(balance, { maxLength: 200 }), (balances) => {
        const messages = encodeMessages(from, balances);
        for (const message of messages) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(7_900);
        const entries = messages.flatMap((message) => decodeMessage(message)?.balances ?? []);
        expect(entries.map(accountOf)).toEqual(balances.map(({ billingEntityId }) => billingEntityId));
        expect(entries.map(decodeBalance)).toEqual(balances);
      }),
    );
  });

  test('several accounts travel together, and nothing to tell is one sign of life', () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      state(`0197a9d2-0000-7000-8000-${String(i).padStart(12, '0')}`, i),
    );
    expect(encodeMessages(from, many).length).toBeLessThanOrEqual(4);
    expect(encodeMessages(from, []).map(decodeMessage)).toEqual([
      { from, balances: [], news: { used: [], alerted: [] }, lossy: false, leaving: false },
    ]);
    expect(encodeMessages(from, [], { lossy: true, leaving: true }).map(decodeMessage)).toEqual([
      { from, balances: [], news: { used: [], alerted: [] }, lossy: true, leaving: true },
    ]);
  });

  test.each(TOPICS)(
    'ids of the topic %s are read as they were written, and are nothing to a process that does not know of it',
    (topic) => {
      fc.assert(
        fc.property(fc.uniqueArray(fc.uuid(), { maxLength: 500 }), (ids) => {
          const messages = encodeNews(from, topic, ids);
          for (const message of messages) {
            expect(Buffer.byteLength(message)).toBeLessThanOrEqual(7_900);
            expect(decodeMessage(message)).toMatchObject({ from, balances: [], lossy: false, leaving: false });
          }
          const read = messages.flatMap((message) => decodeMessage(message)?.news[topic] ?? []);
          expect(read.map(decodeEntityId)).toEqual(ids);
        }),
      );
      expect(encodeNews(from, topic, [])).toEqual([]);
    },
  );

  test('what is exactly no id names no entity', () => {
    const broken: unknown[] = [
      null,
      undefined,
      1,
      true,
      {},
      [],
      '',
      'x',
      `${from}0`,
      [from],
      `${from}\n`,
      from.slice(1),
    ];
    expect(broken.map(decodeEntityId).filter((id) => id !== null)).toEqual([]);
  });

  test('anything else is no message', () => {
    const hostile = ['', 'x', '{', 'null', '[]', '{}', '"x"', '{"from":1,"balances":[]}', '{"from":"","balances":[]}'];
    hostile.push('{"from":"x"}', '{"from":"x","balances":{}}', `{"from":"${'x'.repeat(65)}","balances":[]}`);
    hostile.push(
      `{"from":"x","balances":[${' '.repeat(8_000)}]}`,
      ...TOPICS.map((topic) => `{"from":"x","balances":[],"${topic}":1}`),
    );
    expect(hostile.map(decodeMessage).filter((message) => message !== null)).toEqual([]);
  });

  test('an entry that is not exactly a state is none', () => {
    const [good] = decodeMessage(encodeMessages(from, [state('a', 1)])[0] ?? '')?.balances ?? [];
    const entry = good as unknown[];
    expect(decodeBalance(entry)).toEqual(state('a', 1));
    const broken: unknown[] = [null, 1, 'a', {}, [], entry.slice(1), [...entry, 1]];
    for (const place of entry.keys()) {
      for (const value of [
        null,
        undefined,
        true,
        {},
        [],
        Number.NaN,
        '1.5',
        '0x1',
        '',
        '9223372036854775808',
        'Infinity',
      ]) {
        if (place === 0 && typeof value === 'string') continue;
        broken.push(entry.with(place, value));
      }
    }
    expect(broken.map(decodeBalance).filter((balance) => balance !== null)).toEqual([]);
    expect(accountOf({ 0: 'a' })).toBeNull();
  });
});

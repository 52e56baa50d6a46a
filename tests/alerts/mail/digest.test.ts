import fc from 'fast-check';
import { digestsOf, mayMail, type Recipient, WINDOW_MS } from '../../../src/alerts/mail/digest.ts';

const MINUTE_MS = 60_000;
const at = (ms: number): Date => new Date(Date.UTC(2026, 2, 10) + ms);

describe('an entity may be mailed', () => {
  test.each([
    ['never mailed', null, true],
    ['mailed a moment ago', 0, false],
    ['mailed nearly ten minutes ago', -WINDOW_MS + 1, false],
    ['mailed ten minutes ago', -WINDOW_MS, true],
    ['mailed by a process whose clock is a second ahead', 1_000, false],
    ['mailed by a clock that was set back a day since', 86_400_000, true],
  ])('%s', (_, mailedMs, may) => {
    const mailedAt = mailedMs === null ? null : at(mailedMs);
    expect(mayMail({ now: at(0), mailedAt, unsentSince: null })).toBe(may);
  });

  test.each([
    ['while a mail about it waits', 5 * MINUTE_MS, false],
    ['when that mail has waited for an hour', 60 * MINUTE_MS, true],
  ])('%s', (_, waitedMs, may) => {
    expect(mayMail({ now: at(waitedMs), mailedAt: null, unsentSince: at(0) })).toBe(may);
  });
});

test('any history of news: each item in one mail, in order, the first at once, the rest within ten minutes, mails ten minutes apart', () => {
  const gaps = fc.array(fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 3 * WINDOW_MS })), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 2_000, max: 60_000 }), (between, sweepMs) => {
      const raisedAt: number[] = [];
      let now = 0;
      for (const gap of between) raisedAt.push((now += gap));
      const mails: { readonly at: number; readonly items: readonly number[] }[] = [];
      let [told, mailedAt] = [0, null as Date | null];
      const look = (ms: number): void => {
        const waiting = raisedAt.flatMap((raised, item) => (raised <= ms && item >= told ? [item] : []));
        if (waiting.length === 0 || !mayMail({ now: at(ms), mailedAt, unsentSince: null })) return;
        mails.push({ at: ms, items: waiting });
        told += waiting.length;
        mailedAt = at(ms);
      };
      // A look after each item, and one each sweep.
      const looks = [...raisedAt];
      for (let ms = 0; ms <= now + 2 * WINDOW_MS; ms += sweepMs) looks.push(ms);
      for (const ms of looks.toSorted((one, other) => one - other)) look(ms);

      expect(mails.flatMap(({ items }) => items)).toEqual(raisedAt.map((_, item) => item));
      expect(mails[0]?.at).toBe(raisedAt[0]);
      for (const [index, mail] of mails.entries()) {
        const before = mails[index - 1];
        if (before !== undefined) expect(mail.at - before.at).toBeGreaterThanOrEqual(WINDOW_MS);
        for (const item of mail.items) expect(mail.at - (raisedAt[item] as number)).toBeLessThan(WINDOW_MS + sweepMs);
      }
    }),
  );
});

test('any news and recipients: who reads all gets all, others what concerns them, nobody an empty mail, and order is kept', () => {
  const people = ['ana', 'bob', 'cyd'];
  const items = fc.array(fc.record({ memberId: fc.option(fc.constantFrom(...people)) }), { maxLength: 12 });
  const recipients = fc.array(
    fc.record({
      addressId: fc.uuid(),
      address: fc.emailAddress(),
      userIds: fc.uniqueArray(fc.constantFrom(...people), { maxLength: 2 }),
      readsAll: fc.boolean(),
    }),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(items, recipients, (news, all: Recipient[]) => {
      const numbered = news.map((item, index) => ({ ...item, index }));
      const digests = digestsOf(numbered, all);
      for (const recipient of all) {
        const expected = numbered.filter(({ memberId }) =>
          recipient.readsAll ? true : recipient.userIds.some((id) => id === memberId),
        );
        const mail = digests.find((digest) => digest.recipient === recipient);
        expect(mail?.items.map(({ index }) => index) ?? []).toEqual(expected.map(({ index }) => index));
        expect(mail === undefined).toBe(expected.length === 0);
      }
      expect(digests.length).toBeLessThanOrEqual(all.length);
    }),
  );
});

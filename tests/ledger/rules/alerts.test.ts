import { type AlertPreference, perMilleOf, findWrong } from '../../../src/ledger/rules/alert-preferences.ts';
import type { Alert, AlertPreferenceChange } from '../../../src/ledger/rules/alerts.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { PRO } from './commands.ts';
import { at, ENTITY, grantOf, HOLD, ProvenAccount, reserveOf, settleOf, useOf } from './proven-account.ts';

const base = { billingEntityId: ENTITY, actor: 'test', idempotency: null } as const;

const level = (type: 'WARNING' | 'CRITICAL', perMille: number): AlertPreference => ({
  type,
  perMille,
  remaining: null,
  channels: ['IN_APP'],
  enabled: true,
});
const left = (type: 'WARNING' | 'CRITICAL', remaining: bigint): AlertPreference => ({
  ...level(type, 1),
  perMille: null,
  remaining,
});
const set = (...preferences: AlertPreference[]): Command => ({ ...base, kind: 'alertPreferences', preferences });

/** Credits; one is ten tokens. */
const use = (credits: bigint): Command => useOf(credits * 10n);

/** What was raised since the last look. */
function newsOf(payer: ProvenAccount): () => string[] {
  let known = 0;
  return () => {
    const news = payer.ledger.alerts.slice(known);
    known = payer.ledger.alerts.length;
    return news.map(({ type, perMille, remaining }) =>
      perMille !== null ? `${type} ${perMille / 1_000}` : remaining === null ? type : `${type} -${remaining}`,
    );
  };
}

describe('threshold alerts (rule 29)', () => {
  it('are raised once per crossing, lower first, and again after a second climb', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(100n));
    payer.done(use(79n));
    expect(news()).toEqual([]);
    payer.done(use(1n));
    expect(news()).toEqual(['WARNING 0.8']);
    payer.done(use(14n));
    expect(news()).toEqual([]);
    payer.done(use(1n));
    expect(news()).toEqual(['CRITICAL 0.95']);
    payer.done(use(5n));
    expect(news()).toEqual(['EXHAUSTED']);
    payer.done(grantOf(900n));
    expect(news()).toEqual(['RECOVERED']);
    payer.done(use(700n));
    expect(news()).toEqual(['WARNING 0.8']);
    payer.done(use(200n));
    expect(news()).toEqual(['CRITICAL 0.95', 'EXHAUSTED']);
  });

  it('are both raised by one jump over two of them', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(100n));
    payer.done(use(70n));
    payer.done(use(26n));
    expect(news()).toEqual(['WARNING 0.8', 'CRITICAL 0.95']);
    expect(payer.ledger.alerts[1]).toMatchObject({
      number: 2n,
      used: 96n,
      allowance: 100n,
      available: 4n,
      channels: ['IN_APP', 'EMAIL'],
      sequence: payer.account.sequence,
      isRefusal: false,
    });
  });

  it('compare exactly: a third of three is no third with fractions lost', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(set(level('WARNING', 333), level('CRITICAL', 334)));
    payer.done(grantOf(3n));
    payer.done(use(1n));
    expect(news()).toEqual(['WARNING 0.333']);
    // So many credits that a ratio of floats would be exactly 0.8.
    const rich = new ProvenAccount();
    const more = newsOf(rich);
    const [whole, most] = [5_000_000_000_000_000n, 3_999_999_999_999_999n];
    rich.done(grantOf(whole));
    rich.done({ ...base, kind: 'adjust', grantId: HOLD, amount: -(whole - most - 1_000n), reason: 'less' });
    expect(more()).toEqual([]);
    for (let used = 0n; used < 1_000_000_000_000n; used += 100_000_000_000n) rich.done(use(100_000_000_000n));
    expect(more()).toEqual([]);
    expect(Number(799_999_999_999_999_999n) / Number(1_000_000_000_000_000_000n)).toBe(0.8);
  });

  it('by what remains are raised when available falls below it, whatever it falls by', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(100n));
    payer.done(set(left('WARNING', 50n), left('CRITICAL', 20n)));
    payer.done(use(50n));
    expect(news()).toEqual([]);
    payer.done(use(1n));
    expect(news()).toEqual(['WARNING -50']);
    payer.done(reserveOf(400n, HOLD));
    expect(news()).toEqual(['CRITICAL -20']);
    payer.done(settleOf(0n, HOLD));
    payer.done({ ...base, kind: 'adjust', grantId: HOLD, amount: -30n, reason: 'a mistake' });
    expect(news()).toEqual(['CRITICAL -20']);
    payer.done(grantOf(31n));
    payer.done(use(31n));
    expect(news()).toEqual(['WARNING -50', 'CRITICAL -20']);
  });

  it('wait until they are left where they are passed when they are set, or exactly reached', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(100n));
    payer.done(use(60n));
    payer.done(set(level('WARNING', 500), level('CRITICAL', 600), left('WARNING', 1_000_000n)));
    payer.done(use(30n));
    expect(news()).toEqual([]);
    payer.done(grantOf(999_990n));
    payer.done(use(1n));
    expect(news()).toEqual(['WARNING -1000000']);
    payer.done({ ...base, kind: 'adjust', grantId: HOLD, amount: -999_900n, reason: 'a mistake' });
    // Half of 190 is 95, and 91 are used: both levels were left when so much came.
    expect(news()).toEqual([]);
    payer.done(use(10n));
    expect(news()).toEqual(['WARNING 0.5']);
  });

  it('are not raised again by setting the same list, nor by removing a level and setting it in mid-climb', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(100n));
    payer.done(use(85n));
    expect(news()).toEqual(['WARNING 0.8']);
    payer.done(set(level('WARNING', 800), level('CRITICAL', 950)));
    payer.done(use(1n));
    payer.done(set());
    payer.done(use(10n));
    payer.done(set(level('WARNING', 800), level('CRITICAL', 950)));
    payer.done(use(1n));
    expect(news()).toEqual([]);
    payer.done(set(level('WARNING', 980)));
    payer.done(use(1n));
    expect(news()).toEqual(['WARNING 0.98']);
  });

  it('of [] are silent, and so is what is disabled or has no channel; what is not named keeps its default', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    const silent = { ...level('CRITICAL', 950), enabled: false };
    payer.done(set(silent, { ...level('WARNING', 800), channels: [] }));
    payer.done(grantOf(100n));
    payer.done(use(100n));
    expect(news()).toEqual(['EXHAUSTED']);
    payer.done(set({ ...level('WARNING', 1), type: 'RECOVERED', perMille: null, enabled: false }));
    payer.done(grantOf(101n));
    expect(news()).toEqual([]);
    payer.done(use(101n));
    expect(news()).toEqual(['EXHAUSTED']);
  });

  it('begin anew with the period, in which use is counted from 0', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(200n));
    payer.done(use(170n));
    expect(news()).toEqual(['WARNING 0.8']);
    payer.at('2026-04-01T00:00:00Z').done(use(24n));
    expect(news()).toEqual(['WARNING 0.8']);
  });
});

describe('alerts of events (rule 29)', () => {
  it('tell that use was refused for want of credits, once, though available never comes to 0', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(100n));
    payer.done(use(97n));
    news();
    const { version, sequence } = payer.account;
    expect(payer.try(use(10n))).toMatchObject({ kind: 'refused' });
    expect(payer.try(reserveOf(100n, HOLD))).toMatchObject({ kind: 'refused' });
    expect(payer.try(use(10n))).toMatchObject({ kind: 'refused' });
    expect(news()).toEqual(['EXHAUSTED']);
    expect(payer.ledger.alerts.at(-1)).toMatchObject({ isRefusal: true, available: 3n, used: 97n });
    // No balance changed, so readers notice nothing.
    expect(payer.account).toMatchObject({ version, sequence });
    payer.done(use(3n));
    expect(news()).toEqual([]);
    payer.done(grantOf(5n));
    expect(news()).toEqual(['RECOVERED']);
    payer.try(use(10n));
    expect(news()).toEqual(['EXHAUSTED']);
  });

  it('say nothing of use that is refused for another reason, nor of a transfer or an adjustment', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(grantOf(5n));
    payer.try({ ...use(10n), feature: 'all_chatflows' } as Command);
    payer.try({ ...base, kind: 'adjust', grantId: HOLD, amount: -30n, reason: 'too much' });
    expect(news()).toEqual([]);
  });

  it('tell a period’s first overage, and that the cap is used up, once a period', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: 100n }, subscription: PRO });
    const news = newsOf(payer);
    payer.done(set());
    payer.done(use(95n));
    expect(news()).toEqual(['OVERAGE_STARTED']);
    // The cap of 100 stays at 95, and work that costs 10 is refused for it.
    payer.try(use(10n));
    payer.try(use(10n));
    expect(news()).toEqual(['OVERAGE_CAP_REACHED']);
    payer.done(use(5n));
    const [, entry] = payer.ledger.entries;
    payer.done({
      ...base,
      kind: 'refund',
      record: { sequence: (entry?.sequence ?? 0n) - 1n, line: 0 },
      reason: 'test',
    });
    payer.done(use(95n));
    expect(news()).toEqual([]);
    payer.at('2026-04-01T00:00:00Z').done(use(100n));
    expect(news()).toEqual(['OVERAGE_STARTED', 'OVERAGE_CAP_REACHED']);
  });

  it('are silent of a cap that is set to what was used; the first refusal for it tells', () => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: null }, subscription: PRO });
    const news = newsOf(payer);
    payer.done(set());
    payer.done(use(50n));
    news();
    payer.done({ ...base, kind: 'policy', overagePolicy: { enabled: true, cap: 50n } });
    expect(news()).toEqual([]);
    payer.try(use(1n));
    expect(news()).toEqual(['OVERAGE_CAP_REACHED']);
  });

  it('see the events of one instant as one step: what lapses and comes at once was never gone', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    const noon = at('2026-03-11T12:00:00Z');
    payer.done(grantOf(100n, { expiresAt: noon }));
    payer.done(grantOf(70n, { effectiveAt: noon }));
    payer.at('2026-03-12T00:00:00Z');
    expect(news()).toEqual([]);
    // An hour between them is another matter, however late both are taken.
    payer.done(grantOf(30n, { effectiveAt: at('2026-03-13T13:00:00Z'), grantId: HOLD }));
    payer.done({ ...base, kind: 'adjust', grantId: HOLD, amount: -70n, reason: 'away' });
    expect(news()).toEqual(['EXHAUSTED']);
    payer.at('2026-03-14T00:00:00Z');
    expect(news()).toEqual(['RECOVERED']);
    payer.done(set(left('WARNING', 20n)));
    const [lapses, comes] = [at('2026-03-15T12:00:00Z'), at('2026-03-15T13:00:00Z')];
    payer.done({ ...base, kind: 'adjust', grantId: HOLD, amount: -30n, reason: 'away' });
    payer.done(grantOf(40n, { expiresAt: lapses }));
    payer.done(grantOf(41n, { effectiveAt: comes }));
    expect(news()).toEqual(['WARNING -20', 'EXHAUSTED', 'RECOVERED']);
    payer.at('2026-03-16T00:00:00Z');
    expect(news()).toEqual(['WARNING -20', 'EXHAUSTED', 'RECOVERED']);
  });

  it('tell an unpaid invoice once', () => {
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    for (const invoiceId of ['in_1', 'in_1', 'in_2', 'in_1']) payer.done({ ...base, kind: 'paymentFailed', invoiceId });
    expect(news()).toEqual(['PAYMENT_FAILED', 'PAYMENT_FAILED']);
    expect(payer.ledger.alerts.map(({ invoiceId }) => invoiceId)).toEqual(['in_1', 'in_2']);
  });
});

describe('preferences', () => {
  it.each([
    ['a level named twice', [level('WARNING', 800), level('WARNING', 800)]],
    ['what remains named twice', [left('CRITICAL', 5n), left('CRITICAL', 5n)]],
    ['a level and what remains together', [{ ...level('WARNING', 800), remaining: 5n }]],
    ['neither a level nor what remains', [{ ...level('WARNING', 800), perMille: null }]],
    ['a level of 0', [level('WARNING', 0)]],
    ['a level above 1', [level('WARNING', 1_010)]],
    ['nothing that remains', [left('WARNING', 0n)]],
    ['less than nothing that remains', [left('WARNING', -1n)]],
    ['a level of an event', [{ ...level('WARNING', 800), type: 'EXHAUSTED' as const }]],
    ['more than fifty', Array.from({ length: 51 }, (_, index) => level('WARNING', index + 1))],
  ])('are refused with %s, and stay as they were', (_, preferences) => {
    const payer = new ProvenAccount();
    expect(payer.try(set(...preferences))).toMatchObject({ kind: 'rejected', code: 'BAD_USER_INPUT' });
    expect(payer.account).toMatchObject({ alertPreferences: null, alerts: { changes: 0n } });
  });

  it('may have one level for both types, and a level beside what remains', () => {
    const both = [level('WARNING', 800), level('CRITICAL', 800), left('WARNING', 800n), level('WARNING', 1_000)];
    expect(findWrong(both)).toBeNull();
    const payer = new ProvenAccount();
    const news = newsOf(payer);
    payer.done(set(...both.toReversed()));
    payer.done(grantOf(1_000n));
    payer.done(use(1_000n));
    expect(news()).toEqual(['WARNING 0.8', 'CRITICAL 0.8', 'WARNING 1', 'WARNING -800', 'EXHAUSTED']);
  });

  it('have levels of three decimals, exactly', () => {
    for (let perMille = 1; perMille <= 1_000; perMille += 1) expect(perMilleOf(perMille / 1_000)).toBe(perMille);
    for (const wrong of [0, -0.5, 1.001, 1.01, 0.8005, 1e-9, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(perMilleOf(wrong)).toBeNull();
    }
  });
});

describe('the proof of alerts', () => {
  /** An account with alerts of many kinds, provable. */
  const eventful = (): ProvenAccount => {
    const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap: 30n }, subscription: PRO });
    payer.done(set(level('WARNING', 500), left('CRITICAL', 20n)));
    payer.done(grantOf(100n));
    payer.done(use(60n));
    payer.done(use(60n));
    payer.try(use(50n));
    payer.done({ ...base, kind: 'paymentFailed', invoiceId: 'in_1' });
    payer.done(grantOf(10n, { grantId: HOLD }));
    return payer;
  };
  const TYPES = [
    ...['WARNING', 'CRITICAL', 'EXHAUSTED', 'OVERAGE_STARTED'],
    ...['OVERAGE_CAP_REACHED', 'PAYMENT_FAILED', 'RECOVERED'],
  ];

  it('holds whatever one command comes to at once, with credits held beside it', () => {
    const amounts = [0n, 10n, 50n, 90n];
    for (const held of amounts) {
      for (const cap of [10n, 60n, 300n]) {
        for (const credits of [50n, 100n - held, 100n - held + cap, 110n]) {
          const payer = new ProvenAccount({ overagePolicy: { enabled: true, cap }, subscription: PRO });
          payer.done(grantOf(100n));
          payer.try(reserveOf(held * 10n, HOLD));
          payer.try(use(credits));
          payer.try(use(1n));
        }
      }
    }
  });

  it('finds each that is missing, altered or too much, though its checksum is right', () => {
    expect(eventful().ledger.alerts.map(({ type }) => type)).toEqual(TYPES);
    const isFound = (damage: (payer: ProvenAccount) => void): boolean => {
      const payer = eventful();
      damage(payer);
      return payer.ledger.verify(ENTITY).problems.length > 0;
    };
    expect(isFound(() => undefined)).toBe(false);
    for (const index of TYPES.keys()) {
      expect([index, isFound(({ ledger }) => void ledger.alerts.splice(index, 1))]).toEqual([index, true]);
      const alter = (changes: object): boolean =>
        isFound(
          ({ ledger }) => void ledger.alerts.splice(index, 1, { ...(ledger.alerts[index] as Alert), ...changes }),
        );
      for (const changes of [{ used: 1n }, { allowance: 1n }, { available: 7n }, { channels: ['WEBHOOK'] }]) {
        expect([index, changes, alter(changes)]).toEqual([index, changes, true]);
      }
      for (const changes of [{ crossing: 'another' }, { number: 99n }, { sequence: 1n }, { perMille: 777 }]) {
        expect([index, changes, alter(changes)]).toEqual([index, changes, true]);
      }
      const twice = isFound(({ ledger }) => {
        const again = { ...(ledger.alerts[index] as Alert), number: BigInt(TYPES.length + 1) };
        ledger.alerts.push({ ...again, crossing: 'once more', sequence: ledger.account(ENTITY).sequence });
      });
      expect([index, twice]).toEqual([index, true]);
    }
  });

  it('finds preferences that nobody set, or that are kept otherwise than they were set', () => {
    const payer = eventful();
    payer.ledger.preferenceChanges.splice(0, 1);
    expect(payer.ledger.verify(ENTITY).problems).not.toEqual([]);
    const other = eventful();
    const [change] = other.ledger.preferenceChanges as [AlertPreferenceChange];
    other.ledger.preferenceChanges.splice(0, 1, { ...change, preferences: [level('WARNING', 500)] });
    expect(other.ledger.verify(ENTITY).problems).not.toEqual([]);
  });
});

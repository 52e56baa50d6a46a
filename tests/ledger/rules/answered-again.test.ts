import fc from 'fast-check';
import { answering, type EarlierEffect } from '../../../src/ledger/rules/answered-again.ts';

const ACCOUNTS = ['the pool', 'the user'];
const PEOPLE = ['ann', 'ben', 'the platform'];

const effect = (billingEntityId: string): fc.Arbitrary<EarlierEffect> =>
  fc.record({
    billingEntityId: fc.constant(billingEntityId),
    key: fc.constant('key'),
    fingerprint: fc.constant(Buffer.alloc(16)),
    sequence: fc.bigInt(1n, 9n),
    actor: fc.constantFrom(...PEOPLE),
    userId: fc.option(fc.constantFrom(...PEOPLE)),
    balance: fc.constant(null),
  });

describe('who is answered again (rule 20)', () => {
  it('is who caused it, whom it was for, and who sees the account; their own goes first, and of the balance now only who sees hears', () => {
    const effects = fc
      .tuple(...ACCOUNTS.map((id) => fc.option(effect(id))))
      .map((all) => all.filter((each) => each !== null));
    const caller = fc.record({
      actor: fc.constantFrom(...PEOPLE),
      entityId: fc.option(fc.constantFrom(...PEOPLE)),
      seen: fc.subarray(ACCOUNTS),
      hearsOnlyOwn: fc.boolean(),
    });
    fc.assert(
      fc.property(effects, caller, (all, { seen, ...who }) => {
        const found = answering(all, { ...who, sees: (id) => seen.includes(id) });
        // Every effect by itself, and then which of those that count stands first.
        const isOwn = (each: EarlierEffect): boolean =>
          each.actor === who.actor || (who.entityId !== null && each.userId === who.entityId);
        const counts = (each: EarlierEffect): boolean =>
          isOwn(each) || (!who.hearsOnlyOwn && seen.includes(each.billingEntityId));
        const ranked = all
          .filter(counts)
          .map((each, index) => ({ each, rank: (isOwn(each) ? 0 : 10) + index }))
          .sort((a, b) => a.rank - b.rank);
        expect(found?.effect).toBe(ranked[0]?.each);
        if (found !== null) expect(found.seen).toBe(seen.includes(found.effect.billingEntityId));
      }),
      { numRuns: 500 },
    );
  });
});

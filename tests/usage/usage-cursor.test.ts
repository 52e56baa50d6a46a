import fc from 'fast-check';
import { encodeCursor, keyOfCursor } from '../../src/kernel/pagination.ts';
import { placesOfCursor, usageCursor, type UsagePlace, type Watched } from '../../src/usage/usage-cursor.ts';

const count = fc.bigInt({ min: 0n, max: 10n ** 18n - 1n });
const instant = fc.date({ min: new Date(0), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true });
const account: fc.Arbitrary<UsagePlace> = count.map((sequence) => ({ kind: 'account', sequence }));
const inPublic: fc.Arbitrary<UsagePlace> = fc
  .record({
    instants: fc.tuple(instant, instant),
    seen: count,
    heads: fc.array(fc.tuple(fc.uuid(), count), { maxLength: 10 }),
  })
  .map(({ instants, seen, heads }) => {
    const [since, settled] = instants.toSorted((one, other) => one.getTime() - other.getTime()) as [Date, Date];
    return { kind: 'public', since, seen, settled, heads };
  });
const places = fc.oneof(fc.tuple(account), fc.tuple(account, account), fc.tuple(account, inPublic));
const watched: fc.Arbitrary<Watched> = fc.record({
  billingEntityId: fc.uuid(),
  type: fc.constantFrom('USER', 'ORGANIZATION'),
  own: fc.option(fc.oneof(fc.record({ userId: fc.uuid() }), fc.record({ apiKeyId: fc.uuid() }))),
});
const kindsOf = (all: readonly UsagePlace[]): UsagePlace['kind'][] => all.map(({ kind }) => kind);

describe('cursors of live use', () => {
  it('name the places that they were made of, and are short', () => {
    fc.assert(
      fc.property(watched, places, (of, all) => {
        const cursor = usageCursor(of, all);
        expect(cursor.length).toBeLessThan(1_500);
        expect(placesOfCursor(cursor, of, kindsOf(all))).toEqual(all);
      }),
    );
  });

  it('of other use of the same entity name none, and those of another entity are refused', () => {
    fc.assert(
      fc.property(watched, watched, places, (of, other, all) => {
        const cursor = usageCursor(of, all);
        expect(() => placesOfCursor(cursor, other, kindsOf(all))).toThrow('that is not a cursor of this live use');
        const { billingEntityId } = of;
        expect(placesOfCursor(cursor, { ...other, billingEntityId, own: { userId: billingEntityId } }, [])).toBeNull();
      }),
    );
  });

  it('that anything of was changed in are refused, or are some other place', () => {
    const junk = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom('-1', '1e3', '0x1', null, [], {}, true));
    fc.assert(
      fc.property(watched, places, junk, fc.nat(), fc.nat(), (of, all, wrong, at, within) => {
        const key = keyOfCursor(usageCursor(of, all)) as unknown[];
        const index = at % key.length;
        const part = key[index];
        const changed = Array.isArray(part) ? (part as unknown[]).with(within % part.length, wrong) : wrong;
        let named: UsagePlace[] | null = null;
        try {
          named = placesOfCursor(encodeCursor(key.with(index, changed)), of, kindsOf(all));
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_USER_INPUT' });
        }
        for (const place of named ?? []) {
          if (place.kind === 'account') expect(place.sequence).toBeGreaterThanOrEqual(0n);
          else expect(place.settled.getTime()).toBeGreaterThanOrEqual(place.since.getTime());
        }
      }),
    );
  });
});

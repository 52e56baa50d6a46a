import fc from 'fast-check';
import {
  type Carry,
  carryToDecimal,
  price,
  formatCarry,
  NO_CARRY,
  parseCarry,
} from '../../../src/ledger/rules/pricing.ts';
import { RATES, type Resource } from '../../../src/plans/rates.ts';

const resource = fc.constantFrom<Resource>('AI_TOKENS', 'COMPUTE');
const quantities = fc.array(fc.oneof(fc.bigInt(0n, 100_000n), fc.bigInt(0n, 2n ** 53n - 1n)), { maxLength: 60 });

function chargeAll(
  quantityList: readonly bigint[],
  rate: { units: bigint; credits: bigint },
): { credits: bigint; carry: Carry } {
  let credits = 0n;
  let carry = NO_CARRY;
  for (const quantity of quantityList) {
    const charged = price(carry, quantity, rate);
    credits += charged.credits;
    carry = charged.carry;
  }
  return { credits, carry };
}

describe('conversion of use to credits', () => {
  it('costs 100 credits for 1000 tokens and 50 for a minute of compute', () => {
    expect(price(NO_CARRY, 1000n, RATES.AI_TOKENS)).toEqual({ credits: 100n, carry: NO_CARRY });
    expect(price(NO_CARRY, 60_000n, RATES.COMPUTE)).toEqual({ credits: 50n, carry: NO_CARRY });
  });

  it('charges sixty records of one second as one minute', () => {
    expect(chargeAll(Array<bigint>(60).fill(1000n), RATES.COMPUTE)).toEqual({ credits: 50n, carry: NO_CARRY });
  });

  it('charges floor(total × rate) for any split of any use, and carries exactly the rest', () => {
    fc.assert(
      fc.property(resource, quantities, (name, list) => {
        const rate = RATES[name];
        const total = list.reduce((sum, quantity) => sum + quantity, 0n) * rate.credits;
        const { credits, carry } = chargeAll(list, rate);
        expect(credits).toBe(total / rate.units);
        expect(carry.numerator * rate.units).toBe((total % rate.units) * carry.denominator);
      }),
      { numRuns: 2_000 },
    );
  });

  it('loses and invents nothing when a rate changes between two charges', () => {
    const rates = fc.record({ units: fc.bigInt(1n, 100_000n), credits: fc.bigInt(0n, 1_000n) });
    fc.assert(
      fc.property(rates, rates, fc.bigInt(0n, 10n ** 9n), fc.bigInt(0n, 10n ** 9n), (before, after, first, second) => {
        const one = price(NO_CARRY, first, before);
        const two = price(one.carry, second, after);
        const scale = before.units * after.units * two.carry.denominator;
        const used = (first * before.credits * scale) / before.units + (second * after.credits * scale) / after.units;
        const charged = (one.credits + two.credits) * scale + (two.carry.numerator * scale) / two.carry.denominator;
        expect(charged).toBe(used);
      }),
    );
  });

  it('keeps the fraction below one credit, in storage and as a decimal', () => {
    fc.assert(
      fc.property(resource, fc.bigInt(0n, 10n ** 12n), (name, quantity) => {
        const { carry } = price(NO_CARRY, quantity, RATES[name]);
        expect(carry.numerator < carry.denominator).toBe(true);
        expect(parseCarry(formatCarry(carry))).toEqual(carry);
        expect(Number(carryToDecimal(carry))).toBeLessThan(1);
      }),
    );
    expect(carryToDecimal({ numerator: 5n, denominator: 6n })).toBe('0.833333333333');
    expect(carryToDecimal({ numerator: 3n, denominator: 10n })).toBe('0.3');
    expect(carryToDecimal({ numerator: 10n ** 13n - 1n, denominator: 10n ** 13n })).toBe('0.999999999999');
    expect(carryToDecimal(NO_CARRY)).toBe('0');
  });

  it('refuses to read what is not a carry', () => {
    for (const text of ['', '1/1', '-1/2', '3', 'x/2']) expect(() => parseCarry(text)).toThrow();
  });
});

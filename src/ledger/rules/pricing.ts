/**
 * Prices use in credits, exactly (rules 1 and 2). A price is a whole number. The fraction that is left over is carried to
 * the next price of the same account and resource, so that for any split of the same use the prices add up to
 * floor(total × rate).
 */

/** An exact fraction of a credit, 0 ≤ numerator / denominator < 1. */
export interface Carry {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const NO_CARRY: Carry = { numerator: 0n, denominator: 1n };

/** The price of use: whole credits now, and the fraction that is carried to the next price. */
export interface Priced {
  readonly credits: bigint;
  readonly carry: Carry;
}

/** `units` of a resource cost `credits` whole credits. */
interface RateOf {
  readonly units: bigint;
  readonly credits: bigint;
}

/** Gives floor(carry + quantity × rate), and the rest as the new carry. `quantity` is in units of the resource, ≥ 0. */
export function price(carry: Carry, quantity: bigint, rate: RateOf): Priced {
  // A carry made under another rate may have another denominator; the common case is that it divides the rate's units.
  const denominator = rate.units % carry.denominator === 0n ? rate.units : rate.units * carry.denominator;
  const total =
    carry.numerator * (denominator / carry.denominator) + quantity * rate.credits * (denominator / rate.units);
  return { credits: total / denominator, carry: reduce(total % denominator, denominator) };
}

/** Gives ceil(quantity × rate): a reservation holds this for use that has not happened yet, whatever the carry is (rule 2). */
export function priceAtMost(quantity: bigint, rate: RateOf): bigint {
  return (quantity * rate.credits + rate.units - 1n) / rate.units;
}

/** `3/10`: how a carry is stored. `0` when nothing is carried. */
export function formatCarry(carry: Carry): string {
  return carry.numerator === 0n ? '0' : `${carry.numerator}/${carry.denominator}`;
}

/** Reads what `formatCarry` wrote. A fraction out of range is a bug and throws. */
export function parseCarry(text: string): Carry {
  if (text === '0') return NO_CARRY;
  const slash = text.indexOf('/');
  const carry = { numerator: BigInt(text.slice(0, slash)), denominator: BigInt(text.slice(slash + 1)) };
  if (slash < 0 || carry.numerator < 0n || carry.numerator >= carry.denominator) {
    throw new Error(`not a carry: ${text}`);
  }
  return carry;
}

const DECIMAL_PLACES = 12;

/** A carry as a decimal, cut (never rounded up to 1) after twelve places: `0.3`, `0.833333333333`. */
export function carryToDecimal(carry: Carry): string {
  const scaled = (carry.numerator * 10n ** BigInt(DECIMAL_PLACES)) / carry.denominator;
  if (scaled === 0n) return '0';
  return `0.${scaled.toString().padStart(DECIMAL_PLACES, '0').replace(/0+$/, '')}`;
}

function reduce(numerator: bigint, denominator: bigint): Carry {
  if (numerator === 0n) return NO_CARRY;
  let [a, b] = [denominator, numerator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}

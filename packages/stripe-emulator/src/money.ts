/** Exact arithmetic of prices: cents are whole numbers, prices of a unit are decimals of cents, and nothing is a float. */

interface Exact {
  readonly digits: bigint;
  readonly places: number;
}

/** Price of a unit times units, in whole cents, half a cent away from zero. */
export function lineCents(unitAmount: string, units: number): number {
  const { digits, places } = parse(unitAmount);
  return Number(divideRounded(digits * BigInt(units), 10n ** BigInt(places)));
}

/** The share `part / whole` of an amount, in whole cents, half a cent away from zero. */
export function shareCents(amount: number, { part, whole }: { part: number; whole: number }): number {
  return whole === 0 ? 0 : Number(divideRounded(BigInt(amount) * BigInt(part), BigInt(whole)));
}

/** Canonical spelling: no trailing zeros, so that equal prices read equal. */
export function canonicalDecimal(value: string): string {
  if (!value.includes('.')) return value.replace(/^(-?)0+(?=\d)/, '$1');
  return value.replace(/^(-?)0+(?=\d)/, '$1').replace(/\.?0+$/, '');
}

/** `$1,234.50` */
export function formatMoney(cents: number, currency: string): string {
  const text = new Intl.NumberFormat('en-US', { style: 'currency', currency: currency.toUpperCase() });
  return text.format(cents / 100);
}

function parse(value: string): Exact {
  const [whole = '0', fraction = ''] = value.split('.');
  return { digits: BigInt(whole + fraction), places: fraction.length };
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const a = dividend < 0n ? -dividend : dividend;
  const b = divisor < 0n ? -divisor : divisor;
  const rounded = (2n * a + b) / (2n * b);
  return negative ? -rounded : rounded;
}

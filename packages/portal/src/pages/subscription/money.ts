/** What credits cost, and what is left of them when a plan ends. Pure: the API brings prices and dates. */
import { dollars } from '../../ui/format.ts';

/** The amount that prices per credit are shown for: one credit costs too little to be pictured. */
export const PRICED_CREDITS = 100_000;

/** Cents in dollars: $20.00. */
export function priceOf(cents: number): string {
  return dollars(cents / 100);
}

/** Dollars that these credits cost. `perCredit` is the API's decimal, such as 0.00004. */
export function costOf(credits: number, perCredit: string): string {
  return dollars(credits * Number(perCredit));
}

interface Grant {
  readonly remaining: number;
  readonly expiresAt: string | null;
}

/** Parts the credits that are left into those that lapse by an instant and those that stay beyond it. */
export function leftAt(grants: readonly Grant[], at: string): { readonly lapsing: number; readonly staying: number } {
  const end = Date.parse(at);
  let lapsing = 0;
  let staying = 0;
  for (const { remaining, expiresAt } of grants) {
    if (expiresAt !== null && Date.parse(expiresAt) <= end) lapsing += remaining;
    else staying += remaining;
  }
  return { lapsing, staying };
}

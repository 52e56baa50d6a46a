/** What the demo's buttons use, and what it costs by the rates. Pure. */
import type { BalancePageQuery, UsageResource } from '../../gql/graphql.ts';

type Rates = Readonly<BalancePageQuery['creditRates']>;

export interface Line {
  readonly resource: UsageResource;
  readonly quantity: number;
}

/** A short answer, a long document, and work. */
export const SIZES: readonly Line[] = [
  { resource: 'AI_TOKENS', quantity: 1_000 },
  { resource: 'AI_TOKENS', quantity: 25_000 },
  { resource: 'COMPUTE', quantity: 60_000 },
];

/** The whole credits that it costs, without what was carried before. */
export function costOf({ resource, quantity }: Line, rates: Rates): number {
  const rate = rates.find((one) => one.resource === resource);
  return rate === undefined ? 0 : Math.floor((quantity * rate.credits) / rate.units);
}

/** Tokens that cost so many credits. */
export function lineFor(credits: number, rates: Rates): Line {
  const rate = rates.find(({ resource }) => resource === 'AI_TOKENS');
  return { resource: 'AI_TOKENS', quantity: rate === undefined ? 0 : Math.ceil((credits * rate.units) / rate.credits) };
}

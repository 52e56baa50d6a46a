import type { ReceiptQuery } from '../../gql/graphql.ts';
import { count } from '../../ui/format.ts';

export type ReceiptRecord = NonNullable<NonNullable<ReceiptQuery['billingEntity']>['usageRecord']>;

type Charge = Pick<
  ReceiptRecord,
  'quantity' | 'resource' | 'rate' | 'billingMode' | 'carriedBefore' | 'carriedAfter' | 'credits'
>;

/**
 * The sum in plain words: «1,965 tokens × 0.1 + 0.3 carried = 196 credits, 0.8 carried on». The fractions are the server's
 * decimals, taken as they are; nothing is computed here that could differ from what was charged.
 */
export function receiptSentence({
  quantity,
  resource,
  rate,
  billingMode,
  carriedBefore,
  carriedAfter,
  credits,
}: Charge): string {
  const amount = `${count(quantity)} ${resource === 'AI_TOKENS' ? 'tokens' : 'ms'}`;
  if (billingMode === 'COMPUTE_ONLY' && resource === 'AI_TOKENS') {
    return `${amount} on a key that pays for compute only: 0 credits.`;
  }
  const carriedIn = isZero(carriedBefore) ? '' : ` + ${carriedBefore} carried`;
  const carriedOn = isZero(carriedAfter) ? '' : `, ${carriedAfter} carried on`;
  return `${amount} × ${perUnit(rate)}${carriedIn} = ${count(credits)} ${credits === 1 ? 'credit' : 'credits'}${carriedOn}`;
}

/** Credits per unit: a decimal where it ends, such as 0.1, and a fraction where it does not, such as 7/60,000. */
function perUnit({ credits, units }: Charge['rate']): string {
  let rest = units;
  for (const factor of [2, 5]) while (rest % factor === 0) rest /= factor;
  return credits % rest === 0 ? String(credits / units) : `${count(credits)}/${count(units)}`;
}

function isZero(decimal: string): boolean {
  return /^0*\.?0*$/.test(decimal);
}

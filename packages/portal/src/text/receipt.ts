/** The words of a record’s receipt. */
import type { UsageResource } from '../gql/graphql.ts';

export const receipt = {
  title: 'Why was I charged this?',
  missing: 'There is no such record, or you may not see it',
  link: 'link',
  recorded: 'Charged',
  rate: 'Rate',
  rateOf: (credits: string, units: string, resource: UsageResource) =>
    `${credits} credits for ${units} ${resource === 'AI_TOKENS' ? 'tokens' : 'ms'}`,
  perCredit: 'per credit',
  mode: 'Billing mode',
  modes: {
    FULL: 'Full: tokens and compute are charged.',
    COMPUTE_ONLY: 'Compute only: the key brings its own provider, so tokens cost no credits.',
  },
  drawnFrom: 'Drawn from',
  noDraws: 'No grant, or you may not see which',
  from: (source: string, reason: string | null) => (reason === null ? `from ${source}` : `from ${source}: ${reason}`),
  owed: 'Owed',
  refund: 'Refunded',
  payer: 'Paid by',
  entry: 'Ledger entry',
  entryOf: (sequence: string) => `No. ${sequence}`,
  reservation: 'Reservation',
  released: 'given back unused',
  reservations: { HELD: 'held', SETTLED: 'settled', RELEASED: 'released', EXPIRED: 'expired' },
} as const;

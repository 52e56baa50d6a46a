/** Findings: what of a subscription is not followed whole, or waits for somebody. They are told, and decide nothing. */

/** Who can settle a finding: the payer alone, or whoever sells. */
export type SettledBy = 'PAYER' | 'SELLER';

/** The kinds of findings, with who settles them. */
export const FINDING_KINDS = {
  PAYMENT_METHOD_MISSING: 'PAYER',
  OVERAGE_UNBILLED: 'SELLER',
  PERIOD_UNPAID: 'PAYER',
  COLLECTION_PAUSED: 'SELLER',
  SEVERAL_PRICES: 'SELLER',
  SHORT_PERIODS: 'SELLER',
  MONEY_BACK_UNTOLD: 'SELLER',
  CUSTOMER_UNKNOWN: 'SELLER',
  SCHEDULED_AWAY: 'SELLER',
  PENDING_CHANGE: 'SELLER',
  MIXED_INTERVALS: 'SELLER',
  OTHER_CURRENCY: 'SELLER',
  OTHER_ITEMS: 'SELLER',
  OTHER_SUBSCRIPTION: 'SELLER',
  SECOND_SUBSCRIPTION: 'SELLER',
  OVERAGE_TWICE: 'SELLER',
  UNITS_IN_PACKAGES: 'SELLER',
  MANY_ITEMS: 'SELLER',
  UNKNOWN_STATUS: 'SELLER',
} as const satisfies Readonly<Record<string, SettledBy>>;

export type FindingKind = keyof typeof FINDING_KINDS;

/** One finding of an entity. Kind and subject name it: while it lasts, it is told once. */
export interface Finding {
  readonly kind: FindingKind;
  /** The provider's id of what it is about, such as a subscription's or an invoice's. */
  readonly subject: string;
  /** What is not followed, what happens meanwhile and who has to do what, as a sentence that support can pass on. */
  readonly reason: string;
}

/** A finding that stands, and since when. */
export interface StandingFinding extends Finding {
  readonly since: Date;
}

/** True for what only the seller can settle: the reconciler names it until it is. */
export function isForSeller({ kind }: Pick<Finding, 'kind'>): boolean {
  return FINDING_KINDS[kind] === 'SELLER';
}

/** The kinds that only the seller can settle. */
export const SELLERS_KINDS = (Object.keys(FINDING_KINDS) as FindingKind[]).filter((kind) => isForSeller({ kind }));

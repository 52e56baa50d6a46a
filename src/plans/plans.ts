import { COST_PER_CREDIT_USD } from './rates.ts';

export type PlanCode = 'FREE_TRIAL' | 'PRO';

/** A plan: its price, credits and features (rule 3). */
export interface PlanTerms {
  readonly code: PlanCode;
  readonly name: string;
  /** US cents a month for one unit. */
  readonly priceCents: number;
  /** Credits each period for one unit; for FREE_TRIAL, once. */
  readonly credits: bigint;
  readonly features: readonly string[];
  readonly overageAllowed: boolean;
  /** US dollars, an exact decimal. */
  readonly overageCostPerCredit: string | null;
}

export const FREE_TRIAL: PlanTerms = {
  code: 'FREE_TRIAL',
  name: 'Free trial',
  priceCents: 0,
  credits: 10_000n,
  features: ['basic_chatflows'],
  overageAllowed: false,
  overageCostPerCredit: null,
};

const PRO: PlanTerms = {
  code: 'PRO',
  name: 'Pro',
  priceCents: 2_000,
  credits: 500_000n,
  features: ['basic_chatflows', 'all_chatflows'],
  overageAllowed: true,
  overageCostPerCredit: COST_PER_CREDIT_USD,
};

/** All plans, cheapest first. */
export const PLANS: readonly PlanTerms[] = [FREE_TRIAL, PRO];

export const PLAN_BY_CODE: Readonly<Record<PlanCode, PlanTerms>> = { FREE_TRIAL, PRO };

import type { Stripe } from 'stripe';
import type { OverageTerms } from '../../ledger/rules/subscription.ts';
import type { Finding } from '../../subscriptions/findings.ts';
import type { Affairs } from './affairs.ts';
import type { PaidBase } from './base-lines.ts';
import type { UntoldCredit } from './given-back.ts';

/** The facts that findings are drawn from, as they were just fetched. */
export interface Facts {
  readonly affairs: Affairs;
  /** The subscription that counts; null: there is none. */
  readonly kept: Stripe.Subscription | null;
  /** Its schedule, with the prices of its phases whole; null: it has none. */
  readonly schedule: Stripe.SubscriptionSchedule | null;
  /** How far its overage would be paid for; null: there is no subscription. */
  readonly overageTerms: OverageTerms | null;
  /** Items of running subscriptions that bill what is reported to the meter, in whichever subscription. */
  readonly overageItems: readonly Stripe.SubscriptionItem[];
  /** Base credits that are paid for. */
  readonly bases: readonly PaidBase[];
  /** Money that went back, nobody knows of what. */
  readonly untold: readonly UntoldCredit[];
  readonly now: Date;
}

/** One kind of finding: those of it that the facts show. */
export type Check = (facts: Facts) => readonly Finding[];

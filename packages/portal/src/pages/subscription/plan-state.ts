import type { PlanTermsFragment, SubscriptionPageQuery, SubscriptionStateFragment } from '../../gql/graphql.ts';

export type Entity = NonNullable<SubscriptionPageQuery['billingEntity']>;
export type Plan = PlanTermsFragment;

/** The subscription if there is one that can be changed. One whose first payment is missing has not begun: Checkout begins it. */
export function runningOf(subscription: SubscriptionStateFragment | null): SubscriptionStateFragment | null {
  if (subscription === null || subscription.status === 'INCOMPLETE' || subscription.status === 'CANCELED') return null;
  return subscription;
}

/** The plan that the account is on. */
export function presentOf(plans: readonly Plan[], entity: Pick<Entity, 'plan'>): Plan | undefined {
  return plans.find(({ code }) => code === entity.plan.code);
}

/** The plan that a dialog is about: the named one, else the cheapest that costs more than the present one. */
export function targetOf(
  plans: readonly Plan[],
  present: Plan | undefined,
  named: string | undefined,
): Plan | undefined {
  if (named !== undefined) return plans.find(({ code }) => code === named);
  return plans.find(({ priceCents }) => priceCents > (present?.priceCents ?? 0));
}

/** The plan that holds when nothing is paid for. */
export function freeOf(plans: readonly Plan[]): Plan | undefined {
  return plans.find(({ priceCents }) => priceCents === 0);
}

/** Units are shown where an organization buys them, and where somebody has more than one. */
export function hasUnits(type: 'USER' | 'ORGANIZATION', subscription: SubscriptionStateFragment | null): boolean {
  return type === 'ORGANIZATION' || (subscription?.quantity ?? 1) > 1;
}

/** A whole number of units that the API takes; null: it is none. */
export function unitsIn(typed: string): number | null {
  const units = Number(typed);
  return /^\d{1,4}$/.test(typed.trim()) && units >= 1 && units <= MOST_UNITS ? units : null;
}

const MOST_UNITS = 1_000;

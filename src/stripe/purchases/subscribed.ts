import type { Stripe } from 'stripe';
import { Refusal } from '../../kernel/refusal.ts';
import { PLAN_BY_CODE, type PlanCode, type PlanTerms } from '../../plans/plans.ts';
import { orMissing, type StripeClient } from '../account/client.ts';
import { idOf } from '../account/values.ts';
import { MOST_UNITS } from '../catalog/offers.ts';
import { chooseSubscription, type PlanItem, planItemOf, subscriptionsOf } from '../sync/affairs.ts';

/** The subscription that counts, as Stripe has it, with the item that is the plan. */
export interface Subscribed extends PlanItem {
  readonly customer: string;
  readonly subscription: Stripe.Subscription;
}

/** A plan and its units, as callers name them. */
export interface PlanChange {
  readonly plan: PlanCode;
  readonly quantity: number;
}

/** The plan and units that a change leads to. */
export interface Target {
  readonly plan: PlanTerms;
  readonly quantity: number;
}

/**
 * The subscription of these customers; null: there is none, or nothing of it was ever paid. A customer whom Stripe does not
 * know has none.
 * @throws Refusal PAYMENT_PROVIDER_ERROR
 */
export async function findSubscribed(stripe: StripeClient, customers: readonly string[]): Promise<Subscribed | null> {
  const found: Stripe.Subscription[] = [];
  for (const customer of customers) found.push(...((await orMissing(subscriptionsOf(stripe, customer))) ?? []));
  const { kept } = chooseSubscription(found);
  const plan = kept && planItemOf(kept);
  if (kept === null || plan === null || kept.status === 'incomplete') return null;
  return { customer: idOf(kept.customer), subscription: kept, ...plan };
}

/** @throws Refusal BAD_USER_INPUT */
export function targetOf({ plan, quantity }: PlanChange): Target {
  checkQuantity(quantity);
  return { plan: PLAN_BY_CODE[plan], quantity };
}

/** @throws Refusal BAD_USER_INPUT */
export function checkQuantity(quantity: number): void {
  if (quantity < 1 || quantity > MOST_UNITS) {
    throw new Refusal('BAD_USER_INPUT', `quantity must be 1 to ${MOST_UNITS}`);
  }
}

/** The direction of a change: a target that costs more is up. */
export function directionOf({ plan, quantity }: Subscribed, target: Target): 'UP' | 'DOWN' | 'SAME' {
  const difference = target.plan.priceCents * target.quantity - plan.priceCents * quantity;
  return difference === 0 ? 'SAME' : difference > 0 ? 'UP' : 'DOWN';
}

/**
 * Units of a subscription that has several prices of the plan are changed by people: nobody else knows which price is meant.
 * @throws Refusal CONFLICT
 */
export function checkOnePrice({ others }: Subscribed): void {
  if (others.length === 0) return;
  throw new Refusal('CONFLICT', 'the subscription has several prices of its plan: ask support to change its units');
}

/** A payer who owes for the subscription does not get more of it. @throws Refusal CONFLICT */
export function checkPaid({ subscription: { status } }: Subscribed): void {
  if (status !== 'active' && status !== 'trialing') {
    throw new Refusal('CONFLICT', 'an invoice of the subscription is not paid yet');
  }
}

/**
 * Units are added where they are charged: nobody knows how and when those would be paid for whose invoices are sent, or are not
 * collected at the moment.
 * @throws Refusal CONFLICT
 */
export function checkCharged({ subscription }: Subscribed): void {
  const { collection_method: method, pause_collection: paused } = subscription;
  if (method === 'charge_automatically' && paused === null) return;
  const why = paused === null ? 'its invoices are sent to be paid' : 'nothing is collected for it at the moment';
  throw new Refusal('CONFLICT', `units cannot be added to this subscription here, because ${why}: ask support`);
}

/**
 * A paused subscription has no period at whose end there could be fewer units: it can only end, or be resumed.
 * @throws Refusal CONFLICT
 */
export function checkRunning({ subscription: { status } }: Subscribed, { plan }: Target): void {
  if (status !== 'paused' || plan.priceCents === 0) return;
  throw new Refusal('CONFLICT', 'the subscription is paused: resume it, or end it');
}

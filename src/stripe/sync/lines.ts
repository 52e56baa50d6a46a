/** What a line of an invoice is of. Pure functions of Stripe's objects, which name the same thing in several places. */
import type { Stripe } from 'stripe';
import type { PlanTerms } from '../../plans/plans.ts';
import { idOf } from '../account/values.ts';
import { planOfProduct } from '../catalog/offers.ts';

type Line = Stripe.InvoiceLineItem;

function detailsOf({ parent }: Line) {
  return parent?.subscription_item_details ?? parent?.invoice_item_details ?? null;
}

/** The subscription that the line belongs to; null: none. */
export function subscriptionOfLine(line: Line): string | null {
  return detailsOf(line)?.subscription ?? null;
}

/** True for a change in the middle of a period: what remains of it is charged, or what is not used given back. */
export function isProration(line: Line): boolean {
  return detailsOf(line)?.proration ?? false;
}

/** True for a line that gives back what an earlier line charged. */
export function givesBack(line: Line): boolean {
  return line.amount < 0 || creditedBy(line) !== null;
}

/** The lines of an earlier invoice that a line gives back; null: it gives nothing back, or Stripe does not tell of which. */
export function creditedBy(
  line: Line,
): Stripe.InvoiceLineItem.Parent.SubscriptionItemDetails.ProrationDetails.CreditedItems | null {
  return detailsOf(line)?.proration_details?.credited_items ?? null;
}

/** The plan that the line is of; null: something else is sold, such as overage. */
export function planOfLine({ pricing }: Line): PlanTerms | null {
  const product = pricing?.price_details?.product;
  return product === undefined ? null : planOfProduct(idOf(product));
}

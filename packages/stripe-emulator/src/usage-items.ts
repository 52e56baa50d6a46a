import { productNameOf } from './catalog.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { unitsUsed } from './meters.ts';
import { lineCents } from './money.ts';
import { blankItem } from './proration.ts';
import type { Sandbox } from './sandbox.ts';
import type { ItemChange, Period } from './subscription-items.ts';
import type { InvoiceItem, Subscription, SubscriptionItem } from './wire.ts';

/** The use that metered items counted so far in their period, as items that wait for an invoice. */
export function usageOf(
  sandbox: Sandbox,
  subscription: Subscription,
  items: readonly SubscriptionItem[],
): InvoiceItem[] {
  return items.flatMap((item) => {
    const meter = item.price.recurring?.meter ?? null;
    if (meter === null || !isMetered(item.price)) return [];
    const end = Math.min(item.current_period_end, sandbox.now());
    const period = unbilledPart(sandbox, subscription, { start: item.current_period_start, end });
    const units = unitsUsed(sandbox, { meter, customer: subscription.customer, ...period });
    if (units === 0) return [];
    return blankItem(sandbox, {
      customer: subscription.customer,
      amount: lineCents(unitAmountOf(item.price), units),
      currency: item.price.currency,
      description: productNameOf(sandbox, item.price),
      period,
      quantity: units,
      price: item.price,
      proration: false,
      subscription: subscription.id,
      subscriptionItem: item.id,
      credited: null,
      metadata: {},
    });
  });
}

/** The part of a period whose use stands on no item yet. */
export function unbilledPart(sandbox: Sandbox, { id }: Pick<Subscription, 'id'>, { start, end }: Period): Period {
  const until = sandbox.tables.subscriptionNotes.get(id)?.usageNotedUntil ?? start;
  return { start: Math.min(Math.max(start, until), end), end };
}

/** The items that changes delete. */
export function droppedBy(subscription: Subscription, changes: readonly ItemChange[]): SubscriptionItem[] {
  return subscription.items.data.filter((item) =>
    changes.some((change) => change.id === item.id && change.deleted === true),
  );
}

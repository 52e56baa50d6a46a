import { missing } from './errors.ts';
import { flag } from './parameters.ts';
import { route, type Route } from './router.ts';
import { prorationBehavior } from './subscription-parameters.ts';
import { updateSubscription } from './subscriptions.ts';

const NO_CHANGE = {
  discounts: undefined,
  metadata: undefined,
  price: undefined,
  quantity: undefined,
  tax_rates: undefined,
};

/** Items of subscriptions, as calls of their own. A deletion is one more way to change a subscription. */
export const subscriptionItemRoutes: readonly Route[] = [
  route(
    'DELETE',
    '/v1/subscription_items/:id',
    { clear_usage: flag, proration_behavior: prorationBehavior },
    (sandbox, { clear_usage: clearUsage, proration_behavior: prorates }, [id]) => {
      const subscription = [...sandbox.tables.subscriptions.values()].find(({ items }) =>
        items.data.some((item) => item.id === id),
      );
      if (subscription === undefined) throw missing('subscription_item', id);
      updateSubscription(sandbox, subscription, {
        items: [{ ...NO_CHANGE, id, deleted: true, clear_usage: clearUsage }],
        ...(prorates !== undefined && { proration_behavior: prorates }),
      });
      return { id, object: 'subscription_item', deleted: true };
    },
  ),
];

import type { Route } from './router.ts';
import { olderPaymentIntentRoutes } from './payment-intents.ts';
import { paymentPageRoutes } from './payment-pages.ts';
import { scheduleStartRoutes } from './schedule-start.ts';

/**
 * Calls that the SDK has no method for and Stripe's own programs make all the same: private ones, and parameters that later
 * versions of the API have dropped. The SDK names its version with every call, so that who names none is not ours.
 */
export const unversionedRoutes: readonly Route[] = [
  ...olderPaymentIntentRoutes,
  ...paymentPageRoutes,
  ...scheduleStartRoutes,
];

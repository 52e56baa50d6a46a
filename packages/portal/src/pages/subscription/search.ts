import { oneOf, word } from '../../ui/address.ts';

const DIALOGS = ['plan', 'credits', 'units', 'cancel', 'overage'] as const;
const RETURNS = ['plan', 'credits', 'cancelled'] as const;

export type SubscriptionDialog = (typeof DIALOGS)[number];

/** The search parameters of the page of the subscription. */
export interface SubscriptionSearch {
  /** What is to be done there: a dialog, or the form of overage. Other pages lead to it. */
  readonly open?: SubscriptionDialog;
  /** The plan that a dialog is about; absent: the next one that costs more. */
  readonly plan?: string;
  /** What Checkout was left with: a plan or credits that were paid, or nothing. */
  readonly checkout?: (typeof RETURNS)[number];
  /** The Checkout session that was paid. */
  readonly session?: string;
}

export function readSubscriptionSearch(search: Record<string, unknown>): SubscriptionSearch {
  const open = oneOf(search['open'], DIALOGS);
  const plan = word(search['plan']);
  const checkout = oneOf(search['checkout'], RETURNS);
  const session = word(search['session']);
  return {
    ...(open === undefined ? {} : { open }),
    ...(plan === undefined ? {} : { plan }),
    ...(checkout === undefined ? {} : { checkout }),
    ...(session === undefined ? {} : { session }),
  };
}

/** The addresses that Checkout leads back to. Stripe fills the braces in, so they must not be escaped. */
export function returnAddresses(
  origin: string,
  { accountId, bought }: { readonly accountId: string; readonly bought: 'plan' | 'credits' },
): { readonly successUrl: string; readonly cancelUrl: string } {
  const page = `${origin}/subscription?account=${encodeURIComponent(accountId)}`;
  return {
    successUrl: `${page}&checkout=${bought}&session={CHECKOUT_SESSION_ID}`,
    cancelUrl: `${page}&checkout=cancelled`,
  };
}

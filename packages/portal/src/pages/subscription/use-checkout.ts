import { useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import {
  CreateBillingPortalSessionDocument,
  CreateCheckoutSessionDocument,
  type CreateCheckoutSessionInput,
} from '../../gql/graphql.ts';
import { returnAddresses } from './search.ts';

interface Leaving {
  /** The page of Stripe's is on its way. It stays true: the browser leaves. */
  readonly busy: boolean;
  readonly error: string | null;
}

const HERE: Leaving = { busy: false, error: null };

type Sale = Pick<CreateCheckoutSessionInput, 'credits' | 'plan' | 'quantity'>;

/** Leads to Stripe's page where a plan or credits are paid for. Nothing is bought before the payer confirms it there. */
export function useCheckout(): Leaving & { readonly go: (sale: Sale) => Promise<void> } {
  const { account } = useCurrent();
  const send = useSend(CreateCheckoutSessionDocument);
  const [state, setState] = useState(HERE);
  const go = async (sale: Sale): Promise<void> => {
    setState({ busy: true, error: null });
    const bought = sale.credits == null ? 'plan' : 'credits';
    const addresses = returnAddresses(location.origin, { accountId: account.id, bought });
    const sent = await send({ input: { billingEntityId: account.id, quantity: 1, ...sale, ...addresses } });
    if (sent.ok) location.assign(sent.data.createCheckoutSession.url);
    else setState({ busy: false, error: sent.message });
  };
  return { ...state, go };
}

/** Leads to Stripe's portal, where cards and invoices are kept. */
export function useStripePortal(): Leaving & { readonly go: () => Promise<void> } {
  const { account } = useCurrent();
  const send = useSend(CreateBillingPortalSessionDocument);
  const [state, setState] = useState(HERE);
  const go = async (): Promise<void> => {
    setState({ busy: true, error: null });
    const returnUrl = `${location.origin}/subscription?account=${encodeURIComponent(account.id)}`;
    const sent = await send({ input: { billingEntityId: account.id, returnUrl } });
    if (sent.ok) location.assign(sent.data.createBillingPortalSession.url);
    else setState({ busy: false, error: sent.message });
  };
  return { ...state, go };
}

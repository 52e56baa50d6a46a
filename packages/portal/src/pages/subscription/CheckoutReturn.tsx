import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { CompleteCheckoutDocument, type SubscriptionStateFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import type { SubscriptionSearch } from './search.ts';

type Outcome =
  | { readonly kind: 'asking' | 'credits' | 'cancelled' }
  | { readonly kind: 'plan'; readonly subscription: SubscriptionStateFragment }
  | { readonly kind: 'waiting' | 'failed'; readonly message: string; readonly again: () => void };

interface Props {
  readonly search: Pick<SubscriptionSearch, 'checkout' | 'session'>;
  /** The credits have arrived: the page is read anew. */
  readonly onDone: () => void;
}

/** Back from Checkout: fetches what was paid, whether Stripe told the server or not, and says what came of it. */
export function CheckoutReturn({ search: { checkout, session }, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const navigate = useNavigate();
  const complete = useSend(CompleteCheckoutDocument);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const begun = useRef(false);

  const ask = async (sessionId: string, bought: 'plan' | 'credits'): Promise<void> => {
    setOutcome({ kind: 'asking' });
    const sent = await complete({ id: account.id, sessionId });
    if (sent.ok) {
      setOutcome(
        bought === 'credits' ? { kind: 'credits' } : { kind: 'plan', subscription: sent.data.completeCheckout },
      );
      onDone();
    } else {
      const kind = sent.code === 'CONFLICT' ? 'waiting' : 'failed';
      setOutcome({ kind, message: sent.message, again: () => void ask(sessionId, bought) });
    }
  };

  useEffect(() => {
    if (checkout === undefined || begun.current) return;
    begun.current = true;
    if (checkout === 'cancelled') setOutcome({ kind: 'cancelled' });
    else if (session !== undefined) void ask(session, checkout);
    // The address is good for this once: a reload or a bookmark tells of no payment again.
    void navigate({ to: '/subscription', search: {}, replace: true });
  });

  return (
    <div aria-live="polite" className="announced">
      {outcome !== null && <Said outcome={outcome} />}
    </div>
  );
}

function Said({ outcome }: { readonly outcome: Outcome }): ReactNode {
  const words = text.subscription.checkout;
  switch (outcome.kind) {
    case 'asking':
      return <Banner tone="neutral">{words.asking}</Banner>;
    case 'cancelled':
      return <Banner tone="neutral">{words.cancelled}</Banner>;
    case 'credits':
      return <Banner tone="good">{words.credits}</Banner>;
    case 'plan':
      return <PlanPaid subscription={outcome.subscription} />;
    case 'waiting':
    case 'failed':
      return (
        <Banner tone="warn" action={<Button onClick={outcome.again}>{words.again}</Button>}>
          {outcome.kind === 'waiting' ? words.waiting : outcome.message}
        </Banner>
      );
  }
}

function PlanPaid({ subscription }: { readonly subscription: SubscriptionStateFragment }): ReactNode {
  const { plan, quantity, currentPeriodEnd } = subscription;
  return (
    <Banner tone="good">
      {text.subscription.checkout.plan(plan.name, count(plan.credits * quantity))}{' '}
      {currentPeriodEnd !== null && <Time value={currentPeriodEnd} shape="day" />}.
    </Banner>
  );
}

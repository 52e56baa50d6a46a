import type { ReactNode } from 'react';
import { useReasonAgainst } from '../../account/current.tsx';
import type { SubscriptionStateFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { useStripePortal } from './use-checkout.ts';

/** The parts of the subscription that wait, and for whom. The payer has a button where it is up to them. */
export function Waiting({ of: { waiting } }: { readonly of: SubscriptionStateFragment }): ReactNode {
  const portal = useStripePortal();
  const reason = useReasonAgainst('plan.change');
  const words = text.subscription.waiting;
  // A page that stays open may be told a kind that the API has gained since.
  const known: Partial<Record<string, string>> = words.kinds;
  return (
    <>
      {waiting?.map((each) => (
        <Banner
          key={`${each.kind} ${each.reason}`}
          tone="warn"
          action={
            each.kind === 'PAYMENT_METHOD_MISSING' && (
              <Button reason={reason} busy={portal.busy} onClick={() => void portal.go()}>
                {words.giveCard}
              </Button>
            )
          }
        >
          {known[each.kind] ?? words.other(each.reason)}
        </Banner>
      ))}
      {portal.error !== null && <Banner tone="bad">{portal.error}</Banner>}
    </>
  );
}

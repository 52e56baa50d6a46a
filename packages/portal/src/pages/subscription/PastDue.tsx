import type { ReactNode } from 'react';
import { useReasonAgainst } from '../../account/current.tsx';
import type { InvoicesQuery, SubscriptionStateFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { Time } from '../../ui/Time.tsx';
import { priceOf } from './money.ts';
import { useStripePortal } from './use-checkout.ts';

interface Props {
  readonly subscription: SubscriptionStateFragment;
  readonly invoices: InvoicesQuery['billingEntity'];
}

/** A payment that failed: what it means for use, until when, and where it is paid. */
export function PastDue({ subscription: { status, graceEndsAt }, invoices }: Props): ReactNode {
  const portal = useStripePortal();
  const reason = useReasonAgainst('plan.change');
  const words = text.subscription.change;
  if (status === 'INCOMPLETE') return <Banner tone="warn">{words.incomplete}</Banner>;
  if (status !== 'PAST_DUE' && status !== 'UNPAID') return null;
  const open = invoices?.invoices?.edges.find(({ node }) => node.status === 'open')?.node;
  return (
    <>
      <Banner
        tone="bad"
        action={
          <span className="row">
            {open?.hostedUrl != null && (
              <a className="button button-primary" href={open.hostedUrl}>
                {words.payInvoice(priceOf(open.totalCents))}
              </a>
            )}
            <Button reason={reason} busy={portal.busy} onClick={() => void portal.go()}>
              {words.card}
            </Button>
          </span>
        }
      >
        {status === 'PAST_DUE' && graceEndsAt !== null ? (
          <>
            {words.pastDue} <Time value={graceEndsAt} shape="day" />. {words.pastDueThen}
          </>
        ) : (
          words.unpaid
        )}
      </Banner>
      {portal.error !== null && <Banner tone="bad">{portal.error}</Banner>}
    </>
  );
}

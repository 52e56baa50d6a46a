import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import type { BalancePageQuery } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';

type Entity = NonNullable<BalancePageQuery['billingEntity']>;

/** What keeps the account from going on, or soon will: one sentence each, and the button that helps. */
export function Notices({ entity }: { readonly entity: Entity }): ReactNode {
  const { account } = useCurrent();
  const balance = useBalance();
  const { subscription, overagePolicy } = entity;
  const cap = overagePolicy?.enabled === true ? overagePolicy.cap : null;
  const capReached = balance !== null && cap !== null && balance.overage >= cap && balance.available === 0;
  return (
    <>
      {account.status === 'SUSPENDED' && (
        <Banner tone="bad">
          {account.suspensionReason === null
            ? text.balance.suspendedPlain
            : text.balance.suspended(account.suspensionReason)}
        </Banner>
      )}
      {subscription !== null && <PastDue subscription={subscription} />}
      {balance !== null && balance.owed > 0 && (
        <Banner tone="warn">{text.balance.owes(text.credits(count(balance.owed), balance.owed))}</Banner>
      )}
      {capReached && <Banner tone="bad">{text.balance.capReached(text.credits(count(cap), cap))}</Banner>}
      {balance?.available === 0 && overagePolicy?.enabled !== true && (
        <Banner tone="bad">{text.balance.exhausted}</Banner>
      )}
    </>
  );
}

function PastDue({ subscription }: { readonly subscription: NonNullable<Entity['subscription']> }): ReactNode {
  const { status, graceEndsAt, pendingPayment } = subscription;
  if (status !== 'PAST_DUE' && status !== 'UNPAID') return null;
  return (
    <Banner
      tone="bad"
      action={
        pendingPayment !== null && (
          <a className="button button-primary" href={pendingPayment.hostedUrl}>
            {text.balance.pay}
          </a>
        )
      }
    >
      {status === 'PAST_DUE' && graceEndsAt !== null ? (
        <>
          {text.balance.pastDue} <Time value={graceEndsAt} shape="day" />.
        </>
      ) : (
        text.balance.pastDueNow
      )}
    </Banner>
  );
}

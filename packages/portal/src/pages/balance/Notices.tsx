import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { GoToSubscription } from '../../account/GoToSubscription.tsx';
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
        <Banner tone="warn" action={<BuyCredits />}>
          {text.balance.owes(text.credits(count(balance.owed), balance.owed))}
        </Banner>
      )}
      {capReached && (
        <Banner
          tone="bad"
          action={
            <GoToSubscription kind="primary" operation="overage.set" open="overage">
              {text.balance.raiseCap}
            </GoToSubscription>
          }
        >
          {text.balance.capReached(text.credits(count(cap), cap))}
        </Banner>
      )}
      {/* Who owes has nothing left either: the notice above says so and has the button. */}
      {balance?.available === 0 && balance.owed === 0 && overagePolicy?.enabled !== true && (
        <Banner tone="bad" action={<BuyCredits />}>
          {text.balance.exhausted}
        </Banner>
      )}
    </>
  );
}

function BuyCredits(): ReactNode {
  return (
    <GoToSubscription kind="primary" operation="credits.purchase" open="credits">
      {text.balance.buyCredits}
    </GoToSubscription>
  );
}

function PastDue({ subscription }: { readonly subscription: NonNullable<Entity['subscription']> }): ReactNode {
  const { status, graceEndsAt } = subscription;
  if (status !== 'PAST_DUE' && status !== 'UNPAID') return null;
  return (
    <Banner
      tone="bad"
      action={
        <GoToSubscription kind="primary" operation="plan.change">
          {text.balance.pay}
        </GoToSubscription>
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

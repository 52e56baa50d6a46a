import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { GoToSubscription } from '../../account/GoToSubscription.tsx';
import type { BalancePageQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';

type Entity = NonNullable<BalancePageQuery['billingEntity']>;

/** How fast credits go, and the day on which they run out. */
export function Pace({ forecast, subscription }: Pick<Entity, 'forecast' | 'subscription'>): ReactNode {
  return (
    <section className="card pace" aria-labelledby="pace">
      <h2 id="pace" className="hint">
        {text.balance.pace}
      </h2>
      {forecast === null ? <p className="hint">{text.balance.notYours}</p> : <Forecast {...forecast} />}
      {subscription?.currentPeriodEnd != null && (
        <p className="hint">
          {text.balance.periodEnds} <Time value={subscription.currentPeriodEnd} shape="day" />
        </p>
      )}
      <Ways />
    </section>
  );
}

/** The ways to more credits: a plan where nothing is paid for yet, units where an organization buys them, or credits once. */
function Ways(): ReactNode {
  const { account } = useCurrent();
  const isFree = account.plan.priceCents === 0;
  return (
    <p className="row ways">
      {isFree && (
        <GoToSubscription kind="primary" operation="credits.purchase" open="plan">
          {text.balance.upgrade}
        </GoToSubscription>
      )}
      {!isFree && account.type === 'ORGANIZATION' && (
        <GoToSubscription operation="plan.change" open="units">
          {text.balance.addUnits}
        </GoToSubscription>
      )}
      <GoToSubscription operation="credits.purchase" open="credits">
        {text.balance.buyCredits}
      </GoToSubscription>
    </p>
  );
}

function Forecast({ dailyBurn, exhaustsAt }: NonNullable<Entity['forecast']>): ReactNode {
  if (dailyBurn === 0) return <p>{text.balance.noPace}</p>;
  return (
    <>
      <p className="pace-day">
        {exhaustsAt === null ? (
          text.balance.lasts
        ) : (
          <>
            {text.balance.runsOut} <Time value={exhaustsAt} shape="dayName" />
          </>
        )}
      </p>
      <p className="hint figures">{text.balance.perDay(count(dailyBurn))}</p>
    </>
  );
}

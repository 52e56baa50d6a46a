import type { ReactNode } from 'react';
import type { PlanChangeQuery, SubscriptionStateFragment } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Fact } from '../../ui/Fact.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import { costOf, leftAt, priceOf } from './money.ts';
import type { Entity } from './plan-state.ts';

interface Props extends Pick<PlanChangeQuery['previewPlanChange'], 'effectiveAt' | 'featuresLost'> {
  readonly subscription: SubscriptionStateFragment;
  readonly entity: Pick<Entity, 'grants'>;
  readonly perCredit: string;
}

/** What ends with a plan: the day, the credits, the features and the money. */
export function EndEffect({ effectiveAt, featuresLost, subscription, entity, perCredit }: Props): ReactNode {
  const balance = useBalance();
  const { plan, quantity } = subscription;
  const { lapsing, staying } = leftAt(entity.grants?.edges.map(({ node }) => node) ?? [], effectiveAt);
  const overage = balance?.overage ?? 0;
  const words = text.subscription.end;
  // Beyond the hundred grants that were read there may be more.
  const atLeast = (n: number): string => {
    const figures = text.credits(count(n), n);
    return entity.grants?.pageInfo.hasNextPage === true ? words.atLeast(figures) : figures;
  };
  return (
    <dl className="facts">
      <Fact
        name={
          <>
            {words.until} <Time value={effectiveAt} shape="day" />
          </>
        }
      >
        {words.untilHow}
      </Fact>
      <Fact name={words.lapses}>{words.lapsesOf(atLeast(lapsing))}</Fact>
      <Fact name={words.stays}>{atLeast(staying)}</Fact>
      <Fact name={words.comes}>
        {words.comesOf(text.credits(count(plan.credits * quantity), plan.credits * quantity))}
      </Fact>
      {featuresLost.length > 0 && (
        <Fact name={words.features}>{featuresLost.map((code) => text.subscription.feature(code)).join(', ')}</Fact>
      )}
      {plan.overageAllowed && (
        <Fact name={words.overage}>
          {overage === 0
            ? words.overageNone
            : words.overageOf(text.credits(count(overage), overage), costOf(overage, perCredit))}
        </Fact>
      )}
      <Fact name={words.money}>{words.moneyOf(priceOf(plan.priceCents * quantity))}</Fact>
    </dl>
  );
}

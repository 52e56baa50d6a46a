import type { ReactNode } from 'react';
import type { PlanChangeQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Fact } from '../../ui/Fact.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import { priceOf } from './money.ts';
import type { Plan } from './plan-state.ts';

export type Preview = PlanChangeQuery['previewPlanChange'];

interface Props {
  readonly preview: Preview;
  readonly plan: Plan;
  readonly before: number;
  readonly after: number;
}

/** What another number of units costs and brings, and when. */
export function UnitsEffect({ preview, plan, before, after }: Props): ReactNode {
  const { timing, effectiveAt, dueNowCents, creditsAdded, nextInvoiceCents } = preview;
  const words = text.subscription.unitsChange;
  const isLater = timing === 'PERIOD_END';
  return (
    <>
      <dl className="facts">
        {!isLater && (
          <>
            <Fact name={words.now}>{dueNowCents === 0 ? words.nowNothing : priceOf(dueNowCents)}</Fact>
            <Fact name={words.arrives}>{words.arrivesHow(text.credits(count(creditsAdded), creditsAdded))}</Fact>
          </>
        )}
        <Fact name={words.from}>{isLater ? <Time value={effectiveAt} shape="day" /> : words.fromNow}</Fact>
        <Fact name={words.credits}>{words.creditsOf(count(plan.credits * after), count(plan.credits * before))}</Fact>
        <Fact name={words.monthly}>
          {words.monthlyOf(priceOf(nextInvoiceCents), priceOf(plan.priceCents * before))}
        </Fact>
      </dl>
      {isLater && <p className="hint">{words.untilThen}</p>}
    </>
  );
}

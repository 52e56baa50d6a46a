import type { ReactNode } from 'react';
import { useReasonAgainst } from '../../account/current.tsx';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Badge, type Tone } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import { Credits } from '../../ui/Credits.tsx';
import { Fact } from '../../ui/Fact.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import { costOf, priceOf } from './money.ts';
import type { Entity } from './plan-state.ts';

type Status = NonNullable<Entity['subscription']>['status'];

const TONES: Record<Status, Tone> = {
  ACTIVE: 'good',
  TRIALING: 'good',
  CANCELED: 'neutral',
  INCOMPLETE: 'warn',
  PAST_DUE: 'bad',
  PAUSED: 'warn',
  UNPAID: 'bad',
};

interface Props {
  readonly entity: Entity;
  readonly perCredit: string;
  readonly onBuy: () => void;
}

/** What there is at this moment: credits, the plan and its period. */
export function Now({ entity: { subscription, plan }, perCredit, onBuy }: Props): ReactNode {
  const balance = useBalance();
  const reason = useReasonAgainst('credits.purchase');
  const words = text.subscription.now;
  return (
    <section className="card now" aria-labelledby="now">
      <div className="section-head">
        <h2 id="now">{words.title}</h2>
        <Button reason={reason} onClick={onBuy}>
          {text.subscription.credits.title}
        </Button>
      </div>
      <dl className="facts">
        <Fact name={words.available}>{balance === null ? '…' : <Credits value={balance.available} />}</Fact>
        <Fact name={words.plan}>
          <span className="row">
            {subscription?.plan.name ?? plan.name}
            {subscription !== null && (
              <Badge tone={TONES[subscription.status]}>{text.subscription.statuses[subscription.status]}</Badge>
            )}
          </span>
        </Fact>
        {subscription?.currentPeriodEnd != null && (
          <Fact name={words.period}>
            <Time value={subscription.currentPeriodEnd} shape="day" />, {whatFollows(subscription)}
          </Fact>
        )}
        {balance !== null && balance.overage > 0 && (
          <Fact name={words.overage}>
            {words.overageOf(text.credits(count(balance.overage), balance.overage), costOf(balance.overage, perCredit))}
          </Fact>
        )}
      </dl>
    </section>
  );
}

function whatFollows({
  currentPeriodEnd,
  endsAt,
  plan,
  scheduledAt,
  scheduledPlan,
  quantity,
  scheduledQuantity,
}: NonNullable<Entity['subscription']>): string {
  if (endsAt !== null && endsAt === currentPeriodEnd) return text.subscription.now.ends;
  // A change that is scheduled for the end of a year is not yet so in the next month.
  const isNext = scheduledAt !== null && scheduledAt === currentPeriodEnd;
  const cents = isNext
    ? (scheduledPlan ?? plan).priceCents * (scheduledQuantity ?? quantity)
    : plan.priceCents * quantity;
  return text.subscription.now.renewsFor(priceOf(cents));
}

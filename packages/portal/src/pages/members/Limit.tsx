import { type ReactNode, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { now } from '../../api/clock.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import { isAtLimit, periodEndOf } from './terms.ts';

interface Props {
  /** As the API takes it; null: none. */
  readonly creditLimit: number | null;
  readonly drawnThisPeriod: number;
}

/** What a limit means for the rest of this period, in figures. */
export function LimitLeaves({ creditLimit, drawnThisPeriod }: Props): ReactNode {
  if (creditLimit === null) return null;
  const drawn = text.credits(count(drawnThisPeriod), drawnThisPeriod);
  return (
    <>
      {isAtLimit({ creditLimit, drawnThisPeriod })
        ? text.members.limitReached(drawn)
        : text.members.limitLeaves(drawn, count(creditLimit - drawnThisPeriod))}{' '}
      <PeriodEnd />.
    </>
  );
}

/** The viewer's own limit here, how much it leaves, and when it begins anew. */
export function OwnLimit({ creditLimit, drawnThisPeriod }: Props): ReactNode {
  if (creditLimit === null) return null;
  const limit = text.credits(count(creditLimit), creditLimit);
  if (isAtLimit({ creditLimit, drawnThisPeriod })) {
    return (
      <Banner tone="warn">
        {text.members.ownLimitReached(limit)} <PeriodEnd />.
      </Banner>
    );
  }
  return (
    <p className="hint">
      {text.members.ownLimit(count(drawnThisPeriod), limit, count(creditLimit - drawnThisPeriod))} <PeriodEnd />.
    </p>
  );
}

/** When limits begin anew. */
function PeriodEnd(): ReactNode {
  const { account } = useCurrent();
  const [day] = useState(now);
  const end = periodEndOf(account, day);
  return end === null ? text.members.nextPeriod : <Time value={end.toISOString()} shape="day" />;
}

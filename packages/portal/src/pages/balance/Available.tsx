import type { ReactNode } from 'react';
import type { BalancePageQuery } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { count, percent, roughly } from '../../ui/format.ts';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { alertTicks, unitsOf } from './measures.ts';
import { Meter } from './Meter.tsx';

type Entity = NonNullable<BalancePageQuery['billingEntity']>;

interface Props {
  readonly rates: BalancePageQuery['creditRates'];
  readonly preferences: Entity['alertPreferences'];
}

/** The one large figure. It is live and no live region: a screen reader is not told of each use. */
export function Available({ rates, preferences }: Props): ReactNode {
  const balance = useBalance();
  if (balance === null) return <Skeleton height={188} />;
  const { available, allowance, used, held, overage, owed, usedRatio } = balance;
  const { tokens, minutes } = unitsOf(available, rates);
  return (
    <section className="card" aria-labelledby="available">
      <h2 id="available" className="hint">
        {text.balance.available}
      </h2>
      <p className="available figures">
        {count(available)} <span className="available-unit">{text.creditsWord(available)}</span>
      </p>
      <p className="hint">{text.balance.inUnits(roughly(tokens), count(minutes))}</p>
      <Meter ratio={usedRatio} ticks={alertTicks(preferences ?? [], allowance)} />
      <p className="figures">{text.balance.usedOf(percent(usedRatio), count(allowance))}</p>
      <p className="hint figures measures">
        <span>{text.balance.used(count(used))}</span>
        <span>{text.balance.held(count(held))}</span>
        <span>{text.balance.overage(count(overage))}</span>
        {owed > 0 && <span>{text.balance.owed(count(owed))}</span>}
      </p>
    </section>
  );
}

import type { ReactNode } from 'react';
import { text } from '../../text.ts';
import { Badge } from '../../ui/Badge.tsx';
import { count } from '../../ui/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { costOf, PRICED_CREDITS, priceOf } from './money.ts';
import type { Plan } from './plan-state.ts';

interface Props {
  readonly plan: Plan;
  readonly isPresent: boolean;
  /** The units that the account has of it; null: it has none. */
  readonly units: number | null;
  readonly withUnits: boolean;
  readonly children: ReactNode;
}

/** A plan: what it costs, what is in it, and what can be done about it. */
export function PlanCard({ plan, isPresent, units, withUnits, children }: Props): ReactNode {
  const { code, name, priceCents } = plan;
  const words = text.subscription.plans;
  const id = `plan-${code}`;
  return (
    <section className={`card plan${isPresent ? ' plan-present' : ''}`} aria-labelledby={id}>
      <div className="section-head">
        <h3 id={id} className="plan-name">
          {name}
        </h3>
        {isPresent && (
          <Badge tone="good">
            {words.present}
            {units !== null && withUnits && `: ${text.subscription.units(units, count(units))}`}
          </Badge>
        )}
      </div>
      <p className="plan-price figures">
        {priceCents === 0 ? words.free : text.subscription.perMonth(priceOf(priceCents))}
        {priceCents > 0 && withUnits && <span className="hint"> {words.forUnit}</span>}
      </p>
      <ul className="plan-parts plain-list">
        {partsOf(plan, withUnits).map((part) => (
          <li key={part}>
            <Icon name="check" />
            {part}
          </li>
        ))}
      </ul>
      <div className="plan-actions">{children}</div>
    </section>
  );
}

function partsOf(
  { priceCents, credits, features, overageAllowed, overageCostPerCredit }: Plan,
  withUnits: boolean,
): readonly string[] {
  const words = text.subscription.plans;
  const figures = count(credits);
  return [
    ...(priceCents === 0
      ? [words.creditsOnce(figures)]
      : [withUnits ? words.creditsUnit(figures) : words.creditsPeriod(figures), words.lapse]),
    ...features.map((feature) => text.subscription.feature(feature)),
    overageAllowed && overageCostPerCredit !== null
      ? words.overage(costOf(PRICED_CREDITS, overageCostPerCredit))
      : words.noOverage,
  ];
}

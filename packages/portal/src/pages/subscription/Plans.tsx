import type { ReactNode } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import type { SubscriptionStateFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { hasUnits, type Plan, runningOf } from './plan-state.ts';
import { PlanCard } from './PlanCard.tsx';
import type { SubscriptionSearch } from './search.ts';

interface Props {
  readonly plans: readonly Plan[];
  readonly present: Plan | undefined;
  readonly subscription: SubscriptionStateFragment | null;
  readonly onOpen: (search: SubscriptionSearch) => void;
}

/** The plans beside each other, the present one marked, each with what can be done about it. */
export function Plans({ plans, present, subscription, onOpen }: Props): ReactNode {
  const { account } = useCurrent();
  const running = runningOf(subscription);
  const withUnits = hasUnits(account.type, subscription);
  return (
    <section aria-labelledby="plans">
      <h2 id="plans">{text.subscription.plans.title}</h2>
      <div className="plans">
        {plans.map((plan) => (
          <PlanCard
            key={plan.code}
            plan={plan}
            isPresent={plan.code === present?.code}
            units={plan.code === running?.plan.code ? running.quantity : null}
            withUnits={withUnits}
          >
            <Actions plan={plan} present={present} running={running} withUnits={withUnits} onOpen={onOpen} />
          </PlanCard>
        ))}
      </div>
    </section>
  );
}

interface ActionsProps extends Pick<Props, 'present' | 'onOpen'> {
  readonly plan: Plan;
  readonly running: SubscriptionStateFragment | null;
  readonly withUnits: boolean;
}

/** Buys a plan where nothing runs, changes what runs, or leads back to what costs nothing. */
function Actions({ plan, present, running, withUnits, onOpen }: ActionsProps): ReactNode {
  const against = { buy: useReasonAgainst('credits.purchase'), change: useReasonAgainst('plan.change') };
  const words = text.subscription.plans;
  if (running === null) {
    if (plan.priceCents <= (present?.priceCents ?? 0)) return null;
    return (
      <>
        <Button kind="primary" reason={against.buy} onClick={() => onOpen({ open: 'plan', plan: plan.code })}>
          {words.upgrade(plan.name)}
        </Button>
        <p className="hint">{words.pay}</p>
      </>
    );
  }
  if (plan.code !== running.plan.code) {
    if (plan.priceCents > 0 || running.cancelAtPeriodEnd) return null;
    return (
      <Button reason={against.change} onClick={() => onOpen({ open: 'cancel', plan: plan.code })}>
        {words.downgrade(plan.name)}
      </Button>
    );
  }
  return (
    <div className="row">
      {withUnits && (
        <Button kind="primary" reason={against.change} onClick={() => onOpen({ open: 'units' })}>
          {words.changeUnits}
        </Button>
      )}
      {!running.cancelAtPeriodEnd && (
        <Button kind="danger" reason={against.change} onClick={() => onOpen({ open: 'cancel' })}>
          {words.cancel}
        </Button>
      )}
    </div>
  );
}

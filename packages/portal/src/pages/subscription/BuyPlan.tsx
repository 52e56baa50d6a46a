import { type ReactNode, useState } from 'react';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Fact } from '../../ui/Fact.tsx';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { priceOf } from './money.ts';
import { type Plan, unitsIn } from './plan-state.ts';
import { useCheckout } from './use-checkout.ts';

interface Props {
  readonly plan: Plan;
  /** Organizations buy units. */
  readonly isOrganization: boolean;
  readonly onClose: () => void;
}

/** What a plan brings and costs, before Stripe's page is opened. */
export function BuyPlan({ plan, isOrganization, onClose }: Props): ReactNode {
  const balance = useBalance();
  const [typed, setTyped] = useState('1');
  const [left, leave] = useState(false);
  const { go, busy, error } = useCheckout();
  const words = text.subscription.buyPlan;
  const quantity = unitsIn(typed);
  const units = quantity ?? 1;
  const available = balance?.available ?? 0;
  return (
    <Dialog title={text.subscription.plans.upgrade(plan.name)} isOpen onClose={onClose}>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          leave(true);
          if (quantity !== null) void go({ plan: plan.code, quantity });
        }}
      >
        {isOrganization && (
          <Field
            label={words.units}
            hint={words.unitsHint}
            error={quantity === null && left ? words.unitsWrong : undefined}
          >
            {(described) => (
              <input
                {...described}
                inputMode="numeric"
                value={typed}
                onBlur={() => leave(true)}
                onChange={({ target }) => setTyped(target.value)}
              />
            )}
          </Field>
        )}
        <dl className="facts">
          <Fact name={words.credits}>{text.credits(count(plan.credits * units), plan.credits)}</Fact>
          <Fact name={words.monthly}>{priceOf(plan.priceCents * units)}</Fact>
          {available > 0 && <Fact name={words.stays}>{words.staysOf(text.credits(count(available), available))}</Fact>}
          <Fact name={words.features}>{plan.features.map((code) => text.subscription.feature(code)).join(', ')}</Fact>
          <Fact name={words.ends}>{words.endsHow}</Fact>
        </dl>
        <p className="hint">{words.leads}</p>
        <SubmitRow
          label={words.go(priceOf(plan.priceCents * units))}
          busy={busy}
          reason={quantity === null ? words.unitsWrong : null}
          error={error}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

import { type ReactNode, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useData, useSend } from '../../api/data.ts';
import { ChangePlanDocument, PlanChangeDocument, type SubscriptionStateFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { Shown } from '../../ui/Shown.tsx';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { priceOf } from './money.ts';
import { unitsIn } from './plan-state.ts';
import { type Preview, UnitsEffect } from './UnitsEffect.tsx';
import { useSettled } from './use-settled.ts';

interface Props {
  readonly subscription: SubscriptionStateFragment;
  readonly onClose: () => void;
  /** With the sentence that says what came of it; null: the page shows it. */
  readonly onDone: (said: string | null) => void;
}

/** More units at once, fewer with the next month. What it costs and brings is the server's own preview. */
export function ChangeUnits({ subscription, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const { plan, quantity: before } = subscription;
  const [typed, setTyped] = useState(String(before));
  const [left, leave] = useState(false);
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const send = useSend(ChangePlanDocument);
  const words = text.subscription.unitsChange;
  const after = unitsIn(typed);
  const settled = useSettled(after ?? before);
  const input = { billingEntityId: account.id, plan: plan.code, quantity: settled };
  const isChange = after !== null && after !== before;
  const asked = useData(PlanChangeDocument, { input }, { pause: settled === before });
  const preview = isChange && settled === after && asked.state === 'ready' ? asked.data.previewPlanChange : null;

  const submit = async (): Promise<void> => {
    if (preview === null) return;
    setState({ busy: true, error: null });
    const sent = await send({ input });
    if (sent.ok) onDone(outcomeOf(preview.timing, sent.data.changePlan.pendingPayment !== null));
    else setState({ busy: false, error: sent.message });
  };
  return (
    <Dialog title={words.title(plan.name)} isOpen onClose={onClose}>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          leave(true);
          void submit();
        }}
      >
        <Field
          label={text.subscription.buyPlan.units}
          hint={text.subscription.buyPlan.unitsHint}
          error={after === null && left ? text.subscription.buyPlan.unitsWrong : undefined}
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
        <div className="effect" aria-live="polite">
          {isChange && (
            <Shown of={settled === after ? asked : { state: 'loading' }} height={190}>
              {({ previewPlanChange }) => (
                <UnitsEffect preview={previewPlanChange} plan={plan} before={before} after={after} />
              )}
            </Shown>
          )}
        </div>
        <SubmitRow
          label={preview === null || after === null ? text.subscription.plans.changeUnits : labelOf(preview, after)}
          busy={state.busy}
          reason={reasonAgainst({ after, isChange, isPreviewed: preview !== null })}
          error={state.error}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

/** Nothing is done before it was said what it costs. */
function reasonAgainst({
  after,
  isChange,
  isPreviewed,
}: {
  readonly after: number | null;
  readonly isChange: boolean;
  readonly isPreviewed: boolean;
}): string | null {
  if (after === null) return text.subscription.buyPlan.unitsWrong;
  if (!isChange) return text.subscription.unitsChange.same;
  return isPreviewed ? null : text.loading;
}

function labelOf({ timing, dueNowCents }: Preview, after: number): string {
  const units = text.subscription.units(after, count(after));
  return timing === 'PERIOD_END' || dueNowCents === 0
    ? text.subscription.unitsChange.to(units)
    : text.subscription.unitsChange.pay(priceOf(dueNowCents), units);
}

/** A change that waits for its payment is said by the banner of the page, which has the way to pay. */
function outcomeOf(timing: Preview['timing'], waits: boolean): string | null {
  if (waits) return null;
  return timing === 'PERIOD_END' ? text.subscription.change.scheduled : text.subscription.change.done;
}

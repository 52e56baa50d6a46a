import { type ReactNode, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useData, useSend } from '../../api/data.ts';
import {
  CancelSubscriptionDocument,
  ChangePlanDocument,
  PlanChangeDocument,
  type SubscriptionStateFragment,
} from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Shown } from '../../ui/Shown.tsx';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { EndEffect } from './EndEffect.tsx';
import type { Entity, Plan } from './plan-state.ts';

interface Props {
  readonly subscription: SubscriptionStateFragment;
  /** The plan that follows, if the person chose one; absent: they cancel. The API ends the subscription either way. */
  readonly into: Plan | undefined;
  readonly entity: Entity;
  readonly perCredit: string;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Ends the plan with its period, after saying what that takes away. */
export function EndPlan({ subscription, into, entity, perCredit, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const cancel = useSend(CancelSubscriptionDocument);
  const change = useSend(ChangePlanDocument);
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const billingEntityId = account.id;
  const asked = useData(PlanChangeDocument, { input: { billingEntityId, plan: 'FREE_TRIAL', quantity: 1 } });
  const words = text.subscription.end;
  const label = into === undefined ? words.button.cancel : words.button.downgrade(into.name);
  const submit = async (): Promise<void> => {
    setState({ busy: true, error: null });
    const sent = await (into === undefined
      ? cancel({ input: { billingEntityId } })
      : change({ input: { billingEntityId, plan: into.code, quantity: 1 } }));
    if (sent.ok) onDone();
    else setState({ busy: false, error: sent.message });
  };
  return (
    <Dialog title={label} isOpen onClose={onClose}>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Shown of={asked} height={330}>
          {({ previewPlanChange }) => (
            <EndEffect
              effectiveAt={previewPlanChange.effectiveAt}
              featuresLost={previewPlanChange.featuresLost}
              subscription={subscription}
              entity={entity}
              perCredit={perCredit}
            />
          )}
        </Shown>
        <SubmitRow
          kind="danger"
          label={label}
          busy={state.busy}
          reason={asked.state === 'ready' ? null : text.loading}
          error={state.error}
          onCancel={onClose}
          cancelLabel={words.back(subscription.plan.name)}
        />
      </form>
    </Dialog>
  );
}

import { type ReactNode, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import {
  ChangePlanDocument,
  type InvoicesQuery,
  ResumeSubscriptionDocument,
  type SubscriptionStateFragment,
} from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import { priceOf } from './money.ts';
import { PastDue } from './PastDue.tsx';
import { Waiting } from './Waiting.tsx';

interface Props {
  readonly subscription: SubscriptionStateFragment;
  readonly invoices: InvoicesQuery['billingEntity'];
  /** With the sentence that says what came of it. */
  readonly onDone: (said: string) => void;
}

/** What changes and when, what waits for a payment, and what is owed for the plan: each with the button that helps. */
export function Changes({ subscription, invoices, onDone }: Props): ReactNode {
  const { keep, resume, busy, error } = useUndo(subscription, onDone);
  const reason = useReasonAgainst('plan.change');
  const { status, plan, quantity, pendingPayment, cancelAtPeriodEnd, endsAt, scheduledQuantity, scheduledAt } =
    subscription;
  const words = text.subscription.change;
  const scheduled = subscription.scheduledPlan ?? plan;
  return (
    <>
      <PastDue subscription={subscription} invoices={invoices} />
      {status === 'PAUSED' && (
        <Banner tone="warn" action={<Undo label={words.resume} onClick={resume} reason={reason} busy={busy} />}>
          {words.paused}
        </Banner>
      )}
      <Waiting of={subscription} />
      {pendingPayment !== null && (
        <Banner
          tone="warn"
          action={
            <span className="row">
              <a className="button button-primary" href={pendingPayment.hostedUrl}>
                {words.pay}
              </a>
              <Undo label={words.giveUp} onClick={keep} reason={reason} busy={busy} />
            </span>
          }
        >
          {words.waits(pendingPayment.plan.name, unitsOf(pendingPayment.quantity))}
          {pendingPayment.expiresAt !== null && (
            <>
              {' '}
              {words.waitsUntil} <Time value={pendingPayment.expiresAt} />.
            </>
          )}
        </Banner>
      )}
      {endsAt !== null && (
        <Banner
          tone="warn"
          action={
            cancelAtPeriodEnd && <Undo label={words.keepPlan(plan.name)} onClick={resume} reason={reason} busy={busy} />
          }
        >
          {words.endsOn(plan.name)} <Time value={endsAt} shape="day" />. {words.endsThen}
        </Banner>
      )}
      {scheduledQuantity !== null && scheduledAt !== null && (
        <Banner
          tone="neutral"
          action={<Undo label={words.keepUnits(unitsOf(quantity))} onClick={keep} reason={reason} busy={busy} />}
        >
          {words.unitsOn} <Time value={scheduledAt} shape="day" />{' '}
          {words.unitsThen(
            unitsOf(scheduledQuantity),
            count(scheduled.credits * scheduledQuantity),
            priceOf(scheduled.priceCents * scheduledQuantity),
          )}
        </Banner>
      )}
      {error !== null && <Banner tone="bad">{error}</Banner>}
    </>
  );
}

interface UndoProps {
  readonly label: string;
  readonly onClick: () => Promise<void>;
  readonly reason: string | null;
  readonly busy: boolean;
}

function Undo({ label, onClick, ...rest }: UndoProps): ReactNode {
  return (
    <Button {...rest} onClick={() => void onClick()}>
      {label}
    </Button>
  );
}

/** Takes back what is scheduled or waits: the subscription goes on as it is. */
function useUndo({ plan, quantity }: SubscriptionStateFragment, onDone: Props['onDone']) {
  const { account } = useCurrent();
  const change = useSend(ChangePlanDocument);
  const goOn = useSend(ResumeSubscriptionDocument);
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const undoing = async (send: () => Promise<{ ok: true } | { ok: false; message: string }>): Promise<void> => {
    setState({ busy: true, error: null });
    const sent = await send();
    setState({ busy: false, error: sent.ok ? null : sent.message });
    if (sent.ok) onDone(text.subscription.change.kept(plan.name));
  };
  return {
    ...state,
    keep: () => undoing(() => change({ input: { billingEntityId: account.id, plan: plan.code, quantity } })),
    resume: () => undoing(() => goOn({ input: { billingEntityId: account.id } })),
  };
}

function unitsOf(quantity: number): string {
  return text.subscription.units(quantity, count(quantity));
}

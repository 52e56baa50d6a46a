import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import {
  AdjustCreditsDocument,
  type BalanceFragment,
  GrantCreditsDocument,
  ReinstateAccountDocument,
  SuspendAccountDocument,
} from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { count } from '../../ui/format.ts';
import { Act } from './Act.tsx';
import { endOfDay } from './act-form.ts';
import { effectOf } from './consequences.ts';

interface Props {
  readonly balance: BalanceFragment;
  readonly onClose: () => void;
  /** Called once the server said that it is done, with the sentence to show. */
  readonly onDone: (said: string) => void;
}

/** Gives credits. */
export function Grant({ balance, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(GrantCreditsDocument);
  return (
    <Act
      title={text.operator.grantFor(account.name)}
      label={text.operator.grant}
      amounts="positive"
      isGrant
      consequence={(amount) => <Moves amount={amount} balance={balance} />}
      send={({ reason, source, expires }, amount, idempotencyKey) => {
        const end = expires === '' ? {} : { expiresAt: endOfDay(expires) };
        return send({
          input: { billingEntityId: account.id, amount, reason, source, priority: 50, idempotencyKey, ...end },
        });
      }}
      onClose={onClose}
      onDone={({ grantCredits }) => onDone(doneAt(grantCredits.balance))}
    />
  );
}

/** Corrects the balance, either way. */
export function Adjust({ balance, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(AdjustCreditsDocument);
  return (
    <Act
      title={text.operator.adjustFor(account.name)}
      label={text.operator.adjust}
      amounts="signed"
      amountHint={text.operator.signedHint}
      consequence={(amount) => <Moves amount={amount} balance={balance} />}
      send={({ reason }, amount, idempotencyKey) =>
        send({ input: { billingEntityId: account.id, amount, reason, idempotencyKey } })
      }
      onClose={onClose}
      onDone={({ adjustCredits }) => onDone(doneAt(adjustCredits.balance))}
    />
  );
}

/** Refuses all new use of the account. */
export function Suspend({ balance, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(SuspendAccountDocument);
  return (
    <Act
      title={text.operator.suspendNamed(account.name)}
      label={text.operator.suspend}
      kind="danger"
      amounts="none"
      reasonHint={text.operator.suspensionHint}
      consequence={() => (
        <>
          {text.operator.suspends(credits(balance.available))}
          {balance.held > 0 && ` ${text.operator.suspendsHeld(credits(balance.held))}`}
        </>
      )}
      send={({ reason }) => send({ input: { billingEntityId: account.id }, reason })}
      onClose={onClose}
      onDone={() => onDone(text.operator.suspended)}
    />
  );
}

/** Admits use again. */
export function Reinstate({ balance, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(ReinstateAccountDocument);
  return (
    <Act
      title={text.operator.reinstateNamed(account.name)}
      label={text.operator.reinstate}
      amounts="none"
      reasonHint={text.operator.reinstatementHint}
      consequence={() => text.operator.reinstates(credits(balance.available))}
      send={({ reason }) => send({ input: { billingEntityId: account.id }, reason })}
      onClose={onClose}
      onDone={() => onDone(text.operator.reinstated)}
    />
  );
}

function Moves({ amount, balance }: { readonly amount: number | null; readonly balance: BalanceFragment }): ReactNode {
  if (amount === null) return text.operator.typeAmount;
  const { before, after, repaid, owedAfter, takesTooMuch } = effectOf(amount, balance);
  if (takesTooMuch) return text.operator.takesTooMuch(credits(balance.available));
  return [
    text.operator.moves(count(before), credits(after)),
    repaid > 0 && text.operator.repays(count(repaid)),
    owedAfter > 0 && text.operator.owesStill(credits(owedAfter)),
  ]
    .filter(Boolean)
    .join(' ');
}

function doneAt({ available }: BalanceFragment): string {
  return text.operator.done(credits(available));
}

function credits(value: number): string {
  return text.credits(count(value), value);
}

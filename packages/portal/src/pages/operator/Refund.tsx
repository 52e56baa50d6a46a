import { type ReactNode, useState } from 'react';
import { useReasonAgainst } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { RefundUsageDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { count } from '../../ui/format.ts';
import { Act } from './Act.tsx';
import { refundOf } from './consequences.ts';
import './operator.css';

interface Props {
  readonly record: { readonly id: string; readonly credits: number; readonly refundedCredits: number };
  /** Reads the receipt anew. */
  readonly again: () => void;
}

/** Gives back what one use was charged, or a part of it, from its receipt. */
export function Refund({ record, again }: Props): ReactNode {
  const send = useSend(RefundUsageDocument);
  const notAllowed = useReasonAgainst('credits.refund');
  const [isOpen, setOpen] = useState(false);
  const [isDone, setDone] = useState(false);
  const left = record.credits - record.refundedCredits;
  return (
    <div className="form">
      <div>
        <Button reason={notAllowed ?? (left === 0 ? text.operator.nothingLeft : null)} onClick={() => setOpen(true)}>
          {text.operator.refund}
        </Button>
      </div>
      <span role="status" className="hint">
        {isDone && text.operator.refunded}
      </span>
      {isOpen && (
        <Act
          title={text.operator.refundUse}
          label={text.operator.refundUse}
          amounts="positive"
          amountHint={text.operator.partHint(text.credits(count(left), left))}
          most={left}
          consequence={(amount) => <Gives amount={amount} record={record} />}
          send={({ reason }, credits, idempotencyKey) => send({ recordId: record.id, credits, reason, idempotencyKey })}
          onClose={() => setOpen(false)}
          onDone={() => {
            setOpen(false);
            setDone(true);
            again();
          }}
        />
      )}
    </div>
  );
}

function Gives({ amount, record }: { readonly amount: number | null; readonly record: Props['record'] }): ReactNode {
  if (amount === null) return text.operator.typeAmount;
  const { given, left } = refundOf(amount, record);
  return `${text.operator.refunds(count(given), text.credits(count(record.credits), record.credits), count(left))} ${text.operator.refundOrder}`;
}

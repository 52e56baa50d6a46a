import { type ReactNode, useState } from 'react';
import { useReasonAgainst } from '../../account/current.tsx';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { creditsIn, PACKS, problemWith } from './amount.ts';
import { costOf, PRICED_CREDITS } from './money.ts';
import { useCheckout } from './use-checkout.ts';

interface Props {
  readonly perCredit: string;
  readonly onClose: () => void;
}

/** An amount of credits, what it costs, and the way to Stripe's page. */
export function BuyCredits({ perCredit, onClose }: Props): ReactNode {
  const reason = useReasonAgainst('credits.purchase');
  const [typed, setTyped] = useState(String(PACKS[1]));
  const [left, leave] = useState(false);
  const { go, busy, error } = useCheckout();
  const words = text.subscription.credits;
  const problem = problemWith(typed);
  const credits = problem === null ? (creditsIn(typed) ?? 0) : 0;
  const price = costOf(credits, perCredit);
  return (
    <Dialog title={words.title} isOpen onClose={onClose}>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          leave(true);
          if (problem === null && reason === null) void go({ credits });
        }}
      >
        <p>{words.about(costOf(PRICED_CREDITS, perCredit))}</p>
        <div className="row" role="group" aria-label={words.packs}>
          {PACKS.map((pack) => (
            <Button key={pack} aria-pressed={creditsIn(typed) === pack} onClick={() => setTyped(String(pack))}>
              {words.pack(count(pack), costOf(pack, perCredit))}
            </Button>
          ))}
        </div>
        <Field label={words.amount} hint={words.hint} error={left ? (problem ?? undefined) : undefined}>
          {(described) => (
            <input
              {...described}
              inputMode="numeric"
              autoComplete="off"
              value={typed}
              onBlur={() => leave(true)}
              onChange={({ target }) => setTyped(target.value)}
            />
          )}
        </Field>
        <p className="sum figures" aria-live="polite">
          {problem === null ? words.sum(count(credits), price) : ''}
        </p>
        <SubmitRow
          label={problem === null ? words.go(price) : words.title}
          busy={busy}
          reason={reason ?? problem}
          error={error}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

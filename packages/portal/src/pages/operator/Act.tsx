import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import type { Sent } from '../../api/data.ts';
import { useEffectKey } from '../../api/effect-key.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { actForm, type ActValues, type Amounts, EMPTY_ACT, readAmount } from './act-form.ts';

interface Props<Data> {
  readonly title: string;
  /** Names the act, on the button too. */
  readonly label: string;
  readonly kind?: 'primary' | 'danger';
  readonly amounts: Amounts;
  readonly amountHint?: string;
  /** The highest amount, where there is one; the form begins with it. */
  readonly most?: number;
  /** Credits that are given have a source and may expire. */
  readonly isGrant?: boolean;
  readonly reasonHint?: string;
  /** What it does, in figures, from the amount that is typed; null: none is. */
  readonly consequence: (amount: number | null) => ReactNode;
  /** The key is the same for as long as nothing in the form was changed: what was sent and not answered takes effect once. */
  readonly send: (values: ActValues, amount: number, idempotencyKey: string) => Promise<Sent<Data>>;
  readonly onClose: () => void;
  readonly onDone: (data: Data) => void;
}

/** An operator's act upon an account: an amount where it has one, a reason always, and what it does before the button. */
export function Act<Data>({
  title,
  label,
  kind = 'primary',
  amounts,
  amountHint,
  most,
  isGrant = false,
  reasonHint = text.operator.reasonHint,
  consequence,
  send,
  onClose,
  onDone,
}: Props<Data>): ReactNode {
  const keyFor = useEffectKey();
  const [refusal, setRefusal] = useState<string | null>(null);
  const form = useForm<ActValues>({
    resolver: zodResolver(actForm(amounts, most)),
    mode: 'onTouched',
    defaultValues: { ...EMPTY_ACT, amount: most === undefined ? '' : String(most) },
  });
  const { formState, register, handleSubmit, watch } = form;
  const { errors, isSubmitting } = formState;
  const submit = handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send(values, readAmount(values.amount, amounts) ?? 0, keyFor(JSON.stringify(values)));
    if (sent.ok) onDone(sent.data);
    else setRefusal(placeRefusal(form, sent, pathOf));
  });
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        {amounts !== 'none' && (
          <Field
            label={text.operator.amount}
            {...(amountHint === undefined ? {} : { hint: amountHint })}
            error={errors.amount?.message}
          >
            {(described) => <input {...described} autoComplete="off" inputMode="numeric" {...register('amount')} />}
          </Field>
        )}
        {isGrant && (
          <>
            <Field label={text.operator.source}>
              {(described) => (
                <select {...described} {...register('source')}>
                  <option value="PROMOTION">{text.grantSources.PROMOTION}</option>
                  <option value="PURCHASE">{text.grantSources.PURCHASE}</option>
                  <option value="TRIAL">{text.grantSources.TRIAL}</option>
                </select>
              )}
            </Field>
            <Field label={text.operator.expires} hint={text.operator.expiresHint}>
              {(described) => <input {...described} type="date" {...register('expires')} />}
            </Field>
          </>
        )}
        <Field label={text.operator.reason} hint={reasonHint} error={errors.reason?.message}>
          {(described) => <textarea {...described} rows={2} {...register('reason')} />}
        </Field>
        <p className="consequence figures" aria-live="polite">
          {consequence(readAmount(watch('amount'), amounts))}
        </p>
        <SubmitRow label={label} kind={kind} busy={isSubmitting} error={refusal} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

/** The form's field for a field that the server refused. */
function pathOf(field: string): keyof ActValues | null {
  if (field === 'amount' || field === 'credits') return 'amount';
  return field === 'reason' ? 'reason' : null;
}

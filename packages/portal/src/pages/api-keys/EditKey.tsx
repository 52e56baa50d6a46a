import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useSend } from '../../api/data.ts';
import { type KeyRowFragment, UpdateApiKeyDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { changedIn, type EditForm, editForm, editPathOf, toEditForm } from './key-form.ts';

interface Props {
  readonly apiKey: KeyRowFragment;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Changes a key's name, limit, expiry and, where it brings its own provider, billing mode. Only what was changed is sent. */
export function EditKey({ apiKey, onClose, onDone }: Props): ReactNode {
  const send = useSend(UpdateApiKeyDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const before = toEditForm(apiKey);
  const form = useForm<EditForm>({ resolver: zodResolver(editForm(before)), mode: 'onTouched', defaultValues: before });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send({ input: { id: apiKey.id, ...changedIn(before, values) } });
    if (sent.ok) onDone();
    else setRefusal(placeRefusal(form, sent, editPathOf));
  });
  return (
    <Dialog title={text.keys.editNamed(apiKey.name)} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field label={text.keys.name} error={errors.name?.message}>
          {(described) => <input {...described} autoComplete="off" {...form.register('name')} />}
        </Field>
        {apiKey.type === 'CUSTOM' && (
          <Field label={text.keys.mode} hint={text.receipt.modes[form.watch('billingMode')]}>
            {(described) => (
              <select {...described} {...form.register('billingMode')}>
                <option value="FULL">{text.usage.billingModes.FULL}</option>
                <option value="COMPUTE_ONLY">{text.usage.billingModes.COMPUTE_ONLY}</option>
              </select>
            )}
          </Field>
        )}
        <Field label={text.keys.limit} hint={text.keys.limitHint} error={errors.creditLimit?.message}>
          {(described) => <input {...described} inputMode="numeric" {...form.register('creditLimit')} />}
        </Field>
        <p className="consequence figures" aria-live="polite">
          {limitSentence(form.watch('creditLimit'), apiKey.usedThisPeriod)}
        </p>
        <Field
          label={text.keys.expires}
          hint={apiKey.status === 'EXPIRED' ? text.keys.revives : text.keys.expiresHint}
          error={errors.expires?.message}
        >
          {(described) => <input {...described} type="date" {...form.register('expires')} />}
        </Field>
        <SubmitRow label={text.keys.saveKey} busy={isSubmitting} error={refusal} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

/** What the limit that is typed leaves of this period. */
function limitSentence(typed: string, used: number): string {
  const shown = text.credits(count(used), used);
  if (!/^\d+$/.test(typed.trim())) return text.keys.noLimit(shown);
  const left = Number(typed) - used;
  return left > 0 ? text.keys.limitLeaves(shown, text.credits(count(left), left)) : text.keys.atLimit(shown);
}

import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { CreateApiKeyDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { createPathOf, type KeyForm, keyForm, toCreateInput } from './key-form.ts';

interface Props {
  readonly onClose: () => void;
  /** With the secret to show; null where the caller brought their own. */
  readonly onDone: (secret: string | null) => void;
}

const EMPTY: KeyForm = {
  name: '',
  type: 'PLATFORM',
  provider: 'OPENAI',
  billingMode: 'FULL',
  secret: '',
  creditLimit: '',
  expires: '',
};

/** Makes a key. A key of the platform's gets its secret from us; a custom one brings the provider's. */
export function CreateKey({ onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(CreateApiKeyDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const form = useForm<KeyForm>({ resolver: zodResolver(keyForm), mode: 'onTouched', defaultValues: EMPTY });
  const { errors, isSubmitting } = form.formState;
  const isCustom = form.watch('type') === 'CUSTOM';
  const submit = form.handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send({ input: toCreateInput(account.id, values) });
    if (sent.ok) onDone(sent.data.createApiKey.secret);
    else setRefusal(placeRefusal(form, sent, createPathOf));
  });
  return (
    <Dialog title={text.keys.create} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field label={text.keys.name} error={errors.name?.message}>
          {(described) => <input {...described} autoComplete="off" {...form.register('name')} />}
        </Field>
        <Field label={text.keys.type} hint={text.keys.typeHint}>
          {(described) => (
            <select {...described} {...form.register('type')}>
              <option value="PLATFORM">{text.keys.types.PLATFORM}</option>
              <option value="CUSTOM">{text.keys.types.CUSTOM}</option>
            </select>
          )}
        </Field>
        <Field label={text.keys.provider}>
          {(described) => (
            <select {...described} {...form.register('provider')}>
              <option value="OPENAI">{text.keys.providers.OPENAI}</option>
              <option value="ANTHROPIC">{text.keys.providers.ANTHROPIC}</option>
            </select>
          )}
        </Field>
        {isCustom && (
          <>
            <Field label={text.keys.secret} hint={text.keys.secretHint} error={errors.secret?.message}>
              {(described) => <input {...described} type="password" autoComplete="off" {...form.register('secret')} />}
            </Field>
            <Field label={text.keys.mode} hint={text.keys.computeOnly}>
              {(described) => (
                <select {...described} {...form.register('billingMode')}>
                  <option value="FULL">{text.usage.billingModes.FULL}</option>
                  <option value="COMPUTE_ONLY">{text.usage.billingModes.COMPUTE_ONLY}</option>
                </select>
              )}
            </Field>
          </>
        )}
        <Field label={text.keys.limit} hint={text.keys.limitHint} error={errors.creditLimit?.message}>
          {(described) => <input {...described} inputMode="numeric" {...form.register('creditLimit')} />}
        </Field>
        <Field label={text.keys.expires} hint={text.keys.expiresHint} error={errors.expires?.message}>
          {(described) => <input {...described} type="date" {...form.register('expires')} />}
        </Field>
        <SubmitRow label={text.keys.create} busy={isSubmitting} error={refusal} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

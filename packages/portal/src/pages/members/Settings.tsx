import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod/mini';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { type OrganizationVisibility, UpdateOrganizationDocument } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import type { Done } from './action.ts';

interface Props {
  readonly visibility: OrganizationVisibility;
  readonly onClose: () => void;
  readonly onDone: (done: Done) => void;
}

const settingsForm = z.object({
  name: z
    .string()
    .check(z.trim(), z.minLength(1, text.organizations.nameMissing), z.maxLength(255, text.organizations.nameTooLong)),
  visibility: z.enum(['PRIVATE', 'PUBLIC']),
});
type SettingsForm = z.infer<typeof settingsForm>;

/** Name of the organization and who pays inside it, with what a change of the payer means. */
export function Settings({ visibility, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const balance = useBalance();
  const send = useSend(UpdateOrganizationDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const form = useForm<SettingsForm>({
    resolver: zodResolver(settingsForm),
    mode: 'onTouched',
    defaultValues: { name: account.name, visibility },
  });
  const { errors, isSubmitting } = form.formState;
  const wanted = form.watch('visibility');
  const submit = form.handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send({ input: { billingEntityId: account.id, ...values } });
    if (sent.ok) onDone({ said: text.members.settingsSaved });
    else setRefusal(placeRefusal(form, sent));
  });
  const left = balance?.available ?? 0;
  return (
    <Dialog title={text.members.settingsOf(account.name)} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field label={text.members.organizationName} error={errors.name?.message}>
          {(described) => <input {...described} autoComplete="off" {...form.register('name')} />}
        </Field>
        <Field label={text.members.payer}>
          {(described) => (
            <select {...described} {...form.register('visibility')}>
              <option value="PRIVATE">{text.members.payers.PRIVATE}</option>
              <option value="PUBLIC">{text.members.payers.PUBLIC}</option>
            </select>
          )}
        </Field>
        {wanted !== visibility && (
          <Banner tone="warn">{text.members.payerChange[wanted](text.credits(count(left), left))}</Banner>
        )}
        <SubmitRow label={text.members.saveSettings} busy={isSubmitting} error={refusal} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

import { zodResolver } from '@hookform/resolvers/zod';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod/mini';
import { useSend } from '../api/data.ts';
import { CreateOrganizationDocument } from '../gql/graphql.ts';
import { text } from '../text.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { Field } from '../ui/Field.tsx';
import { placeRefusal } from '../ui/refused.ts';
import { SubmitRow } from '../ui/SubmitRow.tsx';

const organizationForm = z.object({
  name: z
    .string()
    .check(z.trim(), z.minLength(1, text.organizations.nameMissing), z.maxLength(255, text.organizations.nameTooLong)),
  visibility: z.enum(['PRIVATE', 'PUBLIC']),
});
type OrganizationForm = z.infer<typeof organizationForm>;

/** Makes an organization of one's own, and switches to it. */
export function NewOrganization({ onClose }: { readonly onClose: () => void }): ReactNode {
  const send = useSend(CreateOrganizationDocument);
  const navigate = useNavigate();
  const [refusal, setRefusal] = useState<string | null>(null);
  const form = useForm<OrganizationForm>({
    resolver: zodResolver(organizationForm),
    mode: 'onTouched',
    defaultValues: { name: '', visibility: 'PRIVATE' },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async (input) => {
    setRefusal(null);
    const sent = await send({ input });
    if (!sent.ok) return setRefusal(placeRefusal(form, sent));
    onClose();
    await navigate({ to: '/', search: { account: sent.data.createOrganization.id } });
  });
  return (
    <Dialog title={text.organizations.create} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <p>{text.organizations.createHint}</p>
        <Field label={text.organizations.name} error={errors.name?.message}>
          {(described) => <input {...described} autoComplete="off" {...form.register('name')} />}
        </Field>
        <Field label={text.organizations.payer}>
          {(described) => (
            <select {...described} {...form.register('visibility')}>
              <option value="PRIVATE">{text.members.payers.PRIVATE}</option>
              <option value="PUBLIC">{text.members.payers.PUBLIC}</option>
            </select>
          )}
        </Field>
        <SubmitRow label={text.organizations.createNamed} busy={isSubmitting} error={refusal} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

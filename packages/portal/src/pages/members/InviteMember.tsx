import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod/mini';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { type MemberRowFragment, SetMemberDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import type { Done } from './action.ts';
import { RoleField } from './RoleField.tsx';
import { optionalLimit, ROLES, toLimit } from './terms.ts';

interface Props {
  /** Who is in the list already: inviting them would change their terms. */
  readonly members: readonly MemberRowFragment[];
  readonly onClose: () => void;
  readonly onDone: (done: Done) => void;
}

const inviteForm = z.object({
  externalId: z
    .string()
    .check(z.trim(), z.minLength(1, text.members.externalIdMissing), z.maxLength(255, text.members.externalIdTooLong)),
  role: z.enum(ROLES),
  creditLimit: optionalLimit,
});
type InviteForm = z.infer<typeof inviteForm>;

/** Invites somebody by the id that they sign in with. */
export function InviteMember({ members, onClose, onDone }: Props): ReactNode {
  const { account, isOperator } = useCurrent();
  const send = useSend(SetMemberDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const form = useForm<InviteForm>({
    resolver: zodResolver(inviteForm),
    mode: 'onTouched',
    defaultValues: { externalId: '', role: 'MEMBER', creditLimit: '' },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async ({ externalId, role, creditLimit }) => {
    setRefusal(null);
    if (members.some(({ user }) => user.externalId === externalId)) {
      form.setError('externalId', { message: text.members.isMember }, { shouldFocus: true });
      return;
    }
    const sent = await send({
      input: { billingEntityId: account.id, userExternalId: externalId, role, creditLimit: toLimit(creditLimit) },
    });
    if (!sent.ok) return setRefusal(placeRefusal(form, sent, pathOf));
    const { status, user } = sent.data.setMember;
    onDone({ said: status === 'INVITED' ? text.members.wasInvited(user.name) : text.members.isActive(user.name) });
  });
  return (
    <Dialog title={text.members.inviteTitle} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <p>{isOperator ? text.members.operatorInviteHint : text.members.inviteHint}</p>
        <Field label={text.members.externalId} hint={text.members.externalIdHint} error={errors.externalId?.message}>
          {(described) => (
            <input {...described} autoComplete="off" autoCapitalize="none" {...form.register('externalId')} />
          )}
        </Field>
        <RoleField chosen={form.watch('role')} registered={form.register('role')} />
        <Field label={text.members.limit} hint={text.members.limitHint} error={errors.creditLimit?.message}>
          {(described) => <input {...described} inputMode="numeric" {...form.register('creditLimit')} />}
        </Field>
        <SubmitRow label={text.members.invite} busy={isSubmitting} error={refusal} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

/** The form's field for a field that the server refused. */
function pathOf(field: string): keyof InviteForm | null {
  if (field === 'userExternalId') return 'externalId';
  return field === 'role' || field === 'creditLimit' ? field : null;
}

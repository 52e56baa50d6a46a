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
import { LimitLeaves } from './Limit.tsx';
import { RoleField } from './RoleField.tsx';
import { isWhole, optionalLimit, reason, ROLES, toLimit, toReason } from './terms.ts';

interface Props {
  readonly member: MemberRowFragment;
  readonly onClose: () => void;
  readonly onDone: (done: Done) => void;
}

const changeForm = z.object({
  role: z.enum(ROLES),
  creditLimit: optionalLimit,
  status: z.enum(['ACTIVE', 'SUSPENDED']),
  reason,
});
type ChangeForm = z.infer<typeof changeForm>;

/** Changes role, limit and suspension of a member, or on what terms somebody is invited. */
export function ChangeMember({ member, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(SetMemberDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const { user, status, creditLimit, drawnThisPeriod } = member;
  const form = useForm<ChangeForm>({
    resolver: zodResolver(changeForm),
    mode: 'onTouched',
    defaultValues: {
      role: member.role,
      creditLimit: creditLimit === null ? '' : String(creditLimit),
      status: status === 'SUSPENDED' ? 'SUSPENDED' : 'ACTIVE',
      reason: '',
    },
  });
  const { errors, isSubmitting } = form.formState;
  const wanted = form.watch();
  const isInvited = status === 'INVITED';
  const submit = form.handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send({
      input: {
        billingEntityId: account.id,
        userExternalId: user.externalId,
        role: values.role,
        creditLimit: toLimit(values.creditLimit),
        reason: toReason(values.reason),
        // Who is invited says themselves when they belong.
        ...(isInvited || values.status === status ? {} : { status: values.status }),
      },
    });
    if (sent.ok) onDone({ said: text.members.changed(user.name) });
    else setRefusal(placeRefusal(form, sent));
  });
  const isSuspending = status === 'ACTIVE' && wanted.status === 'SUSPENDED';
  const isReinstating = status === 'SUSPENDED' && wanted.status === 'ACTIVE';
  return (
    <Dialog title={text.members.changeNamed(user.name)} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <RoleField chosen={wanted.role} registered={form.register('role')} />
        <Field label={text.members.limit} hint={text.members.limitHint} error={errors.creditLimit?.message}>
          {(described) => <input {...described} inputMode="numeric" {...form.register('creditLimit')} />}
        </Field>
        {isWhole(wanted.creditLimit) && (
          <p className="hint">
            <LimitLeaves creditLimit={toLimit(wanted.creditLimit)} drawnThisPeriod={drawnThisPeriod} />
          </p>
        )}
        {!isInvited && (
          <Field label={text.members.state}>
            {(described) => (
              <select {...described} {...form.register('status')}>
                <option value="ACTIVE">{text.members.stateOptions.ACTIVE}</option>
                <option value="SUSPENDED">{text.members.stateOptions.SUSPENDED}</option>
              </select>
            )}
          </Field>
        )}
        {isSuspending && <p>{text.members.suspendConsequence}</p>}
        <Field label={text.members.reason} hint={text.members.reasonHint} error={errors.reason?.message}>
          {(described) => <input {...described} autoComplete="off" {...form.register('reason')} />}
        </Field>
        <SubmitRow
          kind={isSuspending ? 'danger' : 'primary'}
          label={
            isSuspending
              ? text.members.suspendNamed(user.name)
              : isReinstating
                ? text.members.reinstateNamed(user.name)
                : text.save
          }
          busy={isSubmitting}
          error={refusal}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { useEffectKey } from '../../api/effect-key.ts';
import { type MemberRowFragment, TransferCreditsDocument } from '../../gql/graphql.ts';
import { useLive } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import type { Done } from './action.ts';
import { MoveConsequence } from './MoveConsequence.tsx';
import { choicesFor, DIRECTIONS, directionsFor, toTransferInput, type TransferForm, transferForm } from './transfer.ts';

interface Props {
  readonly members: readonly MemberRowFragment[];
  readonly onClose: () => void;
  readonly onDone: (done: Done) => void;
}

/** Moves credits between the pool, its members and one's own account. The figures before are a forecast; those after are the server's. */
export function MoveCredits({ members, onClose, onDone }: Props): ReactNode {
  const current = useCurrent();
  const { account, viewer } = current;
  const { balance } = useLive();
  const send = useSend(TransferCreditsDocument);
  const keyFor = useEffectKey();
  const [refusal, setRefusal] = useState<string | null>(null);
  const allowed = directionsFor(current);
  const form = useForm<TransferForm>({
    resolver: zodResolver(transferForm),
    mode: 'onTouched',
    defaultValues: { direction: allowed[0] ?? 'GIVE', memberId: '', amount: '', reason: '' },
  });
  const { errors, isSubmitting } = form.formState;
  const wanted = form.watch();
  const choices = choicesFor(wanted.direction, members);
  const chosen = choices.find(({ user }) => user.id === wanted.memberId) ?? null;
  const amount = Number(wanted.amount);
  const credits = text.credits(count(amount), amount);

  const submit = form.handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send({
      input: toTransferInput(values, {
        organizationId: account.id,
        ownId: viewer.user?.id ?? '',
        idempotencyKey: keyFor(JSON.stringify(values)),
      }),
    });
    if (!sent.ok) return setRefusal(placeRefusal(form, sent));
    const result = sent.data.transferCredits;
    if (result.__typename === 'InsufficientCredits') {
      const most = text.credits(count(result.available), result.available);
      form.setError('amount', { message: text.members.atMost(most) }, { shouldFocus: true });
      return;
    }
    const [pool, own] = values.direction === 'GIVE' ? [result.from, null] : [result.to, result.from];
    if (pool !== null) balance.accept(pool);
    const to = values.direction === 'GIVE' ? (chosen?.user.name ?? '') : account.name;
    const after = [
      pool !== null && text.members.balanceAfter(account.name, text.credits(count(pool.available), pool.available)),
      own !== null &&
        values.direction === 'OWN' &&
        text.members.balanceAfter(viewer.user?.name ?? '', text.credits(count(own.available), own.available)),
    ];
    onDone({ said: [text.members.moved(credits, to), ...after].filter(Boolean).join(' ') });
  });
  return (
    <Dialog title={text.members.transfer} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field label={text.members.direction}>
          {(described) => (
            <select {...described} {...form.register('direction', { onChange: () => form.setValue('memberId', '') })}>
              {DIRECTIONS.map((one) => (
                <option key={one} value={one} disabled={!allowed.includes(one)}>
                  {text.members.directions[one](account.name)}
                </option>
              ))}
            </select>
          )}
        </Field>
        {wanted.direction !== 'OWN' && (
          <Field label={text.members.person} error={errors.memberId?.message}>
            {(described) => (
              <select {...described} {...form.register('memberId')}>
                <option value="">{choices.length === 0 ? text.members.nobody : text.members.choose}</option>
                {choices.map(({ user, status }) => (
                  <option key={user.id} value={user.id}>
                    {status === 'SUSPENDED' ? text.members.suspendedPerson(user.name) : user.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <Field label={text.members.amount} error={errors.amount?.message}>
          {(described) => <input {...described} inputMode="numeric" autoComplete="off" {...form.register('amount')} />}
        </Field>
        <MoveConsequence direction={wanted.direction} to={chosen?.user.name ?? null} amount={wanted.amount} />
        <Field label={text.members.reason} hint={text.members.reasonHint} error={errors.reason?.message}>
          {(described) => <input {...described} autoComplete="off" {...form.register('reason')} />}
        </Field>
        <SubmitRow
          label={amount > 0 ? text.members.moveCredits(credits) : text.members.transfer}
          busy={isSubmitting}
          error={refusal}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

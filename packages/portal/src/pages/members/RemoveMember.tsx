import { type ReactNode, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { type MemberRowFragment, RemoveMemberDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { count } from '../../ui/format.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import type { Done } from './action.ts';

interface Props {
  readonly member: MemberRowFragment;
  readonly isSelf: boolean;
  readonly onClose: () => void;
  readonly onDone: (done: Done) => void;
}

/** Ends a membership or withdraws an invitation, once its consequence has been said. */
export function RemoveMember({ member, isSelf, onClose, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const send = useSend(RemoveMemberDocument);
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const { id, user, status, usedThisPeriod } = member;
  const isInvited = status === 'INVITED';
  const title = isSelf
    ? text.members.leaveNamed(account.name)
    : isInvited
      ? text.members.withdrawNamed(user.name)
      : text.members.removeNamed(user.name);
  const submit = async (event: { preventDefault(): void }): Promise<void> => {
    event.preventDefault();
    setState({ busy: true, error: null });
    const sent = await send({ input: { billingEntityId: account.id, userExternalId: user.externalId } });
    if (!sent.ok) return setState({ busy: false, error: sent.message });
    onDone({ said: isInvited ? text.members.withdrawn(user.name) : text.members.removed(user.name), goneId: id });
  };
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        {isSelf ? (
          <p>{text.members.leaveConsequence(account.name)}</p>
        ) : isInvited ? (
          <p>{text.members.withdrawConsequence}</p>
        ) : (
          <>
            <p>{text.members.removeConsequence(text.credits(count(usedThisPeriod), usedThisPeriod))}</p>
            <p>{text.members.removeGiven}</p>
          </>
        )}
        <SubmitRow kind="danger" label={title} busy={state.busy} error={state.error} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import type { MemberRowFragment, OrganizationVisibility } from '../../gql/graphql.ts';
import type { Done, MemberAction } from './action.ts';
import { ChangeMember } from './ChangeMember.tsx';
import { InviteMember } from './InviteMember.tsx';
import { MoveCredits } from './MoveCredits.tsx';
import { RemoveMember } from './RemoveMember.tsx';
import { Settings } from './Settings.tsx';

interface Props {
  readonly action: MemberAction | null;
  readonly visibility: OrganizationVisibility;
  readonly members: readonly MemberRowFragment[];
  readonly onClose: () => void;
  readonly onDone: (done: Done) => void;
}

/** The dialog of what is being done. */
export function Dialogs({ action, visibility, members, onClose, onDone }: Props): ReactNode {
  const { viewer, askAgain } = useCurrent();
  const navigate = useNavigate();
  switch (action?.kind) {
    case 'invite':
      return <InviteMember members={members} onClose={onClose} onDone={onDone} />;
    case 'move':
      return <MoveCredits members={members} onClose={onClose} onDone={onDone} />;
    case 'settings':
      return (
        <Settings
          visibility={visibility}
          onClose={onClose}
          onDone={(done) => {
            onDone(done);
            askAgain();
          }}
        />
      );
    case 'change':
      return <ChangeMember member={action.member} onClose={onClose} onDone={onDone} />;
    case 'remove': {
      const isSelf = action.member.user.externalId === viewer.subject;
      const left = (done: Done): void => {
        onDone(done);
        if (!isSelf) return;
        // Nothing of it may be seen any more, so home is the way out.
        askAgain();
        void navigate({ to: '/', search: { account: undefined } });
      };
      return <RemoveMember member={action.member} isSelf={isSelf} onClose={onClose} onDone={left} />;
    }
    case undefined:
      return null;
  }
}

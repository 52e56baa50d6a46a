import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useCurrent } from '../account/current.tsx';
import { useSend } from '../api/data.ts';
import { AcceptInvitationDocument, DeclineInvitationDocument, type ViewerQuery } from '../gql/graphql.ts';
import { text } from '../text.ts';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { Time } from '../ui/Time.tsx';

type Invitation = ViewerQuery['viewer']['invitations'][number];

interface Answered {
  readonly invitation: Invitation;
  readonly accepted: boolean;
}

interface Props {
  /** Called when a link leads away to an organization. */
  readonly onOpen?: () => void;
}

/** Invitations that one received, each to be accepted or declined, and what came of it. */
export function Invitations({ onOpen }: Props): ReactNode {
  const { viewer } = useCurrent();
  const [answered, setAnswered] = useState<Answered | null>(null);
  return (
    <>
      {answered !== null && <Answer {...answered} onOpen={onOpen} />}
      {viewer.invitations.map((invitation) => (
        <Invited
          key={invitation.organization.id}
          invitation={invitation}
          onAnswered={(accepted) => setAnswered({ invitation, accepted })}
        />
      ))}
    </>
  );
}

interface InvitedProps {
  readonly invitation: Invitation;
  readonly onAnswered: (accepted: boolean) => void;
}

function Invited({ invitation, onAnswered }: InvitedProps): ReactNode {
  const { organization, role, invitedAt } = invitation;
  const { askAgain } = useCurrent();
  const accept = useSend(AcceptInvitationDocument);
  const decline = useSend(DeclineInvitationDocument);
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const answer = async (accepted: boolean): Promise<void> => {
    setState({ busy: true, error: null });
    const sent = await (accepted ? accept : decline)({ id: organization.id });
    if (!sent.ok) return setState({ busy: false, error: sent.message });
    onAnswered(accepted);
    askAgain();
  };
  return (
    <Banner
      tone="neutral"
      action={
        <>
          <Button
            kind="primary"
            busy={state.busy}
            aria-label={text.organizations.acceptNamed(organization.name)}
            onClick={() => void answer(true)}
          >
            {text.organizations.accept}
          </Button>
          <Button
            busy={state.busy}
            aria-label={text.organizations.declineNamed(organization.name)}
            onClick={() => void answer(false)}
          >
            {text.organizations.decline}
          </Button>
        </>
      }
    >
      {text.organizations.invitedAs(organization.name, text.members.roles[role])} {text.organizations.acceptHint}{' '}
      <span className="hint">
        {text.organizations.invitedSince} <Time value={invitedAt} shape="day" /> · {organization.externalId}
      </span>
      {state.error !== null && (
        <span role="alert" className="field-error beside">
          {state.error}
        </span>
      )}
    </Banner>
  );
}

interface AnswerProps extends Answered {
  readonly onOpen: (() => void) | undefined;
}

/** The outcome of an answer. It takes the focus that went with the button. */
function Answer({ invitation: { organization }, accepted, onOpen }: AnswerProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), [organization.id, accepted]);
  return (
    <div ref={place} tabIndex={-1}>
      <Banner
        tone={accepted ? 'good' : 'neutral'}
        action={
          accepted && (
            <Link to="/" search={{ account: organization.id }} className="button" onClick={onOpen}>
              {text.organizations.open(organization.name)}
            </Link>
          )
        }
      >
        {accepted ? text.organizations.accepted(organization.name) : text.organizations.declined(organization.name)}
      </Banner>
    </div>
  );
}

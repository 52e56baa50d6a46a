import type { ReactNode } from 'react';
import type { MemberRowFragment, MembershipStatus } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge, type Tone } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { count } from '../../ui/format.ts';
import type { IconName } from '../../ui/Icon.tsx';
import { Time } from '../../ui/Time.tsx';
import type { MemberAction } from './action.ts';
import { isAtLimit } from './terms.ts';

const TONES: Record<MembershipStatus, Tone> = { ACTIVE: 'good', INVITED: 'neutral', SUSPENDED: 'bad' };
const ICONS: Record<MembershipStatus, IconName> = { ACTIVE: 'check', INVITED: 'clock', SUSPENDED: 'pause' };

interface Given {
  readonly onAction: (action: MemberAction) => void;
  /** The viewer's own external id. */
  readonly self: string;
  /** What each of these needs, if the viewer lacks it. `owner`: besides, for the row of an owner. */
  readonly reasons: Readonly<Record<'set' | 'remove' | 'leave' | 'owner', string | null>>;
  /** Use that members paid for themselves is shown beside what they drew from the pool. */
  readonly withUsed: boolean;
  readonly organization: string;
}

/** A list of members with their use and what can be done to each. */
export function memberColumns(given: Given): readonly Column<MemberRowFragment>[] {
  return [
    { id: 'name', header: text.members.name, cell: (member) => <Name {...member} self={given.self} /> },
    { id: 'role', header: text.members.role, folds: true, cell: ({ role }) => text.members.roles[role] },
    {
      id: 'status',
      header: text.members.status,
      cell: ({ status }) => (
        <Badge tone={TONES[status]} icon={ICONS[status]}>
          {text.members.statuses[status]}
        </Badge>
      ),
    },
    { id: 'drawn', header: text.members.drawn, figures: true, folds: true, cell: (member) => <Drawn {...member} /> },
    ...(given.withUsed
      ? [
          {
            id: 'used',
            header: text.members.used,
            figures: true,
            folds: true,
            cell: ({ usedThisPeriod }: MemberRowFragment) => count(usedThisPeriod),
          },
        ]
      : []),
    {
      id: 'joined',
      header: text.members.joined,
      folds: true,
      cell: ({ status, joinedAt }) => (
        <>
          {status === 'INVITED' && `${text.members.invited} `}
          <Time value={joinedAt} shape="day" />
        </>
      ),
    },
    {
      id: 'actions',
      header: text.members.actions,
      figures: true,
      cell: (member) => <Actions member={member} {...given} />,
    },
  ];
}

function Name({ user, self }: Pick<MemberRowFragment, 'user'> & { readonly self: string }): ReactNode {
  const besides = [
    user.name !== user.externalId && user.externalId,
    user.externalId === self && text.members.you,
  ].filter(Boolean);
  return (
    <>
      {user.name}
      {besides.length > 0 && <span className="hint beside">{besides.join(' · ')}</span>}
    </>
  );
}

function Drawn(member: MemberRowFragment): ReactNode {
  const { status, drawnThisPeriod, creditLimit } = member;
  if (status === 'INVITED' && creditLimit === null) return text.none;
  const drawn = count(drawnThisPeriod);
  return (
    <span className="drawn">
      {isAtLimit(member) && <Badge tone="warn">{text.members.atLimit}</Badge>}
      {creditLimit === null ? drawn : text.members.drawnOf(drawn, count(creditLimit))}
    </span>
  );
}

function Actions({ member, onAction, self, reasons, organization }: Given & { readonly member: MemberRowFragment }) {
  const { user, role, status } = member;
  const isSelf = user.externalId === self;
  const ofOwner = role === 'OWNER' ? reasons.owner : null;
  const end = isSelf
    ? { label: text.members.leave, name: text.members.leaveNamed(organization), reason: reasons.leave }
    : status === 'INVITED'
      ? { label: text.members.withdraw, name: text.members.withdrawNamed(user.name), reason: reasons.remove ?? ofOwner }
      : { label: text.members.remove, name: text.members.removeNamed(user.name), reason: reasons.remove ?? ofOwner };
  return (
    <span className="row member-actions">
      <Button
        reason={reasons.set ?? ofOwner}
        aria-label={text.members.changeNamed(user.name)}
        onClick={() => onAction({ kind: 'change', member })}
      >
        {text.members.change}
      </Button>
      <Button
        kind="danger"
        reason={end.reason}
        aria-label={end.name}
        onClick={() => onAction({ kind: 'remove', member })}
      >
        {end.label}
      </Button>
    </span>
  );
}

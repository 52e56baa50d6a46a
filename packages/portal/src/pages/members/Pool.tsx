import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import type { BalanceFragment, OrganizationVisibility } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { count } from '../../ui/format.ts';
import type { MemberAction } from './action.ts';
import { directionsFor } from './transfer.ts';

interface Props {
  readonly visibility: OrganizationVisibility;
  /** Its balance, until the live one is there. */
  readonly known: BalanceFragment;
  readonly onAction: (action: MemberAction) => void;
}

/** Who pays for use inside the organization, what is left of its pool, and what can be done about either. */
export function Pool({ visibility, known, onAction }: Props): ReactNode {
  const current = useCurrent();
  const { account } = current;
  const balance = useBalance();
  const notTransfer = useReasonAgainst('credits.transfer');
  const { available: left } = balance ?? known;
  return (
    <section className="card form" aria-labelledby="payer">
      <h2 id="payer">{text.members.payer}</h2>
      <p>{visibility === 'PRIVATE' ? text.members.paysPrivate(account.name) : text.members.paysPublic(account.name)}</p>
      <p className="figures pool-left">{text.members.poolLeft(text.credits(count(left), left))}</p>
      <div className="row">
        <Button
          reason={directionsFor(current).length === 0 ? notTransfer : null}
          onClick={() => onAction({ kind: 'move' })}
        >
          {text.members.transfer}
        </Button>
        <Button reason={useReasonAgainst('organization.update')} onClick={() => onAction({ kind: 'settings' })}>
          {text.members.settings}
        </Button>
        <Link to="/usage" search={{ group: 'USER', range: 'period' }}>
          {text.members.byPerson}
        </Link>
      </div>
    </section>
  );
}

import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useData } from '../../api/data.ts';
import { BalanceDocument, type BalanceFragment } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { count } from '../../ui/format.ts';
import { isWhole } from './terms.ts';
import { availableAfter, type Direction } from './transfer.ts';

interface Props {
  readonly direction: Direction;
  /** The member's name; null: nobody is chosen. */
  readonly to: string | null;
  /** As it is typed. */
  readonly amount: string;
}

/** What a transfer leaves on each account whose balance the viewer may read, and what becomes of the credits. */
export function MoveConsequence({ direction, to, amount }: Props): ReactNode {
  const { account, viewer } = useCurrent();
  const pool = useBalance();
  const isOwn = direction === 'OWN';
  const asked = useData(BalanceDocument, { id: viewer.user?.id ?? '' }, { pause: !isOwn });
  const own = asked.state === 'ready' ? (asked.data.billingEntity?.credits ?? null) : null;
  const moved = isWhole(amount) ? Number(amount) : 0;
  return (
    <div className="hint move-consequence">
      {isOwn && own !== null && <Line name={viewer.user?.name ?? ''} balance={own} amount={-moved} />}
      {pool !== null && <Line name={account.name} balance={pool} amount={direction === 'GIVE' ? -moved : moved} />}
      {direction === 'GIVE' && to !== null && <p>{text.members.giveConsequence(to)}</p>}
      {direction === 'TAKE' && <p>{text.members.takeConsequence}</p>}
      {isOwn && <p>{text.members.ownConsequence(account.name)}</p>}
    </div>
  );
}

interface LineProps {
  readonly name: string;
  readonly balance: BalanceFragment;
  readonly amount: number;
}

function Line({ name, balance, amount }: LineProps): ReactNode {
  const after = availableAfter(balance, amount);
  return (
    <p>
      {after < 0
        ? text.members.tooMuch(name, count(balance.available))
        : text.members.leaves(name, count(balance.available), count(after))}
    </p>
  );
}

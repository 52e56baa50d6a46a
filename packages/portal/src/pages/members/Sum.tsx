import type { ReactNode } from 'react';
import type { MemberRowFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { count } from '../../ui/format.ts';
import { addUp } from './terms.ts';

interface Props {
  /** All of them. */
  readonly members: readonly MemberRowFragment[];
  /** What the pool used in this period. */
  readonly used: number;
}

/** The use of each adds up to what the pool used; what no member here drew is named. */
export function Sum({ members, used }: Props): ReactNode {
  const sum = addUp(members, used);
  if (sum === null) return null;
  return (
    <div className="member-sum">
      <p className="figures">{text.members.adds(count(sum.members), count(sum.others), count(used))}</p>
      {sum.others > 0 && <p className="hint">{text.members.addsHint}</p>}
    </div>
  );
}

import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { usePaged } from '../../api/paged.ts';
import { type BalanceFragment, MembersDocument, type OrganizationVisibility } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import type { Done, MemberAction } from './action.ts';
import { memberColumns } from './columns.tsx';
import { Dialogs } from './Dialogs.tsx';
import { Find } from './Find.tsx';
import { OwnLimit } from './Limit.tsx';
import './members.css';
import { Pool } from './Pool.tsx';
import { Sum } from './Sum.tsx';

interface Props {
  readonly visibility: OrganizationVisibility;
  /** The pool as it was when its use was read. */
  readonly pool: BalanceFragment;
  readonly search: string;
  /** Reads the organization's terms and use anew. */
  readonly again: (() => void) | undefined;
}

const SETTLE_MS = 800;
/** A longer list is not read anew from its beginning while somebody reads on in it. */
const PAGE = 100;

/** The pool, its members, and the dialog that is open. */
export function Organization({ visibility, pool, search, again }: Props): ReactNode {
  const { account, viewer } = useCurrent();
  const [action, setAction] = useState<MemberAction | null>(null);
  const [said, say] = useState<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const goneId = useRef<string | null>(null);
  const setReason = useReasonAgainst('members.set');
  const removeReason = useReasonAgainst('members.remove');
  const leaveReason = useReasonAgainst('members.leave');
  const ownerReason = useReasonAgainst('members.setOwner') === null ? null : text.members.ownerOnly;
  const paged = usePaged(
    MembersDocument,
    { id: account.id, search: search === '' ? null : search },
    ({ billingEntity }) => billingEntity?.members,
  );
  const { nodes, again: listAgain } = paged;
  const readAgain = useCallback(() => {
    again?.();
    listAgain();
  }, [again, listAgain]);
  useAfterUse(() => {
    if (nodes.length <= PAGE) readAgain();
  });

  // Whoever was removed took the button along that had the focus.
  useEffect(() => {
    if (goneId.current === null || nodes.some(({ id }) => id === goneId.current)) return;
    goneId.current = null;
    heading.current?.focus();
  }, [nodes]);

  const withUsed = visibility === 'PUBLIC' || nodes.some((each) => each.usedThisPeriod !== each.drawnThisPeriod);
  const columns = useMemo(
    () =>
      memberColumns({
        onAction: setAction,
        self: viewer.subject,
        organization: account.name,
        withUsed,
        reasons: { set: setReason, remove: removeReason, leave: leaveReason, owner: ownerReason },
      }),
    [viewer.subject, account.name, withUsed, setReason, removeReason, leaveReason, ownerReason],
  );
  const done = (result: Done): void => {
    setAction(null);
    say(result.said);
    goneId.current = result.goneId ?? null;
    readAgain();
  };
  const own = nodes.find(({ user }) => user.externalId === viewer.subject);
  const seesAll = account.viewerPermissions.includes('members.readAll');
  return (
    <>
      {said !== null && <Banner tone="good">{said}</Banner>}
      <Pool visibility={visibility} known={pool} onAction={setAction} />
      <div className="section-head">
        <h2 ref={heading} tabIndex={-1}>
          {text.members.list}
        </h2>
        {seesAll && <Find key={search} search={search} />}
        <Button kind="primary" reason={setReason} onClick={() => setAction({ kind: 'invite' })}>
          {text.members.invite}
        </Button>
      </div>
      {own !== undefined && <OwnLimit {...own} />}
      {!seesAll && <p className="hint">{text.members.onlyYourself}</p>}
      {paged.state === 'loading' && <Skeleton height={200} />}
      {paged.state === 'hidden' && <Empty title={text.balance.notYours} />}
      {paged.state === 'ready' && nodes.length === 0 && <Empty title={text.members.none} />}
      {nodes.length > 0 && (
        <LongTable caption={text.members.list} columns={columns} rows={nodes} rowId={({ id }) => id} />
      )}
      <More of={paged} />
      {seesAll && paged.state === 'ready' && !paged.hasMore && search === '' && (
        <Sum members={nodes} used={pool.used} />
      )}
      <Dialogs action={action} visibility={visibility} members={nodes} onClose={() => setAction(null)} onDone={done} />
    </>
  );
}

/** Calls once use has settled: the balance says when there was some. */
function useAfterUse(call: () => void): void {
  const version = useBalance()?.version;
  const first = useRef(version);
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => {
    if (first.current === undefined || first.current === version) {
      first.current = version;
      return;
    }
    const timer = setTimeout(() => {
      first.current = version;
      latest.current();
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [version]);
}

import { getRouteApi, Navigate, useMatches } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { AccountDocument, ViewerDocument, type ViewerQuery } from '../gql/graphql.ts';
import { LiveProvider } from '../live/LiveProvider.tsx';
import { text } from '../text.ts';
import { Banner } from '../ui/Banner.tsx';
import { Empty } from '../ui/Empty.tsx';
import { Shown } from '../ui/Shown.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';
import { accountsOf, type Current, CurrentContext } from '../account/current.tsx';
import { AccountSearch } from './AccountSearch.tsx';
import { useData } from '../api/data.ts';
import { Frame } from './Frame.tsx';
import { OperatorFrame } from './OperatorFrame.tsx';
import { useParts } from './parts.ts';

const route = getRouteApi('__root__');

/** Finds out who looks at which account, and puts the page into the frame. */
export function Shell(): ReactNode {
  const viewer = useData(ViewerDocument, {});
  return (
    <Shown of={viewer} height={600}>
      {(data) => <ShellOf viewer={data.viewer} askAgain={viewer.state === 'ready' ? viewer.again : nothing} />}
    </Shown>
  );
}

interface ShellProps {
  readonly viewer: ViewerQuery['viewer'];
  readonly askAgain: () => void;
}

function ShellOf({ viewer, askAgain }: ShellProps): ReactNode {
  const { session, socket } = useParts();
  const { account: id } = route.useSearch();
  const known = accountsOf(viewer);
  const wanted = id === undefined ? known[0] : known.find((account) => account.id === id);
  const asked = useData(AccountDocument, { id: id ?? '' }, { pause: id === undefined || wanted !== undefined });
  const found = wanted ?? (asked.state === 'ready' ? asked.data.billingEntity : null);
  if (found == null) {
    if (id !== undefined && asked.state === 'loading') return <Skeleton height={600} />;
    if (id === undefined && session.isOperator) return <WithoutAccount viewer={viewer} />;
    return <Nobody failed={id !== undefined} isOperator={session.isOperator} />;
  }
  const current: Current = {
    account: found,
    isLocal: session.localMode,
    viewer,
    isOperator: session.isOperator,
    // A new organization of one's own may be found before it is known to be one's own.
    asOperator: wanted === undefined && session.isOperator,
    askAgain,
  };
  return (
    <CurrentContext value={current}>
      {/* Another account is another page: nothing of the one before may stay in sight. */}
      <LiveProvider key={found.id} socket={socket} accountId={found.id} onGone={askAgain}>
        <Frame />
      </LiveProvider>
    </CurrentContext>
  );
}

function nothing(): void {}

/** An operator has no account of their own, so they begin at the list of all. */
function WithoutAccount({ viewer }: { readonly viewer: ViewerQuery['viewer'] }): ReactNode {
  // The match, not the address: the page that is drawn changes a moment after the address does.
  const match = useMatches().at(-1);
  return match?.pathname === '/operator' ? <OperatorFrame viewer={viewer} /> : <Navigate to="/operator" replace />;
}

/** A link led to an account that is not there or not theirs, or nobody has opened one for this person. */
function Nobody({ failed, isOperator }: { readonly failed: boolean; readonly isOperator: boolean }): ReactNode {
  return (
    <main className="lonely">
      <h1>{text.product}</h1>
      {failed && <Banner tone="warn">{text.errors.noAccount}</Banner>}
      {isOperator ? <AccountSearch /> : !failed && <Empty title={text.errors.ownAccount} />}
      {failed && <a href="/">{text.errors.toBalance}</a>}
    </main>
  );
}

import type { Client as Socket } from 'graphql-ws';
import { createContext, type ReactNode, use, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useClient } from 'urql';
import { leaveUnlessSignedIn } from '../api/client.ts';
import { now } from '../api/clock.ts';
import {
  type AlertRowFragment,
  AlertRaisedDocument,
  BalanceDocument,
  type BalanceFragment,
  type BalanceQuery,
  BalanceUpdatedDocument,
} from '../gql/graphql.ts';
import { createBalanceStore } from './balance-store.ts';
import { type Connection, createConnectionStore, type ConnectionStore } from './connection.ts';
import { delayMs, follow, type Followed, waitFor } from './follow.ts';
import { endsTheSession, eventsOf } from './socket.ts';

interface Live {
  readonly socket: Socket;
  readonly accountId: string;
  readonly connection: ConnectionStore;
  readonly balance: ReturnType<typeof createBalanceStore>;
  /** Alerts that were raised while the page was open, newest first. */
  readonly raised: readonly AlertRowFragment[];
  readonly dismiss: (id: string) => void;
}

const LiveContext = createContext<Live | null>(null);

interface Props {
  readonly socket: Socket;
  readonly accountId: string;
  /** The viewer may no longer see the account. */
  readonly onGone: () => void;
  readonly children: ReactNode;
}

/** Follows the balance and the alerts of one account for as long as it is shown. */
export function LiveProvider({ socket, accountId, onGone, children }: Props): ReactNode {
  const client = useClient();
  const [raised, setRaised] = useState<readonly AlertRowFragment[]>([]);
  const connection = useMemo(() => createConnectionStore(), []);
  const balance = useMemo(() => createBalanceStore(), []);

  useFollowed({ connection }, () => ({
    async ask() {
      const { data, error } = await client
        .query<BalanceQuery>(BalanceDocument.toString(), { id: accountId }, { requestPolicy: 'network-only' })
        .toPromise();
      if (error !== undefined) throw error;
      if (data?.billingEntity === null) onGone();
      else if (data !== undefined) balance.accept(data.billingEntity.credits);
    },
    open: (signal) => eventsOf(socket, BalanceUpdatedDocument, { variables: { id: accountId }, signal }),
    take({ balanceUpdated }) {
      connection.isLive();
      balance.accept(balanceUpdated);
    },
  }));

  useFollowed({ connection: null }, () => ({
    // What was raised before stands in the list of alerts, which asks for it.
    ask: () => Promise.resolve(),
    open: (signal) => eventsOf(socket, AlertRaisedDocument, { variables: { id: accountId }, signal }),
    take({ alertRaised }) {
      setRaised((known) => [alertRaised, ...known.filter(({ id }) => id !== alertRaised.id)]);
    },
  }));

  const live = useMemo(
    (): Live => ({
      socket,
      accountId,
      connection,
      balance,
      raised,
      dismiss: (id) => setRaised((known) => known.filter((alert) => alert.id !== id)),
    }),
    [socket, accountId, connection, balance, raised],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}

/** What is live about the account. */
export function useLive(): Live {
  const live = use(LiveContext);
  if (live === null) throw new Error('Live data was asked for outside of the frame.');
  return live;
}

/** The newest balance; null until the first is known. */
export function useBalance(): BalanceFragment | null {
  const { balance } = useLive();
  return useSyncExternalStore(balance.subscribe, balance.get);
}

export function useConnection(): Connection {
  const { connection } = useLive();
  return useSyncExternalStore(connection.subscribe, connection.get);
}

/** Follows one stream while the component is shown. It begins once: the provider has its account as key. */
export function useFollowed<T>(
  { connection }: { readonly connection: ConnectionStore | null },
  begin: () => Pick<Followed<T>, 'ask' | 'open' | 'take'>,
): void {
  useEffect(() => {
    const stop = new AbortController();
    void follow(
      {
        ...begin(),
        lost(error) {
          connection?.isLost(now());
          // The socket alone does not decide: a rule of its own may have closed it while the session goes on.
          if (endsTheSession(error)) void leaveUnlessSignedIn();
          return true;
        },
        wait: (attempt, signal) => waitFor(delayMs(attempt, Math.random()), signal),
      },
      stop.signal,
    );
    return () => stop.abort();
  }, []);
}

import { createStore, type Store } from './store.ts';

/** What the person is told about the live connection. `since` is when what is shown began to grow old. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'reconnecting'; readonly since: Date };

export interface ConnectionStore extends Store<Connection> {
  isLive(): void;
  isLost(at: Date): void;
}

/** Follows the connection. The time of the first loss stays until it is live again, however many attempts fail. */
export function createConnectionStore(): ConnectionStore {
  const { set, ...store } = createStore<Connection>({ state: 'connecting' });
  return {
    ...store,
    isLive() {
      if (store.get().state !== 'live') set({ state: 'live' });
    },
    isLost(at) {
      if (store.get().state !== 'reconnecting') set({ state: 'reconnecting', since: at });
    },
  };
}

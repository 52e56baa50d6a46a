import type { BalanceFragment } from '../gql/graphql.ts';
import { createStore, type Store } from './store.ts';

export interface BalanceStore extends Store<BalanceFragment | null> {
  /** Takes a balance unless a newer one is known. Answers true when it was taken. */
  accept(balance: BalanceFragment): boolean;
}

/**
 * Holds the newest balance of one account. Balances come by two roads, the query and the subscription, and may overtake
 * each other: only a higher version replaces what is held.
 */
export function createBalanceStore(): BalanceStore {
  const { set, ...store } = createStore<BalanceFragment | null>(null);
  return {
    ...store,
    accept(balance) {
      const held = store.get();
      if (held !== null && balance.version <= held.version) return false;
      set(balance);
      return true;
    },
  };
}

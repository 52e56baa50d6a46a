import { createContext, use } from 'react';
import type { AccountFragment, ViewerQuery } from '../gql/graphql.ts';
import { text } from '../text.ts';

/** The account that the page is about, and who looks at it. */
export interface Current {
  readonly account: AccountFragment;
  readonly viewer: ViewerQuery['viewer'];
  /** Tollgate runs on the reader's own machine, with its demo. */
  readonly isLocal: boolean;
  /** An operator looks at somebody else's account. */
  readonly asOperator: boolean;
  readonly isOperator: boolean;
  /** Asks anew who the viewer is, what they belong to and what they may do. */
  readonly askAgain: () => void;
}

export const CurrentContext = createContext<Current | null>(null);

/** The current account. Pages are drawn only once it is known. */
export function useCurrent(): Current {
  const current = use(CurrentContext);
  if (current === null) throw new Error('A page was drawn outside of the frame.');
  return current;
}

/** Null where the person may do it here; otherwise the reason, to be shown at the disabled control. */
export function useReasonAgainst(operation: string): string | null {
  const { account } = useCurrent();
  return account.viewerPermissions.includes(operation) ? null : text.notAllowed(account.name);
}

/** The person's own account first, then the organizations that they belong to. */
export function accountsOf({ user, memberships }: ViewerQuery['viewer']): AccountFragment[] {
  const organizations = memberships
    .filter(({ status }) => status !== 'INVITED')
    .map(({ organization }) => organization);
  return user == null ? organizations : [user, ...organizations];
}

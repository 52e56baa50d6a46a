import { useCallback, useEffect, useRef, useState } from 'react';
import { type AnyVariables, useClient } from 'urql';
import type { TypedDocumentString } from '../gql/graphql.ts';
import { text } from '../text.ts';

/** A page of a list as the API gives it. */
export interface Page<Node> {
  readonly edges: readonly { readonly node: Node }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

export interface Paged<Node> {
  readonly nodes: readonly Node[];
  readonly state: 'loading' | 'ready' | 'failed' | 'hidden';
  readonly message: string | null;
  readonly hasMore: boolean;
  readonly more: () => void;
  /** Reads the list anew from its beginning; what is shown stays until then. */
  readonly again: () => void;
}

interface Loaded<Node> {
  readonly nodes: readonly Node[];
  readonly state: Paged<Node>['state'];
  readonly message: string | null;
  readonly after: string | null;
  readonly hasMore: boolean;
}

const NOTHING = { nodes: [], state: 'loading', message: null, after: null, hasMore: false } as const;

/** Reads a list page by page. Other variables are another list. `pick` answers null where the caller may not read it. */
export function usePaged<Data, Variables extends AnyVariables, Node>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  pick: (data: Data) => Page<Node> | null | undefined,
): Paged<Node> {
  const client = useClient();
  const key = JSON.stringify(variables);
  const [loaded, setLoaded] = useState<Loaded<Node>>(NOTHING);
  const current = useRef({ key, pick, busy: false, round: 0 });
  current.current.pick = pick;

  const read = useCallback(
    async (after: string | null) => {
      const mine = current.current;
      const round = after === null ? (mine.round += 1) : mine.round;
      mine.busy = true;
      const asked = { ...(JSON.parse(key) as object), after } as AnyVariables;
      const { data, error } = await client
        .query<Data>(document.toString(), asked, { requestPolicy: 'network-only' })
        .toPromise();
      if (mine.round !== round) return;
      mine.busy = false;
      const page = data === undefined ? undefined : mine.pick(data);
      setLoaded((known): Loaded<Node> => {
        if (error !== undefined) {
          return { ...known, state: 'failed', message: error.graphQLErrors[0]?.message ?? text.errors.unreachable };
        }
        if (page == null) return { ...NOTHING, state: 'hidden' };
        const nodes = page.edges.map(({ node }) => node);
        return {
          nodes: after === null ? nodes : [...known.nodes, ...nodes],
          state: 'ready',
          message: null,
          after: page.pageInfo.endCursor,
          hasMore: page.pageInfo.hasNextPage,
        };
      });
    },
    [client, document, key],
  );

  useEffect(() => {
    setLoaded(NOTHING);
    void read(null);
  }, [read]);

  const more = useCallback(() => {
    if (loaded.hasMore && !current.current.busy) void read(loaded.after);
  }, [read, loaded.hasMore, loaded.after]);
  const again = useCallback(() => void read(null), [read]);
  return { nodes: loaded.nodes, state: loaded.state, message: loaded.message, hasMore: loaded.hasMore, more, again };
}

import { useCallback } from 'react';
import { type AnyVariables, type CombinedError, useClient, useQuery } from 'urql';
import type { TypedDocumentString } from '../gql/graphql.ts';
import { text } from '../text.ts';
import { codeOf } from './client.ts';

/** A query's answer. What was read stays in sight while the same is read anew. */
export type Asked<Data> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly message: string; readonly again: () => void }
  | { readonly state: 'ready'; readonly data: Data; readonly refreshing: boolean; readonly again: () => void };

interface Options {
  /** Does not ask until it is false. */
  readonly pause?: boolean;
}

/** Asks the API, and again when something on the page has changed it. */
export function useData<Data, Variables extends AnyVariables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  { pause = false }: Options = {},
): Asked<Data> {
  const [result, execute] = useQuery<Data>({
    query: document.toString(),
    variables,
    requestPolicy: 'cache-and-network',
    pause,
  });
  const again = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute]);
  // urql keeps the last answer while it asks with other variables. Figures of another filter are no answer to this one.
  const isCurrent = JSON.stringify(result.operation?.variables) === JSON.stringify(variables);
  if (result.data !== undefined && isCurrent) {
    return { state: 'ready', data: result.data, refreshing: result.fetching || result.stale, again };
  }
  if (result.error !== undefined && isCurrent && !result.fetching) {
    return { state: 'failed', message: sentenceOf(result.error), again };
  }
  return { state: 'loading' };
}

/** A mutation that did not happen. */
export interface Refused {
  readonly ok: false;
  readonly code: string | null;
  readonly message: string;
  /** The field of the input that is wrong, such as `name` or `emails.0`; null: the refusal is about no single one. */
  readonly field: string | null;
}

/** The outcome of a mutation. A refusal is an outcome that the form shows beside the field, not an exception. */
export type Sent<Data> = { readonly ok: true; readonly data: Data } | Refused;

/** Sends a mutation. Nothing is shown as done before it resolves. */
export function useSend<Data, Variables extends AnyVariables>(
  document: TypedDocumentString<Data, Variables>,
): (variables: Variables) => Promise<Sent<Data>> {
  const client = useClient();
  return useCallback(
    async (variables) => {
      const { data, error } = await client.mutation<Data>(document.toString(), variables).toPromise();
      if (error !== undefined) return refused(error);
      if (data === undefined) return { ok: false, code: null, message: text.errors.unreachable, field: null };
      return { ok: true, data };
    },
    [client, document],
  );
}

function refused(error: CombinedError): Refused {
  return { ok: false, code: codeOf(error), message: sentenceOf(error), field: fieldOf(error) };
}

function fieldOf(error: CombinedError): string | null {
  const field = error.graphQLErrors[0]?.extensions['field'];
  return typeof field === 'string' ? field : null;
}

function sentenceOf(error: CombinedError): string {
  const [refusal] = error.graphQLErrors;
  return refusal === undefined ? text.errors.unreachable : refusal.message;
}

import { type CombinedError, createClient, type Client, cacheExchange, fetchExchange, mapExchange } from 'urql';
import { CSRF_HEADER, readSession, signInAgain } from './session.ts';

/**
 * Queries and mutations. The document cache is enough: what a mutation returns is asked for anew wherever it is shown, and
 * nothing about money is shown before the server said so. Live events come by the socket (live/).
 */
export function createApiClient(): Client {
  return createClient({
    url: '/graphql',
    preferGetMethod: false,
    fetchOptions: { headers: CSRF_HEADER, credentials: 'same-origin' },
    exchanges: [
      mapExchange({
        onError(error) {
          if (isUnauthenticated(error)) leave();
        },
      }),
      cacheExchange,
      fetchExchange,
    ],
  });
}

/** The code of the first refusal; null: the server was not reached, or said nothing that we know. */
export function codeOf(error: CombinedError): string | null {
  const code = error.graphQLErrors[0]?.extensions['code'];
  return typeof code === 'string' ? code : null;
}

let leaving = false;

/** Ten queries that fail together lead to the sign-in once. */
export function leave(): void {
  if (leaving) return;
  leaving = true;
  signInAgain({ pathname: location.pathname, search: location.search, assign: (url) => location.assign(url) });
}

/** Asks whether the session still runs, and leaves for the sign-in only when it does not. */
export async function leaveUnlessSignedIn(): Promise<void> {
  const session = await readSession().catch(() => null);
  if (session?.signedIn === false) leave();
}

function isUnauthenticated(error: CombinedError): boolean {
  const { status } = (error.response ?? {}) as { status?: number };
  return status === 401 || codeOf(error) === 'UNAUTHENTICATED';
}

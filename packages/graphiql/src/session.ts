const tokenKey = 'tollgate:token';

/**
 * The bearer token of this browser tab. A sign-in link hands it over in the address's fragment, which never reaches a
 * server or its logs; it is taken out of the address bar at once and kept for as long as the browser tab lives.
 */
export function takeToken(): string | null {
  const fromLink = new URLSearchParams(location.hash.slice(1)).get('token');
  if (fromLink === null || fromLink === '') return sessionStorage.getItem(tokenKey);
  history.replaceState(null, '', location.pathname + location.search);
  // Whoever signs in starts with the prepared tabs, not with what the person before them left behind.
  sessionStorage.clear();
  sessionStorage.setItem(tokenKey, fromLink);
  return fromLink;
}

/** A call that a page of ours hands over to be looked at and sent. */
export interface HandedCall {
  readonly query: string;
  readonly variables: string;
}

/** The call in the address's fragment, which is taken out of the address bar; null: there is none. Nothing is sent by itself. */
export function takeCall(): HandedCall | null {
  const given = new URLSearchParams(location.hash.slice(1));
  const query = given.get('query');
  if (query === null || query === '') return null;
  history.replaceState(null, '', location.pathname + location.search);
  return { query, variables: given.get('variables') ?? '' };
}

/** Sent with what a cookie signs: the server takes no cookie without it. */
export const SESSION_HEADERS = { 'x-tollgate-csrf': '1' } as const;

/** True where the portal is signed in in this browser: what is sent without a token is then sent as that person. */
export async function isSignedIn(): Promise<boolean> {
  const response = await fetch('/session', { headers: { accept: 'application/json' }, cache: 'no-store' });
  if (!response.ok) return false;
  const session = (await response.json()) as { readonly signedIn?: unknown };
  return session.signedIn === true;
}

/**
 * Where GraphiQL keeps its tabs, headers and history: with the token, in the browser tab. In localStorage a bearer token
 * would outlive its session, and old tabs would bury the prepared ones.
 */
export const editorStorage: Storage = sessionStorage;

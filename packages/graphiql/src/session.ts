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

/**
 * Where GraphiQL keeps its tabs, headers and history: with the token, in the browser tab. In localStorage a bearer token
 * would outlive its session, and old tabs would bury the prepared ones.
 */
export const editorStorage: Storage = sessionStorage;

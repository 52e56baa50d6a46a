/** The person who is signed in, as the server's cookie says. The page never sees the token. */
export type Session =
  | { readonly signedIn: false; readonly signInUrl: string }
  | {
      readonly signedIn: true;
      readonly expiresAt: string;
      readonly isOperator: boolean;
      readonly name: string | null;
      readonly localMode: boolean;
    };

/** Without it the server takes no request that a cookie signs: another site's form cannot set a header. */
export const CSRF_HEADER = { 'x-tollgate-csrf': '1' } as const;

/** Asks who is signed in. @throws when the server does not answer */
export async function readSession(): Promise<Session> {
  const response = await fetch('/session', { headers: { accept: 'application/json' }, cache: 'no-store' });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return (await response.json()) as Session;
}

/** Leaves for the sign-in, which leads back to the page that is shown now. */
export function signInAgain({ pathname, search, assign }: Pick<Location, 'pathname' | 'search' | 'assign'>): void {
  assign(`/sign-in?returnTo=${encodeURIComponent(pathname + search)}`);
}

/** Ends the session on the server, then leaves for the sign-in. @throws when the server does not answer: the session goes on */
export async function signOut(): Promise<void> {
  const { ok, status } = await fetch('/sign-out', { method: 'POST', headers: CSRF_HEADER });
  if (ok) location.assign('/sign-in?signedOut');
  // This browser has forgotten the session, but the server could not write down that it is over.
  else if (status === 503) location.assign('/sign-in?signedOut=here');
  else throw new Error(`The server answered ${status}.`);
}

import { SignJWT } from 'jose';
import type { App } from '../../src/app.ts';

export const JWT_SECRET = 'a-secret-of-the-tests-long-enough-for-hs256';

export interface TestApp extends App {
  readonly url: string;
  readonly socketUrl: string;
}

/** A bearer token, good for an hour unless said otherwise. */
export function tokenOf(
  subject: string,
  {
    scope,
    name,
    claims = {},
    expiresInSeconds = 3_600,
  }: { scope?: string; name?: string; claims?: Record<string, unknown>; expiresInSeconds?: number } = {},
): Promise<string> {
  return new SignJWT({ ...claims, ...(scope && { scope }), ...(name && { name }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresInSeconds)
    .sign(new TextEncoder().encode(JWT_SECRET));
}

export interface GraphqlAnswer {
  readonly status: number;
  // The shape is the query's; tests look into it with matchers.
  readonly data: Record<string, never> | null;
  readonly errors: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
}

/** Sends one operation over HTTP. */
export async function send(
  url: string,
  token: string | null,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<GraphqlAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data = null, errors = [] } = (await response.json()) as Partial<GraphqlAnswer>;
  return { status: response.status, data, errors };
}

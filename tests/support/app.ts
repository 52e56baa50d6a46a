import { SignJWT } from 'jose';
import { type App, startApp } from '../../src/app.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/kernel/log.ts';

export const JWT_SECRET = 'a-secret-of-the-tests-long-enough-for-hs256';

export interface TestApp extends App {
  readonly url: string;
  readonly socketUrl: string;
}

/** The whole application on a test database and a free port, as main starts it. Log lines go into `logged`, if given. */
export async function startTestApp(
  databaseUrl: string,
  { env = {}, clock = systemClock, logged }: { env?: Record<string, string>; clock?: Clock; logged?: string[] } = {},
): Promise<TestApp> {
  const config = loadConfig(
    {
      ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
      DATABASE_URL: databaseUrl,
      AUTH_JWT_SECRET: JWT_SECRET,
      PORT: '0',
      LOG_LEVEL: 'silent',
      DEMO: '0',
      ...env,
    },
    'local',
  );
  const log = createLog({
    level: config.logLevel,
    ...(logged && { destination: { write: (line: string) => void logged.push(line) } }),
  });
  const app = await startApp({ config, databaseUrl, auth: config.auth, clock, log });
  return { ...app, url: `http://127.0.0.1:${app.port}/graphql`, socketUrl: `ws://127.0.0.1:${app.port}/graphql` };
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

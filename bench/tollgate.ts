import { SignJWT } from 'jose';
import { randomBytes } from 'node:crypto';
import { type RunningServer, startProjectServer } from './processes.ts';

/** The measured server, with what one needs to talk to it. */
export interface Tollgate {
  readonly server: RunningServer;
  /** Bearer of a SERVICE: consumes for any user. */
  readonly service: string;
  /** Runs one operation as the OPERATOR and returns its data. @throws with the first error. */
  administer<Data>(document: string, variables?: Record<string, unknown>): Promise<Data>;
  /** The same as the SERVICE. */
  serve<Data>(document: string, variables?: Record<string, unknown>): Promise<Data>;
}

/** Starts the built server in production mode on the given database, signing keys and all else made for this run. */
export async function startTollgate(databaseUrl: string): Promise<Tollgate> {
  const secret = randomBytes(32).toString('base64url');
  const issuer = 'https://identity.bench.invalid/';
  const audience = 'tollgate-bench';
  const server = await startProjectServer('start.mjs', 'production', {
    DATABASE_URL: databaseUrl,
    PUBLIC_URL: 'http://127.0.0.1',
    AUTH_JWT_SECRET: secret,
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    // Never called: nothing here goes to Stripe.
    STRIPE_SECRET_KEY: 'sk_test_bench',
    STRIPE_WEBHOOK_SECRET: 'whsec_bench',
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    DEMO: '0',
    LOG_LEVEL: 'warn',
  });

  const authorize = async (subject: string, scope: string): Promise<string> => {
    const token = new SignJWT({ scope }).setProtectedHeader({ alg: 'HS256' }).setSubject(subject).setIssuer(issuer).setAudience(audience);
    return `Bearer ${await token.setIssuedAt().setExpirationTime('12h').sign(new TextEncoder().encode(secret))}`;
  };
  const operator = await authorize('bench-operator', 'billing:operator');
  const service = await authorize('bench-service', 'billing:usage');
  return {
    server,
    service,
    administer: (document, variables) => send(server.port, operator, document, variables),
    serve: (document, variables) => send(server.port, service, document, variables),
  };
}

async function send<Data>(port: number, authorization: string, query: string, variables: Record<string, unknown> = {}): Promise<Data> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(120_000),
  });
  const answer = (await response.json()) as { data?: Data | null; errors?: readonly unknown[] };
  if (answer.errors !== undefined || answer.data === undefined || answer.data === null) {
    throw new Error(`GraphQL: ${JSON.stringify(answer.errors ?? answer).slice(0, 500)}`);
  }
  return answer.data;
}

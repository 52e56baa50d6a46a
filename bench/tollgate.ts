import { SignJWT } from 'jose';
import { randomBytes } from 'node:crypto';
import { type RunningServer, startProjectServer } from './processes.ts';

/** Who may use the measured servers, made anew for each run. */
export interface Identity {
  /** The environment of a server in production mode that trusts this identity. */
  readonly environment: Readonly<Record<string, string>>;
  /** Bearer of a SERVICE: consumes for any user. */
  readonly service: string;
  /** Bearer of an OPERATOR: grants and verifies. */
  readonly operator: string;
}

/** The measured server, with what one needs to talk to it. */
export interface Tollgate {
  readonly server: RunningServer;
  /** Runs one operation as the OPERATOR and returns its data. @throws with the first error. */
  administer<Data>(document: string, variables?: Record<string, unknown>): Promise<Data>;
  /** The same as the SERVICE. */
  serve<Data>(document: string, variables?: Record<string, unknown>): Promise<Data>;
}

/** Makes secrets and tokens. Nothing here reaches an identity provider or Stripe. */
export async function createIdentity(databaseUrl: string): Promise<Identity> {
  const secret = randomBytes(32).toString('base64url');
  const issuer = 'https://identity.bench.invalid/';
  const audience = 'tollgate-bench';
  const authorize = async (subject: string, scope: string): Promise<string> => {
    const token = new SignJWT({ scope })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(subject)
      .setIssuer(issuer)
      .setAudience(audience);
    return `Bearer ${await token.setIssuedAt().setExpirationTime('12h').sign(new TextEncoder().encode(secret))}`;
  };
  return {
    environment: {
      DATABASE_URL: databaseUrl,
      AUTH_JWT_SECRET: secret,
      AUTH_ISSUER: issuer,
      AUTH_AUDIENCE: audience,
      ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
      STRIPE_SECRET_KEY: 'sk_test_bench',
      STRIPE_WEBHOOK_SECRET: 'whsec_bench',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      DEMO: '0',
      LOG_LEVEL: 'warn',
    },
    service: await authorize('bench-service', 'billing:usage'),
    operator: await authorize('bench-operator', 'billing:operator'),
  };
}

/** Starts the built server in production mode (building it first if it is stale). */
export async function startTollgate(identity: Identity): Promise<Tollgate> {
  const server = await startProjectServer(identity.environment);
  return {
    server,
    administer: (document, variables) => send(server.port, identity.operator, document, variables),
    serve: (document, variables) => send(server.port, identity.service, document, variables),
  };
}

async function send<Data>(
  port: number,
  authorization: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Data> {
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

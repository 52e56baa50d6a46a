import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { Config } from '../../src/config/config.ts';
import type { Rights } from '../../src/graphql/request/rights.ts';
import { createAuthenticator } from '../../src/http/authentication.ts';
import type { AuthenticatorOptions } from '../../src/http/authentication.ts';
import type { ReadinessCheck } from '../../src/http/health.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import type { EdgeMetrics } from '../../src/http/metrics.ts';
import { createOwnPageCheck } from '../../src/http/origins.ts';
import { createPrincipals, type EnsureUser } from '../../src/http/principals.ts';
import type { Route } from '../../src/http/route.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import type { EndedSessionStore } from '../../src/http/session-ends.ts';
import { Sessions } from '../../src/http/sessions.ts';
import { type Scheduler, systemScheduler } from '../../src/kernel/scheduler.ts';
import { createLog } from '../../src/kernel/log.ts';
import { Refusal } from '../../src/kernel/refusal.ts';
import { Gate, sampleSchema } from './sample-schema.ts';
import { SampleStreams } from './sample-streams.ts';

/** What sample tokens are signed with. */
export const sampleSecret = 'a secret of the tests, long enough to be one';

/** The edges around the sample schema, listening. */
export interface Edges {
  readonly server: HttpServer;
  readonly port: number;
  readonly sessions: Sessions;
  readonly url: string;
  readonly socketUrl: string;
  readonly gate: Gate;
  readonly streams: SampleStreams;
  readonly metrics: EdgeMetrics;
  readonly logged: string[];
  readonly users: string[];
}

export interface EdgesOptions {
  readonly env?: Record<string, string>;
  readonly config?: Partial<Config>;
  readonly clock?: Clock;
  readonly ensureUser?: EnsureUser;
  readonly authenticateKey?: AuthenticatorOptions['authenticateKey'];
  readonly rights?: Rights;
  readonly scheduler?: Scheduler;
  /** What other processes of the installation share; absent: a store of its own. */
  readonly ended?: EndedSessionStore;
  readonly readiness?: readonly ReadinessCheck[];
  readonly routes?: (sessions: Sessions) => readonly Route[];
}

/** Boots the edges on a free port. Whoever calls drains the server. */
export async function startEdges(options: EdgesOptions = {}): Promise<Edges> {
  const env = {
    PORT: '0',
    AUTH_JWT_SECRET: sampleSecret,
    LOG_LEVEL: 'debug',
    DRAIN_TIMEOUT_MS: '5000',
    ...options.env,
  };
  const config = { ...loadConfig(env, 'local'), ...options.config };
  const clock = options.clock ?? systemClock;
  const logged: string[] = [];
  const log = createLog({ level: config.logLevel, destination: { write: (line: string) => void logged.push(line) } });
  const gate = new Gate();
  const streams = new SampleStreams();
  const metrics = createMetrics({ processMetrics: false });
  const users: string[] = [];
  const ensureUser: EnsureUser = async ({ externalId }) => {
    users.push(externalId);
    return { billingEntityId: `entity of ${externalId}` };
  };
  let listeningPort = 0;
  const sessions = new Sessions({
    config,
    isOwnPage: createOwnPageCheck(config, () => listeningPort),
    principalOf: createPrincipals({
      organizationClaim: config.auth.organizationClaim,
      ensureUser: options.ensureUser ?? ensureUser,
    }),
    ended: options.ended ?? new EndedSessionsInMemory(),
    scheduler: options.scheduler ?? systemScheduler,
    clock,
    log,
  });
  const server = await createHttpServer({
    config,
    log,
    schema: sampleSchema,
    authenticator: createAuthenticator({
      auth: config.auth,
      ensureUser: options.ensureUser ?? ensureUser,
      authenticateKey:
        options.authenticateKey ?? (() => Promise.reject(new Refusal('UNAUTHENTICATED', 'no key is good here'))),
      refusedPeers: {
        most: config.limits.rateLimits.refused,
        windowSeconds: config.limits.rateLimits.windowSeconds,
      },
      clock,
      log,
    }),
    sessions,
    contextFor: (principal, asked) => ({ principal, gate, streams, ...asked }),
    ...(options.rights && { rights: options.rights }),
    ...(options.scheduler && { scheduler: options.scheduler }),
    readiness: options.readiness ?? [],
    routes: options.routes?.(sessions) ?? [],
    metrics,
    clock,
  });
  const { port } = await server.listen();
  listeningPort = port;
  return {
    server,
    port,
    sessions,
    url: `http://127.0.0.1:${port}`,
    socketUrl: `ws://127.0.0.1:${port}/graphql`,
    gate,
    streams,
    metrics,
    logged,
    users,
  };
}

/** The store of sessions that were ended, without a database. */
export class EndedSessionsInMemory implements EndedSessionStore {
  readonly ids = new Set<string>();
  /** What was asked about, question by question. */
  readonly asked: string[][] = [];
  isAway = false;

  async end({ id }: { readonly id: string }): Promise<void> {
    this.#mustBeThere();
    this.ids.add(id);
  }

  async endedAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    this.asked.push([...ids]);
    this.#mustBeThere();
    return new Set(ids.filter((id) => this.ids.has(id)));
  }

  #mustBeThere(): void {
    if (this.isAway) throw new Refusal('UNAVAILABLE', 'The database is away.', { retryAfterMs: 1000 });
  }
}

/** A token of the sample secret: a user's, for an hour, unless told otherwise. */
export function sampleToken(
  claims: Record<string, unknown> = {},
  algorithm = 'HS256',
  secret = sampleSecret,
): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return new SignJWT({ sub: 'ada', exp: nowSeconds + 3600, ...claims })
    .setProtectedHeader({ alg: algorithm })
    .sign(Buffer.from(secret));
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests read answers of many shapes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** POSTs a GraphQL request; the body must come back as JSON. */
export async function post(edges: Edges, request: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${edges.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof request === 'string' ? request : JSON.stringify(request),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** A message of graphql-transport-ws. */
export interface Message {
  readonly type: string;
  readonly id?: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly payload?: any;
}

/** A client that speaks the protocol by hand, so that tests can also break it. */
export class SocketClient {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #opened: Promise<void>;
  #wake: (() => void)[] = [];

  constructor(
    url: string,
    {
      origin,
      protocol = 'graphql-transport-ws',
      headers = {},
    }: { origin?: string; protocol?: string | string[]; headers?: Record<string, string> } = {},
  ) {
    this.socket = new WebSocket(url, protocol, { headers, ...(origin !== undefined && { origin }) });
    this.socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString()) as Message);
      this.#changed();
    });
    this.#opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    this.#opened.catch(() => {});
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.once('close', (code, reason) => {
        resolve({ code, reason: String(reason) });
        this.#changed();
      });
    });
  }

  /** Opens and introduces itself; resolves when the server has acknowledged. */
  async connect(token: string | undefined): Promise<this> {
    await this.opened();
    this.send({ type: 'connection_init', payload: token === undefined ? {} : { authorization: token } });
    await this.next((message) => message.type === 'connection_ack');
    return this;
  }

  opened(): Promise<void> {
    return this.#opened;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables?: Record<string, unknown>): void {
    this.send({ id, type: 'subscribe', payload: { query, ...(variables === undefined ? {} : { variables }) } });
  }

  /** Runs one operation; answers what comes first for it: its result, or its errors. */
  async run(query: string, variables?: Record<string, unknown>): Promise<Message> {
    const id = `run ${Math.random()}`;
    this.subscribe(id, query, variables);
    return this.next((message) => message.id === id);
  }

  /** The first message, past or to come, that fits. */
  async next(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(fits);
      if (found !== undefined) return found;
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('the socket was closed before the message came');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

/** Waits until something holds, however slow the machine is; fails after 20 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

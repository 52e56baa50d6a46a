import { Client } from 'pg';
import type { Logger } from 'pino';
import { backoffMs, type Scheduler } from '../kernel/scheduler.ts';
import type { Transport, TransportListener } from './transport.ts';

const channel = 'tollgate_balance';
/** An answer that takes longer than this counts as a dead connection, in milliseconds. */
const answerTimeoutMs = 5_000;

/**
 * LISTEN and NOTIFY on two connections of their own: a connection that listens must not be lent to anyone, and
 * a NOTIFY inside a ledger transaction would serialise all commits. Needs sessions: a pooler in transaction mode
 * between this process and PostgreSQL swallows LISTEN.
 */
export class PostgresTransport implements Transport {
  readonly #databaseUrl: string;
  readonly #scheduler: Scheduler;
  readonly #log: Logger;
  #listener: TransportListener | null = null;
  #listening: Client | null = null;
  #sending: Promise<Client> | null = null;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;
  #stopped = false;

  constructor(options: { readonly databaseUrl: string; readonly scheduler: Scheduler; readonly log: Logger }) {
    this.#databaseUrl = options.databaseUrl;
    this.#scheduler = options.scheduler;
    this.#log = options.log;
  }

  async start(listener: TransportListener): Promise<void> {
    this.#listener = listener;
    // The first state to send must not wait for a handshake.
    await Promise.all([this.#listen(), this.#sender().catch(() => undefined)]);
  }

  async send(messages: readonly string[]): Promise<void> {
    const connecting = this.#sender();
    const client = await connecting;
    try {
      await client.query({
        name: 'live_notify',
        text: 'SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message',
        values: [channel, messages],
      });
    } catch (error) {
      // After any failure, a late answer too, the next attempt gets a fresh connection.
      if (this.#sending === connecting) this.#sending = null;
      close(client);
      throw error;
    }
  }

  reconnect(): void {
    const client = this.#listening;
    if (client === null) return;
    this.#lost(client, new Error('the listening connection is deaf'));
    close(client);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    const listening = this.#listening;
    const sending = await this.#sending?.catch(() => null);
    this.#listening = null;
    this.#sending = null;
    await Promise.allSettled([listening?.end(), sending?.end()]);
  }

  async #listen(): Promise<void> {
    const client = this.#client('tollgate live listen');
    this.#listening = client;
    client.on('error', (error) => {
      this.#lost(client, error);
    });
    client.on('end', () => {
      this.#lost(client, new Error('the connection ended'));
    });
    client.on('notification', ({ payload }) => {
      if (this.#listening === client) this.#listener?.received(payload ?? '');
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
    } catch (error) {
      this.#lost(client, error);
      close(client);
      return;
    }
    if (this.#listening !== client) return;
    if (this.#failures > 0) this.#log.info('live events: listening again');
    this.#failures = 0;
    this.#listener?.listening();
  }

  #lost(client: Client, error: unknown): void {
    // A connection that breaks says so more than once; only the first time counts.
    if (this.#listening !== client) return;
    this.#listening = null;
    if (this.#stopped) return;
    this.#failures += 1;
    const retryInMs = backoffMs(this.#failures);
    this.#log.warn({ err: error, retryInMs }, 'live events: not listening, will reconnect');
    this.#cancelRetry = this.#scheduler.after(retryInMs, () => {
      void this.#listen();
    });
  }

  /** The sending connection, made when there is none. */
  #sender(): Promise<Client> {
    if (this.#sending !== null) return this.#sending;
    const client = this.#client('tollgate live send');
    const connecting = this.#openSender(client);
    const forget = (): void => {
      if (this.#sending === connecting) this.#sending = null;
    };
    client.on('error', (error) => {
      this.#log.debug({ err: error }, 'live events: the sending connection broke');
      forget();
    });
    client.on('end', forget);
    connecting.catch(() => {
      forget();
      close(client);
    });
    this.#sending = connecting;
    return connecting;
  }

  async #openSender(client: Client): Promise<Client> {
    await client.connect();
    // NOTIFY writes a transaction of its own. Nothing in it needs to survive a crash, so it must not pay for an fsync.
    await client.query('SET synchronous_commit = off');
    return client;
  }

  #client(name: string): Client {
    return new Client({
      connectionString: this.#databaseUrl,
      application_name: name,
      keepAlive: true,
      connectionTimeoutMillis: answerTimeoutMs,
      query_timeout: answerTimeoutMs,
    });
  }
}

/** Lets go of a connection that may already be broken. */
function close(client: Client): void {
  client.end().catch(() => undefined);
}

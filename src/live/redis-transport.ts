import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { backoffMs } from '../kernel/scheduler.ts';
import type { Transport, TransportListener } from './transport.ts';

const channel = 'tollgate_balance';
const answerTimeoutMs = 5_000;

/** Redis publish and subscribe, on two connections. For installations of many processes, whose news would crowd PostgreSQL's one queue. */
export class RedisTransport implements Transport {
  readonly #listening: Redis;
  readonly #sending: Redis;
  readonly #log: Logger;
  #failed = false;

  constructor(options: { readonly redisUrl: string; readonly log: Logger }) {
    this.#log = options.log;
    const settings = {
      lazyConnect: true,
      // A message that cannot be sent now fails at once; the outbox keeps the newest state and tries again.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // Listening again is announced, so it must be done by hand.
      autoResubscribe: false,
      connectTimeout: answerTimeoutMs,
      disconnectTimeout: 200,
      commandTimeout: answerTimeoutMs,
      retryStrategy: backoffMs,
    };
    this.#listening = new Redis(options.redisUrl, { ...settings, connectionName: 'tollgate-live-listen' });
    this.#sending = new Redis(options.redisUrl, { ...settings, connectionName: 'tollgate-live-send' });
  }

  async start(listener: TransportListener): Promise<void> {
    for (const connection of [this.#listening, this.#sending]) {
      connection.on('error', (error: unknown) => {
        this.#log.warn({ err: error }, 'live events: Redis connection broken, will reconnect');
      });
    }
    this.#listening.on('message', (_channel: string, message: string) => {
      listener.received(message);
    });
    const firstAttempt = new Promise<void>((resolve) => {
      this.#listening.once('close', resolve);
      this.#listening.on('ready', () => {
        void this.#subscribe(listener).finally(resolve);
      });
    });
    const connecting = [this.#listening.connect(), this.#sending.connect()];
    // Failures come as events too, and ioredis goes on by itself.
    await Promise.allSettled([firstAttempt, ...connecting.map(async (attempt) => attempt.catch(() => undefined))]);
  }

  async send(messages: readonly string[]): Promise<void> {
    await Promise.all(messages.map((message) => this.#sending.publish(channel, message)));
  }

  reconnect(): void {
    if (this.#listening.status === 'ready') this.#listening.disconnect(true);
  }

  stop(): Promise<void> {
    this.#listening.disconnect();
    this.#sending.disconnect();
    return Promise.resolve();
  }

  async #subscribe(listener: TransportListener): Promise<void> {
    try {
      await this.#listening.subscribe(channel);
    } catch (error) {
      this.#failed = true;
      this.#log.warn({ err: error }, 'live events: could not subscribe, will reconnect');
      if (this.#listening.status === 'ready') this.#listening.disconnect(true);
      return;
    }
    if (this.#failed) this.#log.info('live events: listening again');
    this.#failed = false;
    listener.listening();
  }
}

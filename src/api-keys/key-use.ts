/** When keys were last used, roughly: noted in memory, and written together once a minute, never with the use itself. */
import type { Logger } from 'pino';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../db/database.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';

interface Options {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
}

export class KeyUse {
  readonly #options: Options;
  #noted = new Map<string, ApiKeyRef & { readonly at: Date }>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: Options) {
    this.#options = options;
  }

  /** This key was used now. Costs no statement. */
  note({ billingEntityId, id }: ApiKeyRef): void {
    this.#noted.set(`${billingEntityId} ${id}`, { billingEntityId, id, at: this.#options.clock.now() });
  }

  start(): void {
    const flush = (): void => {
      this.#flushing = this.flush().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'when keys were last used could not be written; it is tried again');
      });
    };
    this.#timer = setInterval(flush, this.#options.intervalMs);
    this.#timer.unref();
  }

  /** Writes what is still noted. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.flush().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'when keys were last used could not be written');
    });
  }

  /** Writes what was noted, in one statement, each key at most once a minute however many processes note its use. */
  async flush(): Promise<void> {
    if (this.#noted.size === 0) return;
    const noted = this.#noted;
    this.#noted = new Map();
    // In order of their ids, so that processes that write the same keys seldom wait for each other crosswise.
    const used = [...noted].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, use]) => use);
    try {
      await this.#options.database.query({
        name: 'use-of-keys',
        text: `update api_key k set last_used_at = u.at
          from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as u(billing_entity_id, id, at)
          where k.billing_entity_id = u.billing_entity_id and k.id = u.id and k.billing_entity_id = any($1)
            and (k.last_used_at is null or k.last_used_at <= u.at - interval '1 minute')`,
        values: [
          used.map(({ billingEntityId }) => billingEntityId),
          used.map(({ id }) => id),
          used.map(({ at }) => at),
        ],
      });
    } catch (error) {
      // What was noted meanwhile is newer.
      this.#noted = new Map([...noted, ...this.#noted]);
      throw error;
    }
  }
}

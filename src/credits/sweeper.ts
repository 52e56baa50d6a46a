/** Tidies what falls due while nobody touches it, so that balances shown follow within ten seconds (rule 11). */
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import type { Clock } from '../clock.ts';
import type { Accounts } from './accounts.ts';

interface Options {
  readonly database: Database;
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
}

const PAGE = 500;

export class Sweeper {
  readonly #options: Options;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    const { intervalMs } = this.#options;
    const next = (): void => {
      this.#sweeping = this.sweep()
        .catch((error: unknown) => this.#options.log.warn({ err: error }, 'sweep failed; it runs again'))
        .then(() => {
          if (this.#timer !== undefined) this.#timer = setTimeout(next, intervalMs);
        });
    };
    this.#timer = setTimeout(next, intervalMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#sweeping;
  }

  /**
   * Advances every account with something due. Found without locks, then each by itself through the write door: another
   * replica that does the same finds nothing left to do.
   */
  async sweep(): Promise<void> {
    const { database, accounts, clock } = this.#options;
    for (;;) {
      const { rows } = await database.query<{ billing_entity_id: string }>(
        `select billing_entity_id from credit_account where due_at <= $1 order by due_at limit $2`,
        [clock.now(), PAGE],
      );
      await Promise.all(rows.map((row) => accounts.advance(row.billing_entity_id)));
      if (rows.length < PAGE) return;
    }
  }
}

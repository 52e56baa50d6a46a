/** Applies scheduled events of accounts that nobody touches, so that balances shown follow within ten seconds (rule 11). */
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import type { Clock } from '../kernel/clock.ts';
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
   * Advances every account whose next scheduled event has come. Accounts are found without locks, and each is advanced by
   * itself through the write door, so that another replica that does the same finds nothing left to do. An account that
   * cannot be advanced keeps no other one waiting.
   */
  async sweep(): Promise<void> {
    const { database, accounts, clock, log } = this.#options;
    const now = clock.now();
    let after = null as AccountToAdvance | null;
    for (;;) {
      const { rows } = await database.query<AccountToAdvance>(
        `select billing_entity_id, due_at from credit_account
         where due_at <= $1 and ($2::timestamptz is null or (due_at, billing_entity_id) > ($2, $3::uuid))
         order by due_at, billing_entity_id limit $4`,
        [now, after?.due_at ?? null, after?.billing_entity_id ?? null, PAGE],
      );
      const advanced = await Promise.allSettled(rows.map((row) => accounts.advance(row.billing_entity_id)));
      advanced.forEach((result, index) => {
        if (result.status === 'fulfilled') return;
        log.error(
          { err: result.reason as unknown, account: rows[index]?.billing_entity_id },
          'scheduled events were not applied',
        );
      });
      if (rows.length < PAGE) return;
      after = rows.at(-1) ?? null;
    }
  }
}

interface AccountToAdvance {
  billing_entity_id: string;
  due_at: Date;
}

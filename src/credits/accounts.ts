/** Accounts as readers see them, with everything due applied. */
import type { Database } from '../db/database.ts';
import type { Clock } from '../clock.ts';
import { type Account, accountTime, applyDue, balanceOf } from './account.ts';
import type { Balance } from './balance.ts';
import type { Ledger } from './ledger.ts';
import {
  ACCOUNT_COLUMNS,
  type AccountRow,
  GRANT_COLUMNS,
  type GrantRow,
  toAccounts,
  toAccountState,
} from './ledger-sql.ts';

interface Options {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

export class Accounts {
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #clock: Clock;

  constructor({ database, ledger, clock }: Options) {
    this.#database = database;
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** Balances of those of these entities that have an account. */
  async balances(ids: readonly string[]): Promise<Map<string, Balance>> {
    const { rows } = await this.#database.query<AccountRow & { due_at: Date | null }>({
      name: 'balances',
      text: `select ${ACCOUNT_COLUMNS}, a.due_at from credit_account a where a.billing_entity_id = any($1::uuid[])`,
      values: [ids],
    });
    const now = this.#clock.now();
    const balances = await Promise.all(
      rows.map(async (row) => {
        if (row.due_at !== null && row.due_at <= now) return this.advance(row.billing_entity_id);
        const account = toAccountState(row);
        return balanceOf(account, row.touched_at > now ? row.touched_at : now);
      }),
    );
    return new Map(balances.map((balance) => [balance.billingEntityId, balance]));
  }

  /** One balance, or null where there is no account. */
  async balance(billingEntityId: string): Promise<Balance | null> {
    return (await this.balances([billingEntityId])).get(billingEntityId) ?? null;
  }

  /** The account as a command would find it now, without its lock; null when there is none. What is decided on it may be outdated at once. */
  async peek(billingEntityId: string): Promise<Account | null> {
    // One statement, so that balance, grants and status are of one moment.
    const { rows } = await this.#database.query<AccountRow & { suspended: boolean; grants: JsonRow[] | null }>({
      name: 'peek',
      text: `select ${ACCOUNT_COLUMNS},
          exists (select from billing_entity b where b.billing_entity_id = $1 and b.suspended_at is not null) as suspended,
          (select jsonb_agg(to_jsonb(open)) from (
            select ${GRANT_COLUMNS} from credit_grant g where g.billing_entity_id = $1 and g.open) open) as grants
        from credit_account a where a.billing_entity_id = $1`,
      values: [billingEntityId],
    });
    const [row] = rows;
    if (row === undefined) return null;
    const account = toAccounts([row], (row.grants ?? []).map(fromJson)).get(billingEntityId) as Account;
    return applyDue(account, accountTime(account, this.#clock.now())).account;
  }

  /** Applies what is due and commits it. */
  async advance(billingEntityId: string): Promise<Balance> {
    const outcome = await this.#ledger.execute({
      kind: 'advance',
      billingEntityId,
      actor: 'system',
      idempotency: null,
    });
    if (outcome.kind !== 'committed') throw new Error(`advancing ${billingEntityId} was ${outcome.kind}`);
    return outcome.balance;
  }
}

/** A row as JSON tells it: with neither bigint nor instants. */
type JsonRow = {
  [Column in keyof GrantRow]: GrantRow[Column] extends bigint
    ? number
    : GrantRow[Column] extends Date
      ? string
      : GrantRow[Column] extends Date | null
        ? string | null
        : GrantRow[Column];
};

/** Amounts stay below 2^53, so JSON's numbers hold them exactly. */
function fromJson(row: JsonRow): GrantRow {
  return {
    ...row,
    amount: BigInt(row.amount),
    remaining: BigInt(row.remaining),
    effective_at: new Date(row.effective_at),
    expires_at: row.expires_at === null ? null : new Date(row.expires_at),
    created_at: new Date(row.created_at),
  };
}

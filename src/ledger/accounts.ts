/** Accounts as readers see them, with all scheduled events applied. */
import type { Database } from '../db/database.ts';
import { FoldedReads } from '../db/folded-reads.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Account, accountTime, balanceOf } from './rules/account.ts';
import type { Balance } from './rules/balance.ts';
import type { ChargedUse, UsageContext } from './rules/usage-context.ts';
import { applyScheduled } from './rules/scheduled-events.ts';
import type { Ledger } from './ledger.ts';
import { unlessRejected } from './outcome.ts';
import { newId } from './store/new-id.ts';
import { MOST_DUE_RESERVATIONS } from './store/load-statements.ts';
import { loadUsageContexts, nameOfUse, type UsageContexts } from './store/usage-context.ts';
import {
  ACCOUNT_COLUMNS,
  type AccountRow,
  GRANT_COLUMNS,
  type GrantRow,
  RESERVATION_COLUMNS,
  type ReservationRow,
  toAccount,
  toAccountState,
  toGrant,
  toReservation,
} from './store/tables.ts';

interface Options {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

export class Accounts {
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #balances: FoldedReads<string, BalanceRow | null>;
  readonly #peeked: FoldedReads<string, Peeked | null>;
  readonly #usageContexts: FoldedReads<ChargedUse, UsageContexts>;

  constructor({ database, ledger, clock }: Options) {
    this.#database = database;
    this.#ledger = ledger;
    this.#clock = clock;
    const nameOf = (id: string): string => id;
    this.#balances = new FoldedReads({ read: (ids) => this.#readBalances(ids), nameOf });
    this.#peeked = new FoldedReads({ read: (ids) => this.#readAccounts(ids), nameOf });
    this.#usageContexts = new FoldedReads<ChargedUse, UsageContexts>({
      read: (uses) => this.#readUsageContexts(uses),
      nameOf: nameOfUse,
    });
  }

  /** Balances of the entities that have an account. An account whose scheduled events cannot be applied has an error in its place. */
  async balances(ids: readonly string[]): Promise<Map<string, Balance | Error>> {
    const rows = (await this.#balances.askAll(ids)).filter((row) => row !== null);
    const now = this.#clock.now();
    const balances = await Promise.all(
      rows.map(async (row) => {
        const id = row.billing_entity_id;
        if (row.due_at !== null && row.due_at <= now) return [id, await this.advance(id).catch(toError)] as const;
        const account = toAccountState(row);
        return [id, balanceOf(account, row.touched_at > now ? row.touched_at : now)] as const;
      }),
    );
    return new Map(balances);
  }

  /** The balance of one account; null: there is no such account. */
  async balance(billingEntityId: string): Promise<Balance | null> {
    const balance = (await this.balances([billingEntityId])).get(billingEntityId) ?? null;
    if (balance instanceof Error) throw balance;
    return balance;
  }

  /**
   * The paying account and the usage context as a command would find them now, but without the lock: a decision on them
   * may be outdated at once.
   */
  async peekUse(use: ChargedUse): Promise<{ account: Account; usageContext: UsageContext; now: Date }> {
    const [account, usageContexts] = await Promise.all([this.peek(use.billingEntityId), this.#usageContexts.ask(use)]);
    if (account === null) throw new Error(`billing entity ${use.billingEntityId} has no account`);
    const wallClock = this.#clock.now();
    return { account, usageContext: usageContexts.of(use, wallClock), now: accountTime(account, wallClock) };
  }

  /** The account as a command would find it now, but without the lock; null: there is no such account. */
  async peek(billingEntityId: string): Promise<Account | null> {
    const peeked = await this.#peeked.ask(billingEntityId);
    if (peeked === null) return null;
    const { account, hasMoreDue, now } = peeked;
    if (hasMoreDue) {
      // More reservations may have expired than are read at once, so their end is committed first.
      await this.advance(billingEntityId);
      return this.peek(billingEntityId);
    }
    return applyScheduled(account, accountTime(account, now), newId).account;
  }

  /** Applies scheduled events and commits them. @throws Refusal NOT_FOUND, UNAVAILABLE */
  async advance(billingEntityId: string): Promise<Balance> {
    const advance = { kind: 'advance', billingEntityId, actor: 'system', idempotency: null } as const;
    return unlessRejected(await this.#ledger.submit(advance)).balance;
  }

  async #readBalances(ids: readonly string[]): Promise<(BalanceRow | null)[]> {
    const { rows } = await this.#database.query<BalanceRow>({
      name: 'balances',
      text: `select ${ACCOUNT_COLUMNS}, a.due_at from credit_account a where a.billing_entity_id = any($1::uuid[])`,
      values: [ids],
    });
    const found = new Map(rows.map((row) => [row.billing_entity_id, row]));
    return ids.map((id) => found.get(id) ?? null);
  }

  async #readAccounts(ids: readonly string[]): Promise<(Peeked | null)[]> {
    const now = this.#clock.now();
    // One statement, so that balance, grants, reservations and suspension are of one moment.
    const { rows } = await this.#database.query<PeekRow>({
      name: 'peek',
      text: `select ${ACCOUNT_COLUMNS},
          exists (select from billing_entity b
            where b.billing_entity_id = a.billing_entity_id and b.billing_entity_id = any($1) and b.suspended_at is not null) as suspended,
          (select jsonb_agg(to_jsonb(open)) from (
            select ${GRANT_COLUMNS} from credit_grant g
            where g.billing_entity_id = a.billing_entity_id and g.billing_entity_id = any($1) and g.open) open) as grants,
          (select jsonb_agg(to_jsonb(expired)) from (
            select ${RESERVATION_COLUMNS} from reservation h
            where h.billing_entity_id = a.billing_entity_id and h.billing_entity_id = any($1) and h.open and h.expires_at <= greatest($2::timestamptz, a.touched_at)
            order by h.expires_at limit ${MOST_DUE_RESERVATIONS}) expired) as reservations
        from credit_account a where a.billing_entity_id = any($1::uuid[])`,
      values: [ids, now],
    });
    const found = new Map(rows.map((row) => [row.billing_entity_id, row]));
    return ids.map((id) => {
      const row = found.get(id);
      return row === undefined ? null : toPeeked(row, now);
    });
  }

  async #readUsageContexts(uses: readonly ChargedUse[]): Promise<UsageContexts[]> {
    const contexts = await loadUsageContexts(uses, (statement) => this.#database.query(statement));
    return uses.map(() => contexts);
  }
}

/** The account as it was read, scheduled events not yet applied. */
interface Peeked {
  readonly account: Account;
  /** True where more reservations may have expired than were read. */
  readonly hasMoreDue: boolean;
  readonly now: Date;
}

function toPeeked(row: PeekRow, now: Date): Peeked {
  const grants = (row.grants ?? []).map((each) => toGrant(fromJson(each) as unknown as GrantRow));
  const reservations = (row.reservations ?? []).map((each) =>
    toReservation(fromJson(each) as unknown as ReservationRow),
  );
  return {
    account: { ...toAccount(row, grants, reservations), otherReservationsEndAt: null },
    hasMoreDue: reservations.length === MOST_DUE_RESERVATIONS,
    now,
  };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

type JsonRow = Readonly<Record<string, unknown>>;
type BalanceRow = AccountRow & { due_at: Date | null };
type PeekRow = AccountRow & { suspended: boolean; grants: JsonRow[] | null; reservations: JsonRow[] | null };

/** Amounts stay below 2^53, so numbers of JSON are exact. Every number but `priority` is an amount. */
function fromJson(row: JsonRow): JsonRow {
  const values = Object.entries(row).map(([column, value]) => {
    if (typeof value === 'number' && column !== 'priority') return [column, BigInt(value)];
    return [column, typeof value === 'string' && column.endsWith('_at') ? new Date(value) : value];
  });
  return Object.fromEntries(values) as JsonRow;
}

/** Streams an account's ledger through the verifier, on one snapshot and at constant memory. */
import type { PoolClient } from 'pg';
import type { Database } from '../db/database.ts';
import { Refusal } from '../refusal.ts';
import { type RecordRow, RECORD_COLUMNS, toRecord } from '../usage/usage-record-row.ts';
import type { UsageRecord } from './account.ts';
import { ENTRY_COLUMNS, type EntryRow, toEntry } from './history.ts';
import {
  ACCOUNT_COLUMNS,
  type AccountRow,
  GRANT_COLUMNS,
  type GrantRow,
  toAccountState,
  toGrant,
} from './ledger-sql.ts';
import { type Verification, Verifier } from './verifier.ts';

const PAGE = 2_000;

export class LedgerVerification {
  readonly #database: Database;
  readonly #running = new Map<string, Promise<Verification>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Recomputes the account from its ledger and compares. Who asks while it runs shares the answer. @throws Refusal NOT_FOUND */
  verify(billingEntityId: string): Promise<Verification> {
    const running = this.#running.get(billingEntityId);
    if (running !== undefined) return running;
    const started = this.#database
      .onSnapshot((client) => verifyOn(client, billingEntityId))
      .finally(() => this.#running.delete(billingEntityId));
    this.#running.set(billingEntityId, started);
    return started;
  }
}

async function verifyOn(client: PoolClient, billingEntityId: string): Promise<Verification> {
  const accounts = await client.query<AccountRow>(
    `select ${ACCOUNT_COLUMNS} from credit_account a where a.billing_entity_id = $1`,
    [billingEntityId],
  );
  const [row] = accounts.rows;
  if (row === undefined) throw new Refusal('NOT_FOUND', 'there is no such billing entity');

  const verifier = new Verifier(toAccountState(row));
  for (let after = 0n; ;) {
    const entries = await client.query<EntryRow>(
      `select ${ENTRY_COLUMNS} from ledger_entry e
       where e.billing_entity_id = $1 and e.sequence > $2 order by e.sequence limit $3`,
      [billingEntityId, after, PAGE],
    );
    const through = entries.rows.length < PAGE ? null : (entries.rows.at(-1) as EntryRow).sequence;
    const records = await client.query<RecordRow>(
      `select ${RECORD_COLUMNS} from usage_record u
       where u.billing_entity_id = $1 and u.sequence > $2 and ($3::bigint is null or u.sequence <= $3)
       order by u.sequence, u.line`,
      [billingEntityId, after, through],
    );
    const recordsOf = Map.groupBy(records.rows.map(toRecord), (record) => record.sequence);
    for (const entry of entries.rows.map(toEntry)) {
      verifier.entry(entry, recordsOf.get(entry.sequence) ?? []);
      recordsOf.delete(entry.sequence);
    }
    for (const orphans of recordsOf.values()) orphans.forEach((record: UsageRecord) => verifier.orphan(record));
    if (through === null) break;
    after = through;
  }

  const grants = await client.query<GrantRow>(
    `select ${GRANT_COLUMNS} from credit_grant g where g.billing_entity_id = $1`,
    [billingEntityId],
  );
  return verifier.finish(grants.rows.map(toGrant));
}

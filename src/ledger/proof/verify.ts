/** Streams an account's ledger through the replay, on one snapshot and at constant memory. */
import type { PoolClient } from 'pg';
import type { Database } from '../../db/database.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { NIL_UUID } from '../../kernel/nil-uuid.ts';
import {
  ACCOUNT_COLUMNS,
  accountChecksum,
  type AccountRow,
  COUNTER_COLUMNS,
  type CounterRow,
  ENTRY_COLUMNS,
  entryChecksum,
  type EntryRow,
  GRANT_COLUMNS,
  grantChecksum,
  type GrantRow,
  RECORD_COLUMNS,
  recordChecksum,
  type RecordRow,
  refundChecksum,
  REPORT_COLUMNS,
  reportChecksum,
  type ReportRow,
  RESERVATION_COLUMNS,
  reservationChecksum,
  type ReservationRow,
  toAccount,
  toCounter,
  toEntry,
  toGrant,
  toRecord,
  toReport,
  toReservation,
} from '../store/tables.ts';
import { nextEventAt } from '../rules/account.ts';
import type { Verification } from './findings.ts';
import { AlertReader } from './read-alerts.ts';
import { type Checked, read, readable, stored } from './read.ts';
import type { RefundRows } from './refund-replay.ts';
import { type EntryRows, Replay } from './replay.ts';
import { rollupProblems } from './summaries.ts';
import type { RecordKey, UsageRecord, UsageRefund } from '../rules/entries.ts';

const PAGE = 2_000;
const MAX_BEHIND = 100;

/** The watch over a verification, and the means to end it. */
export interface VerificationWatch {
  /** Told of each page of entries that was read. A page is told of again when its connection broke. */
  readonly onEntries?: (count: number) => void;
  /** Ends the verification between two pages, with the signal's reason. */
  readonly stopping?: AbortSignal;
}

export class LedgerVerification {
  readonly #database: Database;
  readonly #running = new Map<string, Promise<Verification>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Recomputes the account from its ledger and compares. Who asks while it runs shares the answer, and the watch of who
   * asked first.
   * @throws Refusal NOT_FOUND
   */
  verify(billingEntityId: string, watch: VerificationWatch = {}): Promise<Verification> {
    const running = this.#running.get(billingEntityId);
    if (running !== undefined) return running;
    const started = this.#database
      .onSnapshot((client) => verifyOn(client, billingEntityId, watch))
      .finally(() => this.#running.delete(billingEntityId));
    this.#running.set(billingEntityId, started);
    return started;
  }

  /** The amount to read: of these accounts, or (null) of all. */
  async extent(billingEntityIds: readonly string[] | null): Promise<{ accounts: bigint; entries: bigint }> {
    const { rows } = await this.#database.query<{ accounts: bigint; entries: bigint }>(
      `select count(*) as accounts, coalesce(sum(sequence), 0)::bigint as entries from credit_account
       where $1::uuid[] is null or billing_entity_id = any ($1)`,
      [billingEntityIds],
    );
    return rows[0] ?? { accounts: 0n, entries: 0n };
  }

  /** Every account there is, in the order of their ids, a page at a time. */
  async *accounts(): AsyncGenerator<string, void, undefined> {
    for (let after = NIL_UUID; ;) {
      const { rows } = await this.#database.query<{ billing_entity_id: string }>(
        `select billing_entity_id from credit_account where billing_entity_id > $1 order by billing_entity_id limit $2`,
        [after, PAGE],
      );
      for (const row of rows) yield row.billing_entity_id;
      if (rows.length < PAGE) return;
      after = (rows.at(-1) as { billing_entity_id: string }).billing_entity_id;
    }
  }
}

async function verifyOn(
  client: PoolClient,
  billingEntityId: string,
  { onEntries, stopping }: VerificationWatch,
): Promise<Verification> {
  const [account] = await read<AccountRow & Checked & { due_at: Date | null }>(
    client,
    `select ${ACCOUNT_COLUMNS}, a.due_at, a.checksum from credit_account a where a.billing_entity_id = $1`,
    [billingEntityId],
  );
  if (account === undefined) throw new Refusal('NOT_FOUND', 'there is no such billing entity');

  // A hot account's day of summaries may take longer than a page may.
  await client.query(`set local statement_timeout = '15min'`);
  const replay = new Replay({ checksummedFrom: account.sealed_from });
  const alerts = new AlertReader(client, billingEntityId);
  let after = 0n;
  stopping?.throwIfAborted();
  for (;;) {
    const entries = await read<EntryRow & Checked>(
      client,
      `select ${ENTRY_COLUMNS}, e.checksum from ledger_entry e
       where e.billing_entity_id = $1 and e.sequence > $2 order by e.sequence limit $3`,
      [billingEntityId, after, PAGE],
    );
    const through = entries.at(-1)?.sequence ?? after;
    await alerts.read(replay, entries.length < PAGE ? null : through);
    const namedBy = await readNamed(client, billingEntityId, entries, { after, through });
    for (const name of namedBy.unreadable) replay.unreadable(name);
    for (const row of entries) {
      const rows = readable(row, namedBy);
      if (rows === null) replay.unreadable(`entry ${row.sequence}`);
      else replay.entry(rows);
    }
    for (const orphan of namedBy.orphans()) replay.orphan(orphan);
    after = through;
    onEntries?.(entries.length);
    stopping?.throwIfAborted();
    if (entries.length < PAGE) break;
  }
  for (const orphan of await readBehind(client, billingEntityId, after)) replay.orphan(orphan);

  const grants = await read<GrantRow & Checked>(
    client,
    `select ${GRANT_COLUMNS}, g.checksum from credit_grant g where g.billing_entity_id = $1`,
    [billingEntityId],
  );
  const readableGrants = grants.flatMap((row) => readable(row, toGrant) ?? []);
  const openReservations = await read<ReservationRow>(
    client,
    `select ${RESERVATION_COLUMNS} from reservation h where h.billing_entity_id = $1 and h.open`,
    [billingEntityId],
  );
  const reports = await read<ReportRow & Checked>(
    client,
    `select ${REPORT_COLUMNS}, m.checksum from meter_report m where m.billing_entity_id = $1`,
    [billingEntityId],
  );
  const [counts] = await read<{ reservations: bigint; refunds: bigint }>(
    client,
    `select (select count(*) from reservation where billing_entity_id = $1) as reservations,
       (select count(*) from usage_refund where billing_entity_id = $1) as refunds`,
    [billingEntityId],
  );
  const state = readable(account, (row) => toAccount({ ...row, suspended: false }, readableGrants));
  if (state === null) {
    replay.unreadable('account');
    return replay.result();
  }
  return replay.finish({
    account: stored(state, account, accountChecksum),
    nextEventAt: { stored: account.due_at, rebuilt: nextEventAt(state) },
    grants: grants.flatMap((row) => {
      const grant = readable(row, toGrant);
      return grant === null ? [] : [stored(grant, row, grantChecksum)];
    }),
    openReservations: openReservations.map(toReservation),
    reservationCount: counts?.reservations ?? 0n,
    refundCount: counts?.refunds ?? 0n,
    reports: reports.flatMap((row) => {
      const report = readable(row, toReport);
      if (report === null) replay.unreadable(`report ${row.id}`);
      return report === null ? [] : [stored(report, row, reportChecksum)];
    }),
    counters: (await read<CounterRow>(client, COUNTERS, [billingEntityId])).map(toCounter),
    rollupProblems: await rollupProblems(client, billingEntityId),
  });
}

const COUNTERS = `select ${COUNTER_COLUMNS} from use_counter c where c.billing_entity_id = $1`;

/** The rows that a page of entries names, by entry; and records of that page which no entry names. */
async function readNamed(
  client: PoolClient,
  billingEntityId: string,
  entries: readonly (EntryRow & Checked)[],
  { after, through }: { readonly after: bigint; readonly through: bigint },
): Promise<((row: EntryRow & Checked) => EntryRows) & { unreadable: string[]; orphans: () => Iterable<UsageRecord> }> {
  const records = await read<RecordRow & Checked>(
    client,
    `select ${RECORD_COLUMNS}, u.checksum from usage_record u
     where u.billing_entity_id = $1 and u.sequence > $2 and u.sequence <= $3 order by u.sequence, u.line`,
    [billingEntityId, after, through],
  );
  const unreadable: string[] = [];
  const readableRecords = records.flatMap((row) => {
    const record = readable(row, toRecord);
    if (record === null) unreadable.push(`record ${row.sequence}/${row.line}`);
    return record === null ? [] : [stored(record, row, recordChecksum)];
  });
  const recordsOf = Map.groupBy(readableRecords, ({ row }) => row.sequence);
  const holdIds = entries.flatMap((row) => row.reservation_id ?? []);
  const reservations = await read<ReservationRow & Checked>(
    client,
    `select ${RESERVATION_COLUMNS}, h.checksum from reservation h where h.billing_entity_id = $1 and h.id = any($2::uuid[])`,
    [billingEntityId, holdIds],
  );
  const holdOf = new Map(reservations.map((row) => [row.id, stored(toReservation(row), row, reservationChecksum)]));
  const refundOf = await readRefunds(client, billingEntityId, entries);

  const namedBy = (row: EntryRow & Checked): EntryRows => {
    const entry = stored(toEntry(row), row, entryChecksum);
    const { sequence, reservationId } = entry.row;
    const own = recordsOf.get(sequence) ?? [];
    recordsOf.delete(sequence);
    return {
      entry,
      records: own,
      reservation: (reservationId === null ? null : holdOf.get(reservationId)) ?? null,
      refund: refundOf.get(sequence) ?? null,
    };
  };
  const orphans = (): Iterable<UsageRecord> => [...recordsOf.values()].flat().map(({ row }) => row);
  return Object.assign(namedBy, { unreadable, orphans });
}

/** Records behind the last entry: the first of them tell enough. */
function readBehind(client: PoolClient, billingEntityId: string, sequence: bigint): Promise<RecordKey[]> {
  return read<{ sequence: bigint; line: number }>(
    client,
    `select u.sequence, u.line from usage_record u
     where u.billing_entity_id = $1 and u.sequence > $2 order by u.sequence, u.line limit ${MAX_BEHIND}`,
    [billingEntityId, sequence],
  );
}

interface RefundRow extends RecordRow, Checked {
  refunded_at: Date;
  refund_sequence: bigint;
  refunded_credits: bigint | null;
  credits_before: bigint;
  refunded_before: bigint;
  period_start: Date;
}

/** The refunds that begin in a page of entries, by the entry that they begin with. */
async function readRefunds(
  client: PoolClient,
  billingEntityId: string,
  entries: readonly EntryRow[],
): Promise<Map<bigint, RefundRows>> {
  const refunding = entries.flatMap((row) => (row.refunded_sequence === null ? [] : row.sequence));
  if (refunding.length === 0) return new Map();
  // The part before it is one probe, so that a record of thousands of parts is read in as many.
  const rows = await read<RefundRow>(
    client,
    `select ${RECORD_COLUMNS}, f.refunded_at, f.refund_sequence, f.credits as refunded_credits, f.credits_before, f.checksum,
       coalesce(b.through, 0) as refunded_before, e.period_start
     from unnest($2::bigint[]) as k(sequence)
     join usage_refund f on f.billing_entity_id = $1 and f.refund_sequence = k.sequence
     join usage_record u on u.billing_entity_id = $1 and u.sequence = f.sequence and u.line = f.line
     join ledger_entry e on e.billing_entity_id = $1 and e.sequence = f.sequence
     left join lateral (
       select p.credits_before + coalesce(p.credits, u.credits) as through from usage_refund p
       where p.billing_entity_id = $1 and p.sequence = f.sequence and p.line = f.line and p.credits_before < f.credits_before
       order by p.credits_before desc limit 1
     ) b on true`,
    [billingEntityId, refunding],
  );
  return new Map(
    rows.flatMap((row) => {
      const record = readable(row, toRecord);
      if (record === null) return [];
      const refund: UsageRefund = {
        billingEntityId,
        sequence: record.sequence,
        line: record.line,
        refundedAt: row.refunded_at,
        refundSequence: row.refund_sequence,
        credits: row.refunded_credits,
        creditsBefore: row.credits_before,
      };
      const { period_start: periodStart, refunded_before: refundedBefore } = row;
      const rows = { refund: stored(refund, row, refundChecksum), record, periodStart, refundedBefore };
      return [[row.refund_sequence, rows] as const];
    }),
  );
}

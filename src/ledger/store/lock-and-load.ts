/** The beginning of a ledger transaction: it locks the accounts and loads everything that deciding needs. */
import type { ClientBase, QueryResult } from 'pg';
import { arrayLiteral } from '../../db/array-literal.ts';
import { useLockOf } from './organization-lock.ts';
import {
  type AccountRow,
  type GrantRow,
  type RecordRow,
  type ReportRow,
  type ReservationRow,
  reportChecksum,
  toAccount,
  toGrant,
  toRecord,
  toReport,
  toReservation,
} from './tables.ts';
import { type Account, accountTime } from '../rules/account.ts';
import { type Alert, crossingOfInvoice } from '../rules/alerts.ts';
import { accountsOfKey, type Command, touchedBy } from '../rules/commands.ts';
import type { ChargedUse } from '../rules/usage-context.ts';
import type { RefundEvidence, StoredReport } from '../rules/ledger-view.ts';
import { byDrawdownOrder } from '../rules/grants.ts';
import type { Reservation } from '../rules/reservations.ts';
import type { EarlierEffects } from '../rules/answered-again.ts';
import { type KnownKey, loadEarlierEffects } from './earlier-effects.ts';
import { newId } from './new-id.ts';
import { basesToCome } from '../rules/period-close.ts';
import {
  type LimitedReservationRow,
  limitsOfReservations,
  loadUsageContexts,
  type UsageContexts,
} from './usage-context.ts';
import {
  CLOSED_BRANCHES,
  DUE_RESERVATIONS,
  GRANTS,
  KEYS,
  LATER_RESERVATIONS,
  LOCK,
  MOST_DUE_RESERVATIONS,
  NAMED_GRANTS,
  NAMED_RESERVATIONS,
  NAMED_REPORTS,
  RAISED,
  RECIPIENTS,
  REFUND_GRANTS,
  REFUND_RECORDS,
} from './load-statements.ts';
import { askNamedModels, type NamedModelsLoaded } from './named-models.ts';
import { all, scopeOf } from './statements.ts';
import type { RecordKey } from '../rules/entries.ts';

/** A way that credits of a root took from one account to another. */
export interface Passage {
  readonly billingEntityId: string;
  readonly rootGrantId: string;
  readonly recipientId: string;
}

interface RaisedRow {
  billing_entity_id: string;
  crossing: string;
}

interface RecipientRow {
  billing_entity_id: string;
  root_grant_id: string;
  counterparty_id: string;
}

/** Everything that a transaction finds under its locks. */
export interface Loaded {
  readonly accounts: Map<string, Account>;
  /** The stamp of each; null: it has none yet. */
  readonly stamps: ReadonlyMap<string, string | null>;
  readonly earlierEffects: EarlierEffects;
  /** Records that are to be refunded. */
  readonly refunds: readonly RefundEvidence[];
  /** Ways that credits took which are to be clawed back. */
  readonly passages: readonly Passage[];
  /** Reports whose deliveries are to be noted. */
  readonly reports: readonly StoredReport[];
  /** Crossings of alerts that were raised before, of those that commands name. */
  readonly raised: readonly Pick<Alert, 'billingEntityId' | 'crossing'>[];
  /** The state of those whom use names besides the payer. */
  readonly usageContext: UsageContexts;
  readonly namedModels: NamedModelsLoaded;
}

/** Begins a transaction, locks every account that the commands touch, and loads what they ask about: one round trip (the connection pipelines). */
export async function lockAndLoad(client: ClientBase, commands: readonly Command[], now: Date): Promise<Loaded> {
  const ids = [...new Set(commands.flatMap(touchedBy))].sort();
  const { scope, entities } = scopeOf(ids);
  const uses = commands.filter((command) => command.kind === 'consume' || command.kind === 'reserve');
  const [
    ,
    locked,
    grants,
    keys,
    reservations,
    records,
    drawnGrants,
    branches,
    recipients,
    reports,
    raised,
    usageContext,
    namedModels,
  ] = await all([
    client.query(beginSharing(uses)),
    client.query<AccountRow & { suspended: boolean; stamp: string | null }>({ ...LOCK[scope], values: [entities] }),
    client.query<GrantRow>({ ...GRANTS[scope], values: [entities] }),
    askKeys(client, commands),
    ask<ReservationRow & LimitedReservationRow>(
      client,
      NAMED_RESERVATIONS[scope],
      entities,
      namedReservations(commands),
    ),
    ask<RecordRow & { period_start: Date; refunded_credits: bigint | null }>(
      client,
      REFUND_RECORDS[scope],
      entities,
      refundedRecords(commands),
    ),
    ask<GrantRow>(client, REFUND_GRANTS[scope], entities, refundedRecords(commands)),
    ask<GrantRow>(client, CLOSED_BRANCHES[scope], entities, clawedGrants(commands)),
    ask<RecipientRow>(client, RECIPIENTS[scope], entities, clawedGrants(commands)),
    ask<ReportRow & { checksum: Buffer }>(client, NAMED_REPORTS[scope], entities, deliveredReports(commands)),
    ask<RaisedRow>(client, RAISED[scope], entities, failedInvoices(commands)),
    loadUsageContexts(uses, (statement) => client.query(statement)),
    askNamedModels(client, commands, now),
  ]);

  const closed = new Map([...(drawnGrants?.rows ?? []), ...(branches?.rows ?? [])].map((row) => [row.id, row]));
  const grantsOf = Map.groupBy([...grants.rows, ...closed.values()].map(toGrant), (grant) => grant.billingEntityId);
  const holdsOf = Map.groupBy(
    (reservations?.rows ?? []).map(toReservation),
    (reservation) => reservation.billingEntityId,
  );
  const accounts = new Map(
    locked.rows.map((row) => {
      const id = row.billing_entity_id;
      return [id, toAccount(row, grantsOf.get(id) ?? [], holdsOf.get(id))] as const;
    }),
  );
  usageContext.add(limitsOfReservations(reservations?.rows ?? []));
  // The reservations name whose state counts. Only a settlement that must fit asks for it.
  const settled = settledByOwners(commands, accounts);
  const [earlierEffects, contextOfSettled] = await all([
    loadEarlierEffects(client, commands, keys),
    settled.length === 0 ? null : loadUsageContexts(settled, (statement) => client.query(statement)),
  ]);
  if (contextOfSettled !== null) usageContext.add(contextOfSettled);
  return {
    accounts,
    stamps: new Map(locked.rows.map((row) => [row.billing_entity_id, row.stamp])),
    earlierEffects,
    passages: (recipients?.rows ?? []).map((row) => ({
      billingEntityId: row.billing_entity_id,
      rootGrantId: row.root_grant_id,
      recipientId: row.counterparty_id,
    })),
    reports: (reports?.rows ?? []).map(toStoredReport),
    raised: (raised?.rows ?? []).map((row) => ({ billingEntityId: row.billing_entity_id, crossing: row.crossing })),
    refunds: (records?.rows ?? []).map((row) => ({
      record: toRecord(row),
      periodStart: row.period_start,
      refundedCredits: row.refunded_credits,
    })),
    usageContext,
    namedModels,
  };
}

/** Accounts with the base grants that deciding may be about to make and that are there already. Seldom: at a turn, or by a sync. */
export async function loadGivenBases(
  client: ClientBase,
  accounts: Map<string, Account>,
  commands: readonly Command[],
  wallClock: Date,
): Promise<void> {
  const bases = [...accounts.values()].flatMap((account) => {
    const own = commands.flatMap((command) =>
      command.kind === 'subscription' && command.billingEntityId === account.billingEntityId ? [command] : [],
    );
    return basesToCome(account, own, { now: accountTime(account, wallClock), newId });
  });
  if (bases.length === 0) return;
  const { scope, entities } = scopeOf([...accounts.keys()]);
  const { rows } = await client.query<GrantRow>({ ...NAMED_GRANTS[scope], values: [entities, arrayLiteral(bases)] });
  for (const grant of rows.map(toGrant)) {
    const account = accounts.get(grant.billingEntityId);
    if (account === undefined || account.grants.some(({ id }) => id === grant.id)) continue;
    accounts.set(grant.billingEntityId, { ...account, grants: [...account.grants, grant].sort(byDrawdownOrder) });
  }
}

/** The accounts among these in which holds may have ended, with those holds. Seldom: then it is a round trip of its own. */
export async function loadDueReservations(
  client: ClientBase,
  accounts: readonly Account[],
  wallClock: Date,
): Promise<Account[]> {
  const affected = accounts.filter(
    (account) => account.nextReservationAt !== null && account.nextReservationAt <= accountTime(account, wallClock),
  );
  if (affected.length === 0) return [];
  const { scope, entities } = scopeOf(affected.map((account) => account.billingEntityId));
  // An account's own time may be ahead of the clock: whatever may be due on any of them is loaded.
  const until = new Date(Math.max(...affected.map((account) => accountTime(account, wallClock).getTime())));
  const [due, later] = await all([
    client.query<ReservationRow>({ ...DUE_RESERVATIONS[scope], values: [entities, until] }),
    client.query<{ billing_entity_id: string; ends_at: Date }>({
      ...LATER_RESERVATIONS[scope],
      values: [entities, until],
    }),
  ]);
  const dueOf = Map.groupBy(due.rows.map(toReservation), (reservation) => reservation.billingEntityId);
  const laterOf = new Map(later.rows.map((row) => [row.billing_entity_id, row.ends_at]));
  return affected.map((account) => {
    const id = account.billingEntityId;
    const ended = dueOf.get(id) ?? [];
    const reservations = ended
      .slice(0, MOST_DUE_RESERVATIONS)
      .map((reservation) => [reservation.id, reservation] as const);
    return {
      ...account,
      reservations: new Map([...account.reservations, ...reservations]),
      otherReservationsEndAt: ended[MOST_DUE_RESERVATIONS]?.expiresAt ?? laterOf.get(id) ?? null,
    };
  });
}

/** Asks only where there is something to ask: a statement costs a lone command more than its rows do. */
function ask<Row extends object>(
  client: ClientBase,
  statement: { name: string; text: string },
  entities: string,
  columns: readonly string[] | null,
): Promise<QueryResult<Row>> | null {
  return columns === null ? null : client.query<Row>({ ...statement, values: [entities, ...columns] });
}

/**
 * Begins, and shares the locks of the organizations in which there is use: taken before any account's, so that nobody who
 * holds an account waits for them.
 */
function beginSharing(uses: readonly ChargedUse[]): string {
  const locks = new Set(
    uses.flatMap(({ organizationId }) => (organizationId === null ? [] : useLockOf(organizationId))),
  );
  const inOrder = [...locks].sort((a, b) => (a < b ? -1 : 1));
  return ['begin', ...inOrder.map((lock) => `select pg_advisory_xact_lock_shared(${lock})`)].join('; ');
}

interface KeyRow {
  billing_entity_id: string;
  key: string;
  sequence: bigint;
  fingerprint: Buffer;
  actor: string;
}

/**
 * Keys are asked for under every account that they could have been charged to (rule 20). A few accounts are asked each
 * by itself: of several at once, as long as nobody has analysed the table, the planner probes the primary key and
 * reads all of an account for every key (measured: a fifth of the rate). Many are asked together, since each statement costs.
 */
async function askKeys(client: ClientBase, commands: readonly Command[]): Promise<KnownKey[]> {
  const asked = commands.flatMap((command) => {
    const key = command.idempotency?.key;
    if (key === undefined) return [];
    return accountsOfKey(command).map((billingEntityId, index) => ({ billingEntityId, key, isOwn: index === 0 }));
  });
  // The accounts that pay have the long ledgers; what else is looked into is mostly short.
  const questions = [true, false].flatMap((isOwn) => {
    const keys = asked.filter((each) => each.isOwn === isOwn);
    const apart = Map.groupBy(keys, ({ billingEntityId }) => billingEntityId);
    return apart.size <= MOST_ASKED_APART ? [...apart.values()] : [keys];
  });
  const answers = await Promise.all(
    questions.map((keys) => {
      const ids = keys.map(({ billingEntityId }) => billingEntityId);
      const { scope, entities } = scopeOf([...new Set(ids)]);
      const values = [entities, arrayLiteral(ids), arrayLiteral(keys.map(({ key }) => key))];
      return client.query<KeyRow>({ text: KEYS[scope].text, values });
    }),
  );
  return answers.flatMap(({ rows }) =>
    rows.map(({ billing_entity_id: billingEntityId, ...row }) => ({ billingEntityId, ...row })),
  );
}

const MOST_ASKED_APART = 4;

/** Running holds that are settled by who reserved them. */
function settledByOwners(commands: readonly Command[], accounts: ReadonlyMap<string, Account>): Reservation[] {
  return commands.flatMap((command) => {
    if (command.kind !== 'settle' || command.anyReservation) return [];
    const reservation = accounts.get(command.billingEntityId)?.reservations.get(command.reservationId);
    return reservation?.status === 'HELD' && reservation.actor === command.actor ? [reservation] : [];
  });
}

function namedReservations(commands: readonly Command[]): string[] | null {
  const named = commands.flatMap((command) => {
    const { kind } = command;
    return kind === 'settle' || kind === 'extend' || kind === 'release' ? [command] : [];
  });
  if (named.length === 0) return null;
  // Whoever names a hold under another account, by a forged id, must not take its place.
  return [
    arrayLiteral(named.map((command) => command.billingEntityId)),
    arrayLiteral(named.map((command) => command.reservationId)),
  ];
}

function refundedRecords(commands: readonly Command[]): string[] | null {
  const refunds = commands.filter((command) => command.kind === 'refund');
  if (refunds.length === 0) return null;
  const keys = refunds.map((command): RecordKey => command.record);
  return [
    arrayLiteral(refunds.map((command) => command.billingEntityId)),
    arrayLiteral(keys.map((key) => key.sequence)),
    arrayLiteral(keys.map((key) => key.line)),
  ];
}

function clawedGrants(commands: readonly Command[]): string[] | null {
  const clawed = commands.flatMap((command) =>
    command.kind === 'clawback' || command.kind === 'reinstate' ? command.grantId : [],
  );
  return clawed.length === 0 ? null : [arrayLiteral(clawed)];
}

function deliveredReports(commands: readonly Command[]): string[] | null {
  const ids = commands.flatMap((command) => (command.kind === 'delivered' ? command.seen.id : []));
  return ids.length === 0 ? null : [arrayLiteral(ids)];
}

function failedInvoices(commands: readonly Command[]): string[] | null {
  const crossings = commands.flatMap((command) =>
    command.kind === 'paymentFailed' ? crossingOfInvoice(command.invoiceId) : [],
  );
  return crossings.length === 0 ? null : [arrayLiteral(crossings)];
}

function toStoredReport(row: ReportRow & { readonly checksum: Buffer }): StoredReport {
  const report = toReport(row);
  return { report, isIntact: reportChecksum(report) === `\\x${row.checksum.toString('hex')}` };
}

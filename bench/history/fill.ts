/** Fills a database with a year of use, through the ledger's own write door: what is read later was really charged. */
import { pino } from 'pino';
import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Output } from '../../src/cli/output.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { Command } from '../../src/ledger/rules/commands.ts';
import type { UsageLine } from '../../src/ledger/rules/usage-context.ts';
import { idempotency } from '../../src/ledger/idempotency.ts';
import { migrate } from '../../src/persistence/migrate.ts';
import { FREE_TRIAL } from '../../src/plans/plans.ts';
import { RATES } from '../../src/plans/rates.ts';
import { type DomainServices, openServices } from '../../src/services.ts';
import { runStatement } from '../database.ts';
import { drawUse, FEATURES, randomFrom, type Use } from './uses.ts';
import type { Committed } from '../../src/ledger/outcome.ts';

/** Who pays for nearly all of it. */
export const PAYER = 'history-payer';
/** Nine people who use the payer's account. */
export const MEMBERS: readonly string[] = Array.from({ length: 9 }, (_, index) => `history-member-${index + 1}`);
/** Others with accounts of their own, so that the tables are not the payer's alone. */
const OTHERS: readonly string[] = Array.from({ length: 200 }, (_, index) => `history-other-${index + 1}`);
const SHARE_OF_OTHERS = 0.05;

/** Records of a whole year: further ones would lie in the future. */
export const MOST_RECORDS = 10_000_000;
const YEAR_MS = 365 * 86_400_000;
/** Uses that are reported at once: a transaction takes all of an account's. */
const WAVE = 2_000;
const LINES_IN_THE_MEAN = 2;

/** The watch over a fill. */
export interface FillWatch {
  readonly output: Pick<Output, 'progress'>;
  /** Ends the fill between two waves, with the signal's reason. */
  readonly stopping: AbortSignal;
}

/**
 * Goes on filling until there are so many records; where there are already, nothing happens. Gives how many there are. So a history grows as a
 * real one does: what is there stays, and what comes is newer. Its year began a year before the first fill.
 */
export async function fill(
  databaseUrl: string,
  { records, ...watch }: { records: number } & FillWatch,
): Promise<number> {
  await migrate(databaseUrl);
  const recorded = await countRecords(databaseUrl);
  if (recorded >= records) return recorded;

  const clock = new YearClock(new Date(Date.now() - YEAR_MS));
  // Until plans can be bought, every account has the trial's one feature. Here it grants what a paid plan does.
  Object.assign(FREE_TRIAL, { features: FEATURES });
  const services = await openServices({
    databaseUrl,
    redisUrl: null,
    clock,
    log: pino({ level: 'warn' }),
    ledger: { lanes: 2, maxBatch: WAVE, maxQueued: WAVE, patienceMs: 60_000 },
    readConnections: 4,
    sweepIntervalMs: YEAR_MS,
    stripe: null,
    mail: null,
    tendIntervalMs: 3_600_000,
    publicUrl: () => new URL('http://localhost/'),
    encryptionKeys: [],
    organizations: { ids: 'open', perOwner: 100, membersEach: 10_000, invitationsEach: 500, newPeopleADay: 500 },
    exportStreams: { all: 1, principal: 1 },
    webhooks: { allowLoopback: false },
  });
  try {
    const year = await openYear(services);
    return await live({ ledger: services.ledger, clock, year }, { recorded, records, ...watch });
  } finally {
    await services.stop();
    // Autovacuum would do this a little later. It shall not run while reads are measured.
    await runStatement(databaseUrl, 'vacuum (analyze)');
  }
}

/** A clock that is moved through the year. */
class YearClock implements Clock {
  #now: Date;

  constructor(now: Date) {
    this.#now = now;
  }

  now(): Date {
    return this.#now;
  }

  moveTo(instant: Date): void {
    if (instant > this.#now) this.#now = instant;
  }
}

/** The billing entities of the year. */
interface Year {
  readonly start: Date;
  readonly payer: string;
  readonly members: readonly string[];
  readonly others: readonly string[];
}

/** What writes the year. */
interface Writer {
  readonly ledger: DomainServices['ledger'];
  readonly clock: YearClock;
  readonly year: Year;
}

/** Everybody, made or found again, with more credits than a year can use. */
async function openYear({ entities, ledger }: DomainServices): Promise<Year> {
  const ensure = (externalId: string): Promise<string> =>
    entities.ensureUser({ externalId, name: null, withTrial: false });
  const payer = await ensure(PAYER);
  const members = await Promise.all(MEMBERS.map(ensure));
  const others = await Promise.all(OTHERS.map(ensure));
  await Promise.all([payer, ...others].map((id) => ledger.submit(plenty(id))));
  const start = (await entities.byIds([payer])).get(payer)?.createdAt as Date;
  return { start, payer, members, others };
}

/** Lives wave after wave, the clock in step with how much there is. Gives how many records there are in the end. */
async function live(
  writer: Writer,
  { recorded: before, records, output, stopping }: { recorded: number; records: number } & FillWatch,
): Promise<number> {
  const startedAtMs = performance.now();
  let recorded = before;
  const show = (): void => {
    const seconds = (performance.now() - startedAtMs) / 1_000;
    const pace =
      recorded === before ? '' : `${Math.round((recorded - before) / seconds).toLocaleString('en')} a second, `;
    const detail = `${pace}lived until ${writer.clock.now().toISOString().slice(0, 10)}`;
    output.progress({ done: recorded, total: records, unit: 'records', detail });
  };
  show();
  while (recorded < records) {
    stopping.throwIfAborted();
    const uses = Math.min(WAVE, Math.ceil((records - recorded) / LINES_IN_THE_MEAN));
    const spanMs = (uses * LINES_IN_THE_MEAN * YEAR_MS) / MOST_RECORDS;
    writer.clock.moveTo(new Date(writer.year.start.getTime() + (recorded * YEAR_MS) / MOST_RECORDS + spanMs));
    recorded += await liveWave(writer, { seed: recorded, uses, spanMs });
    show();
  }
  return recorded;
}

/** Reserves, uses and settles, and refunds what went wrong. Gives how many records that made. */
async function liveWave(
  { ledger, clock, year }: Writer,
  { seed, uses, spanMs }: { seed: number; uses: number; spanMs: number },
): Promise<number> {
  const random = randomFrom(seed);
  const reports = Array.from({ length: uses }, (_, index): Report => {
    const use = drawUse(random, { people: year.members.length, spanMs });
    const other = random() < SHARE_OF_OTHERS ? year.others[Math.floor(random() * year.others.length)] : undefined;
    return {
      use,
      key: `${seed}-${index}`,
      billingEntityId: other ?? year.payer,
      userId: other ?? (year.members[use.person] as string),
      occurredAt: new Date(clock.now().getTime() - use.ageMs),
      reservationId: use.reserved ? uuidv7() : null,
    };
  });
  const commit = async (command: Command): Promise<Committed> => {
    const outcome = await ledger.submit(command);
    if (outcome.kind !== 'committed') throw new Error(`${command.kind} was ${outcome.kind}, not committed`);
    return outcome;
  };
  await Promise.all(reports.flatMap((report) => reservationOf(report)).map(commit));
  const charged = await Promise.all(reports.map((report) => commit(chargeOf(report))));
  const refunds = reports.flatMap((report, index) => refundOf(report, charged[index] as Committed));
  await Promise.all(refunds.map(commit));
  return charged.reduce((sum, { records }) => sum + records.length, 0);
}

/** A use, and where it goes. */
interface Report {
  readonly use: Use;
  /** Of the use among all of the year. */
  readonly key: string;
  readonly billingEntityId: string;
  readonly userId: string;
  readonly occurredAt: Date;
  readonly reservationId: string | null;
}

const ACTOR = 'service:bench';

function plenty(billingEntityId: string): Command {
  return {
    kind: 'grant',
    billingEntityId,
    actor: ACTOR,
    idempotency: idempotency('plenty', 'grant', []),
    grantId: uuidv7(),
    source: 'PURCHASE',
    amount: 1_000_000_000_000n,
    priority: 50,
    effectiveAt: null,
    expiresAt: null,
    reason: 'a year of use',
  };
}

function reservationOf({ use, key, billingEntityId, userId, reservationId }: Report): Command[] {
  if (reservationId === null) return [];
  const { feature } = use;
  const terms = {
    lines: linesOf(use),
    userId,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'FULL',
    feature,
    ttlMs: 600_000,
  } as const;
  const cause = { actor: ACTOR, idempotency: idempotency(`reserve-${key}`, 'reserve', [key]) };
  return [{ kind: 'reserve', billingEntityId, ...cause, ...terms, reservationId }];
}

function chargeOf({ use, key, billingEntityId, userId, occurredAt, reservationId }: Report): Command {
  const { feature, metadata } = use;
  const cause = { actor: ACTOR, idempotency: idempotency(`use-${key}`, 'consume', [key]) };
  const common = { billingEntityId, ...cause, lines: linesOf(use), metadata, occurredAt };
  return reservationId === null
    ? {
        kind: 'consume',
        ...common,
        userId,
        organizationId: null,
        apiKey: null,
        otherPayers: [],
        billingMode: 'FULL',
        feature,
      }
    : {
        kind: 'settle',
        ...common,
        reservationId,
        anyReservation: true,
        userId: undefined,
        organizationId: undefined,
        apiKeyId: undefined,
        feature: undefined,
      };
}

function refundOf({ use, key, billingEntityId }: Report, { records }: Committed): Command[] {
  const [record] = records;
  if (!use.failed || record === undefined) return [];
  const cause = { actor: ACTOR, idempotency: idempotency(`refund-${key}`, 'refund', [key]) };
  const { sequence, line } = record;
  return [{ kind: 'refund', billingEntityId, ...cause, record: { sequence, line }, reason: 'the run failed' }];
}

function linesOf({ lines, model }: Use): UsageLine[] {
  return lines.map(({ resource, quantity }) => ({ quantity, rate: RATES[resource], model }));
}

/** Records of all accounts, as the summaries count them. */
async function countRecords(databaseUrl: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ records: string }>(
      'select coalesce(sum(records), 0) as records from usage_rollup',
    );
    return Number(rows[0]?.records);
  } finally {
    await client.end();
  }
}

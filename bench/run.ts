import { createAccounts, createPool, findAccount, grantPlenty, setAlerts, type Users } from './accounts.ts';
import { createBenchDatabase, describeDatabase, runStatement } from './database.ts';
import { type Goal, judge, type Measurement } from './goals.ts';
import { hotRowTables } from './hot-row.ts';
import { measure, type Target } from './measure.ts';
import { residentBytes, type RunningServer, startBenchServer } from './processes.ts';
import { type Proof, prove } from './proof.ts';
import type { Row, Subject } from './rows.ts';
import { createIdentity, type Identity, startTollgate, type Tollgate } from './tollgate.ts';

/** Everything that one run found out. */
export interface Findings {
  readonly settings: Readonly<Record<string, string>>;
  readonly measurements: readonly Measurement[];
  readonly goals: readonly Goal[];
  readonly proofs: readonly Proof[];
  /** Of the measured server, after all rows; null when it did not run or the system does not tell. */
  readonly memoryBytes: number | null;
}

/** Told while a run goes on. */
export interface Progress {
  started(settings: Readonly<Record<string, string>>): void;
  measured(measurement: Measurement): void;
}

/** The length and the number of measurements. */
interface Pace {
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly rounds: number;
}

/** Where the rows are measured, and who watches. */
interface Circumstances {
  /** A PostgreSQL server to make the database on; null: an embedded one. */
  readonly serverUrl: string | null;
  readonly progress: Progress;
  readonly interruption: AbortSignal;
}

/**
 * Measures the rows one after another, on one database and servers of their own, and ends all that it started.
 * @throws also when it is interrupted, after cleaning up.
 */
export async function run(
  rows: readonly Row[],
  pace: Pace,
  { serverUrl, progress, interruption }: Circumstances,
): Promise<Findings> {
  const database = await createBenchDatabase(serverUrl);
  const servers = new Map<Subject, RunningServer>();
  try {
    return await Promise.race([
      measureAll(rows, pace, database.databaseUrl, { servers, progress, interruption }),
      rejectionBy(interruption),
    ]);
  } finally {
    for (const server of servers.values()) await server.stop();
    await database.drop();
  }
}

interface Surroundings {
  readonly servers: Map<Subject, RunningServer>;
  readonly progress: Progress;
  readonly interruption: AbortSignal;
}

async function measureAll(
  rows: readonly Row[],
  pace: Pace,
  databaseUrl: string,
  { servers, progress, interruption }: Surroundings,
): Promise<Findings> {
  const { settings, postmasterPid } = await describeDatabase(databaseUrl);
  await runStatement(databaseUrl, hotRowTables);
  const identity = await createIdentity(databaseUrl);
  progress.started(settings);

  const figures = new Map<string, Measurement>();
  const ofRow = new Map<string, Measurement[]>();
  /** Credits acknowledged so far, by the users who paid. */
  const acknowledged = new Map<Users, number>();
  /** What names the pool that pays for them. */
  const pools = new Map<Users, Readonly<Record<string, string>>>();
  let tollgate: Tollgate | null = null;
  for (const [round, row] of inTurn(rows, pace.rounds)) {
    if (row.subject === 'tollgate' && tollgate === null) {
      tollgate = await startTollgate(identity);
      servers.set('tollgate', tollgate.server);
    }
    if (tollgate !== null && row.users !== null && !acknowledged.has(row.users)) {
      pools.set(row.users, await createPool(tollgate, row.users));
      acknowledged.set(row.users, row.users.pool === undefined ? await createAccounts(tollgate, row.users) : 0);
      if (row.users.count === 1 && row.users.pool === undefined) await grantPlenty(tollgate, row.users);
      await setAlerts(tollgate, row.users);
    }
    const server = await serverFor(row.subject, servers, identity);
    const target: Target = {
      port: server?.port ?? 0,
      serverPid: server?.pid ?? null,
      authorization: identity.service,
      databaseUrl,
      postmasterPid,
      pool: (row.users && pools.get(row.users)) ?? {},
      payerId:
        tollgate === null || row.reads === undefined || row.users === null ? null : await payerOf(tollgate, row.users),
    };
    const measurement = await measure(row, target, { ...pace, round }, figures);
    interruption.throwIfAborted();
    progress.measured(measurement);
    if (row.users !== null) {
      acknowledged.set(row.users, (acknowledged.get(row.users) ?? 0) + measurement.acknowledgedCredits);
    }
    const measurements = [...(ofRow.get(row.name) ?? []), measurement];
    ofRow.set(row.name, measurements);
    figures.set(row.name, median(measurements));
  }
  const memoryBytes = tollgate === null ? null : residentBytes(tollgate.server.pid);
  const proofs = tollgate === null ? [] : await prove(tollgate, acknowledged);
  return { settings, measurements: [...figures.values()], goals: judge(figures, memoryBytes), proofs, memoryBytes };
}

/** The billing entity that pays for the first of these users. */
async function payerOf(tollgate: Tollgate, { pool, prefix }: Users): Promise<string> {
  const payer = pool === undefined ? findAccount(tollgate, `${prefix}0`) : findAccount(tollgate, pool, 'ORGANIZATION');
  return (await payer).id;
}

function rejectionBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function inTurn(rows: readonly Row[], rounds: number): [number, Row][] {
  return Array.from({ length: rounds }, (_, round) => rows.map((row): [number, Row] => [round + 1, row])).flat();
}

/** The measurement of the middle throughput, with the errors of all. */
function median(measurements: readonly Measurement[]): Measurement {
  const middle = measurements.toSorted((one, other) => one.perSecond - other.perSecond)[
    Math.floor((measurements.length - 1) / 2)
  ];
  if (middle === undefined) throw new Error('Nothing was measured.');
  return {
    ...middle,
    errors: measurements.reduce((sum, { errors }) => sum + errors, 0),
    firstError: measurements.find(({ firstError }) => firstError !== null)?.firstError ?? null,
  };
}

/** The process that a row's requests go to, started when first needed; undefined for PostgreSQL itself. */
async function serverFor(
  subject: Subject,
  servers: Map<Subject, RunningServer>,
  identity: Identity,
): Promise<RunningServer | undefined> {
  const running = servers.get(subject);
  if (running !== undefined || subject === 'postgres' || subject === 'tollgate') return running;
  const server = await startBenchServer(`${subject}.ts`, { ...identity.environment, PORT: '0' });
  servers.set(subject, server);
  return server;
}

import type { Measurement } from './goals.ts';
import { hotRowStatement } from './hot-row.ts';
import { hotRead } from './hot-reads.ts';
import { runLoad } from './load/run-load.ts';
import type { LoadSpec } from './load/spec.ts';
import { cpuTimeMs, cpuTimesOfFamilyMs } from './processes.ts';
import { helloOperation, maxRequests, type Row } from './rows.ts';

/** What a row is measured on. */
export interface Target {
  readonly port: number;
  /** The process that answers; null when PostgreSQL itself does. */
  readonly serverPid: number | null;
  readonly authorization: string;
  readonly databaseUrl: string;
  readonly postmasterPid: number | null;
  /** Members that name the pool in each consumption; none: the users pay themselves. */
  readonly pool: Readonly<Record<string, string>>;
  /** The billing entity that a row reads; null: it reads none. */
  readonly payerId: string | null;
}

/** When and for how long a row is measured. */
export interface Timing {
  readonly round: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** Puts one row's load on its target and returns what came of it. `before` are the measurements that it may be paced by. */
export async function measure(
  row: Row,
  target: Target,
  timing: Timing,
  before: ReadonlyMap<string, Measurement>,
): Promise<Measurement> {
  const spec: LoadSpec = {
    transport: transportOf(row, target),
    operation: operationOf(row, timing.round, target),
    concurrency: row.concurrency,
    arrivalsPerSecond: arrivalsPerSecond(row, before),
    warmupMs: timing.warmupMs,
    measureMs: timing.measureMs,
    maxRequests,
  };
  const readings: { server: number | null; postgres: ReadonlyMap<number, number> }[] = [];
  const readClocks = (): void => {
    readings.push({
      server: target.serverPid === null ? null : cpuTimeMs(target.serverPid),
      postgres: target.postmasterPid === null ? new Map() : cpuTimesOfFamilyMs(target.postmasterPid),
    });
  };
  const result = await runLoad(spec, readClocks, readClocks);
  const [from, to] = readings;
  const serverMs = from?.server == null || to?.server == null ? null : to.server - from.server;
  const postgresMs =
    from === undefined || to === undefined || to.postgres.size === 0 ? null : growth(from.postgres, to.postgres);
  const cores = (timeMs: number | null): number | null => (timeMs === null ? null : timeMs / result.measuredMs);
  const requestsPerSecond = (result.requests * 1000) / result.measuredMs;
  return {
    name: row.name,
    what: row.what,
    perSecond: requestsPerSecond * row.batchSize,
    requestsPerSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    maxMs: result.maxMs,
    errors: result.errors,
    firstError: result.firstError,
    acknowledgedCredits: result.acknowledgedCredits,
    cores: {
      server: cores(serverMs),
      postgres: cores(postgresMs),
      generator: result.generatorCpuMs / result.measuredMs,
    },
  };
}

/** What the processes that are there now have used since; those that ended meanwhile (of the row before, say) do not count. */
function growth(from: ReadonlyMap<number, number>, to: ReadonlyMap<number, number>): number {
  let sumMs = 0;
  for (const [pid, timeMs] of to) sumMs += timeMs - (from.get(pid) ?? 0);
  return sumMs;
}

function transportOf(row: Row, { port, authorization, databaseUrl }: Target): LoadSpec['transport'] {
  const transports = {
    http: { kind: 'http', host: '127.0.0.1', port, path: '/graphql', authorization },
    websocket: { kind: 'websocket', url: `ws://127.0.0.1:${port}/graphql`, authorization, sockets: row.sockets ?? 1 },
    sql: { kind: 'sql', databaseUrl, statement: hotRowStatement },
  } as const;
  return transports[row.transport];
}

function operationOf(row: Row, round: number, { pool, payerId }: Target): LoadSpec['operation'] {
  if (row.reads !== undefined && row.users !== null && payerId !== null) {
    return hotRead(row.reads, { users: row.users, pool, payerId });
  }
  const { prefix, count } = row.users ?? { prefix: 'nobody-', count: 1 };
  const consumption = {
    kind: 'consume',
    // Never the same twice in one database.
    keyPrefix: `${row.name}-${round}`,
    userPrefix: prefix,
    userCount: count,
    batchSize: row.batchSize,
    also: pool,
  } as const;
  const operations = {
    bare: helloOperation,
    'apollo-fastify': helloOperation,
    postgres: { kind: 'fixed', body: '', expected: 'rows: 1' },
    naive: consumption,
    tollgate: consumption,
  } as const;
  return operations[row.subject];
}

function arrivalsPerSecond({ name, paced }: Row, before: ReadonlyMap<string, Measurement>): number | null {
  if (paced === undefined) return null;
  const best = Math.max(0, ...paced.of.map((row) => before.get(row)?.perSecond ?? 0));
  if (best === 0) throw new Error(`${name} cannot be paced: none of ${paced.of.join(', ')} got an answer.`);
  return best * paced.share;
}

import type { Measurement } from './goals.ts';
import { hotRowStatement } from './hot-row.ts';
import { runLoad } from './load/run-load.ts';
import type { LoadSpec } from './load/spec.ts';
import { cpuTimeMs, cpuTimeOfFamilyMs } from './processes.ts';
import { helloOperation, maxRequests, type Row } from './rows.ts';

/** What a row is measured on. */
export interface Target {
  readonly port: number;
  /** The process that answers; null when PostgreSQL itself does. */
  readonly serverPid: number | null;
  /** Empty for servers that ask for none. */
  readonly authorization: string;
  readonly databaseUrl: string;
  readonly postmasterPid: number | null;
}

/** Puts one row's load on its target and returns what came of it. */
export async function measure(row: Row, target: Target, timing: { warmupMs: number; measureMs: number }, before: ReadonlyMap<string, Measurement>): Promise<Measurement> {
  const spec: LoadSpec = {
    transport: transportOf(row, target),
    operation:
      row.subject === 'tollgate' || row.subject === 'naive'
        ? { kind: 'consume', keyPrefix: row.name, userPrefix: row.users?.prefix ?? 'nobody-', userCount: row.users?.count ?? 1, batchSize: row.batchSize }
        : row.subject === 'postgres'
          ? { kind: 'fixed', body: '', expected: 'rows: 1' }
          : helloOperation,
    concurrency: row.concurrency,
    arrivalsPerSecond: arrivalsPerSecond(row, before),
    warmupMs: timing.warmupMs,
    measureMs: timing.measureMs,
    maxRequests,
  };
  const readings: { server: number | null; postgres: number | null }[] = [];
  const readClocks = (): void => {
    readings.push({
      server: target.serverPid === null ? null : cpuTimeMs(target.serverPid),
      postgres: target.postmasterPid === null ? null : cpuTimeOfFamilyMs(target.postmasterPid),
    });
  };
  const result = await runLoad(spec, readClocks, readClocks);
  const busy = (of: 'server' | 'postgres'): number | null => {
    const from = readings[0]?.[of] ?? null;
    const to = readings[1]?.[of] ?? null;
    return from === null || to === null ? null : (to - from) / result.measuredMs;
  };
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
    cores: { server: busy('server'), postgres: busy('postgres'), generator: result.generatorCpuMs / result.measuredMs },
  };
}

function transportOf(row: Row, { port, authorization, databaseUrl }: Target): LoadSpec['transport'] {
  switch (row.transport) {
    case 'http':
      return { kind: 'http', host: '127.0.0.1', port, path: '/graphql', authorization: authorization === '' ? null : authorization };
    case 'websocket':
      return { kind: 'websocket', url: `ws://127.0.0.1:${port}/graphql`, authorization, sockets: row.sockets ?? 1 };
    case 'sql':
      return { kind: 'sql', databaseUrl, statement: hotRowStatement };
  }
}

function arrivalsPerSecond({ name, paced }: Row, before: ReadonlyMap<string, Measurement>): number | null {
  if (paced === undefined) return null;
  const best = Math.max(0, ...paced.of.map((row) => before.get(row)?.perSecond ?? 0));
  if (best === 0) throw new Error(`${name} cannot be paced: none of ${paced.of.join(', ')} got an answer.`);
  return best * paced.share;
}

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RedisServer } from '../../tests/support/redis-server.ts';
import { createAccounts, findAccount, grantPlenty, oneUser } from '../accounts.ts';
import { createBenchDatabase } from '../database.ts';
import type { Goal } from '../goals.ts';
import { cpuTimeMs, residentBytes, type RunningServer, startBenchServer } from '../processes.ts';
import { createIdentity, startTollgate, type Tollgate } from '../tollgate.ts';
import type { CrowdMessage, LiveResult, LiveSpec } from './spec.ts';

/** The service that a crowd of subscribers had. */
export interface LiveRow extends LiveResult {
  readonly name: string;
  readonly replicas: number;
  /** Messages for each second of a core that the servers kept busy; null where the system does not tell. */
  readonly messagesPerCoreSecond: number | null;
  /** Memory of the largest server with the whole crowd connected; null where the system does not tell. */
  readonly memoryBytes: number | null;
}

export interface LiveOptions {
  readonly subscribers: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** A PostgreSQL server to make the database on; null: an embedded one. */
  readonly serverUrl: string | null;
}

interface Watch {
  readonly stopping: AbortSignal;
  measured(row: LiveRow): void;
}

const changesPerSecond = 200;
/** The time that a crowd may take beyond its own before it is given up. */
const graceMs = 120_000;

/** Measures one crowd behind stock graphql-ws, one replica, and two replicas that NOTIFY, then Redis joins. */
export async function runLive(options: LiveOptions, watch: Watch): Promise<LiveRow[]> {
  const rows: LiveRow[] = [];
  const measured = (row: LiveRow): void => {
    rows.push(row);
    watch.measured(row);
    watch.stopping.throwIfAborted();
  };
  measured(await measureStock(options));
  const database = await createBenchDatabase(options.serverUrl);
  try {
    const identity = await createIdentity(database.databaseUrl);
    const withReplicas = async (name: string, environments: readonly Readonly<Record<string, string>>[]) => {
      const replicas: Tollgate[] = [];
      try {
        for (const environment of environments) {
          replicas.push(await startTollgate({ ...identity, environment: { ...identity.environment, ...environment } }));
        }
        const [first] = replicas as [Tollgate];
        if (rows.length === 1) {
          await createAccounts(first, oneUser);
          await grantPlenty(first, oneUser);
        }
        const { id } = await findAccount(first, `${oneUser.prefix}0`);
        const servers = replicas.map(({ server }) => server);
        const spec = specOf(options, servers, { authorization: identity.operator, billingEntityId: id });
        const changes = {
          authorization: identity.service,
          userExternalId: `${oneUser.prefix}0`,
          perSecond: changesPerSecond,
        };
        measured(await measureCrowd(name, servers, { ...spec, changes }));
      } finally {
        for (const { server } of replicas) await server.stop();
      }
    };
    await withReplicas('one replica', [{}]);
    await withReplicas('two replicas, NOTIFY', [{}, {}]);
    const redis = await RedisServer.start();
    try {
      const environment = { REDIS_URL: redis.url };
      await withReplicas('two replicas, Redis', [environment, environment]);
    } finally {
      await redis.stop();
    }
    return rows;
  } finally {
    await database.drop();
  }
}

/** Holds the crowds against what is to hold. */
export function judgeLive(rows: readonly LiveRow[]): Goal[] {
  const row = (name: string): LiveRow | undefined => rows.find((one) => one.name === name);
  const [stock, one] = [row('stock graphql-ws'), row('one replica')];
  if (stock === undefined || one === undefined) return [];
  const most = (what: string, measured: number | null, limit: number, unit: 'ms' | '×' | 'MiB'): Goal => ({
    what,
    goal: `≤ ${limit} ${unit}`,
    measured,
    shown: measured === null ? '–' : `${measured.toFixed(unit === 'MiB' ? 0 : 2)} ${unit}`,
    reached: measured === null ? null : measured <= limit,
  });
  const gain = quotient(one.messagesPerCoreSecond, stock.messagesPerCoreSecond);
  const joined = rows.filter(({ replicas }) => replicas > 1);
  return [
    most('one replica: age of the commit that an event carries, p99', one.age.p99Ms, 100, 'ms'),
    most('one replica: any commit until it or a later one is there, p99', one.delay?.p99Ms ?? null, 200, 'ms'),
    {
      what: 'messages per core-second ÷ stock graphql-ws',
      goal: '≥ 2.5 ×',
      measured: gain,
      shown: gain === null ? '–' : `${gain.toFixed(2)} ×`,
      reached: gain === null ? null : gain >= 2.5,
    },
    most('memory of the server', one.memoryBytes === null ? null : one.memoryBytes / 1_048_576, 300, 'MiB'),
    ...joined.map(({ name, age }) => most(`${name}: age, p99 ÷ one replica’s`, age.p99Ms / one.age.p99Ms, 2, '×')),
  ];
}

/** A line for each crowd, after a head. */
export function liveLines(rows: readonly LiveRow[]): string[] {
  const head = ['', 'messages/s', 'per core-s', 'age p50', 'p99', 'max', 'delay p50', 'p99', 'max', 'MiB', 'errors'];
  return [head, ...rows.map(cellsOf)].map((cells) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(22) : cell.padStart(11))).join(''),
  );
}

function cellsOf(row: LiveRow): string[] {
  const whole = (value: number | null): string => (value === null ? '–' : Math.round(value).toLocaleString('en'));
  const { age, delay } = row;
  return [
    row.name,
    whole(row.messagesPerSecond),
    whole(row.messagesPerCoreSecond),
    ...[age.p50Ms, age.p99Ms, age.maxMs].map(whole),
    ...(delay === null ? ['–', '–', '–'] : [delay.p50Ms, delay.p99Ms, delay.maxMs].map(whole)),
    whole(row.memoryBytes === null ? null : row.memoryBytes / 1_048_576),
    String(row.errors),
  ];
}

async function measureStock(options: LiveOptions): Promise<LiveRow> {
  const server = await startBenchServer('stock-graphql-ws.ts');
  try {
    const spec = specOf(options, [server], { authorization: '', billingEntityId: 'any' });
    return await measureCrowd('stock graphql-ws', [server], spec);
  } finally {
    await server.stop();
  }
}

function specOf(
  { subscribers, warmupMs, measureMs }: LiveOptions,
  servers: readonly RunningServer[],
  subject: Pick<LiveSpec, 'authorization' | 'billingEntityId'>,
): LiveSpec {
  const urls = servers.map(({ port }) => `ws://127.0.0.1:${port}/graphql`);
  return { urls, ...subject, subscribers, changes: null, warmupMs, measureMs };
}

async function measureCrowd(name: string, servers: readonly RunningServer[], spec: LiveSpec): Promise<LiveRow> {
  const busyMs = (): number | null => sum(servers.map(({ pid }) => cpuTimeMs(pid)));
  let before: number | null = null;
  let after: number | null = null;
  let memoryBytes: number | null = null;
  const result = await runCrowd(spec, {
    measuring: () => (before = busyMs()),
    measured: () => {
      after = busyMs();
      memoryBytes = Math.max(...servers.map(({ pid }) => residentBytes(pid) ?? 0)) || null;
    },
  });
  const busyTimeMs = difference(after, before);
  return {
    name,
    replicas: servers.length,
    ...result,
    messagesPerCoreSecond: quotient(result.messages, busyTimeMs === null ? null : busyTimeMs / 1_000),
    memoryBytes,
  };
}

/** Runs a crowd in a process of its own. @throws when it fails or does not end in time. */
async function runCrowd(spec: LiveSpec, watch: { measuring(): void; measured(): void }): Promise<LiveResult> {
  const crowd = fork(fileURLToPath(new URL('crowd.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const timeMs = spec.warmupMs + spec.measureMs + graceMs;
  let deadline: NodeJS.Timeout | undefined;
  try {
    return await new Promise<LiveResult>((resolve, reject) => {
      deadline = setTimeout(() => reject(new Error(`The crowd did not end within ${timeMs} ms.`)), timeMs);
      crowd.on('message', (message: CrowdMessage) => {
        if (message.type === 'measuring') watch.measuring();
        else if (message.type === 'measured') watch.measured();
        else if (message.type === 'result') resolve(message.result);
        else reject(new Error(message.reason));
      });
      crowd.once('error', reject);
      crowd.once('exit', (code) => reject(new Error(`The crowd ended with code ${code}.`)));
      crowd.send(spec);
    });
  } finally {
    clearTimeout(deadline);
    await end(crowd);
  }
}

async function end(crowd: ChildProcess): Promise<void> {
  if (crowd.exitCode !== null || crowd.signalCode !== null) return;
  const ended = new Promise((resolve) => crowd.once('exit', resolve));
  const impatience = setTimeout(() => crowd.kill('SIGKILL'), 5_000);
  if (crowd.connected) crowd.disconnect();
  await ended;
  clearTimeout(impatience);
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce((total, value) => (total === null || value === null ? null : total + value), 0);
}

function difference(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}

function quotient(figure: number | null, yardstick: number | null): number | null {
  return figure === null || yardstick === null || yardstick === 0 ? null : figure / yardstick;
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A process that answers on a port of 127.0.0.1. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;

/** Starts one of bench/servers, which announces its port when it listens. */
export async function startBenchServer(
  file: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  const child = fork(fileURLToPath(new URL(`servers/${file}`, import.meta.url)), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', ...environment },
  });
  const port = await within(
    startTimeoutMs,
    `${file} did not start.`,
    new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve((message as { port: number }).port));
      child.once('exit', (code) => reject(new Error(`${file} ended with code ${code}.`)));
    }),
    child,
  );
  return { pid: pidOf(child), port, stop: () => stop(child) };
}

/** Starts the project's own server and waits until `/readyz` says yes. What it prints is shown only when it fails. */
export async function startProjectServer(environment: Readonly<Record<string, string>>): Promise<RunningServer> {
  const port = await freePort();
  const child = fork(fileURLToPath(new URL('../scripts/tollgate.mjs', import.meta.url)), ['serve'], {
    execArgv: optionsOfServe(),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...environment },
  });
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed.push(text);
      if (printed.length > 100) printed.shift();
    });
  }
  const deadlineMs = performance.now() + startTimeoutMs;
  while (!(await isReady(port))) {
    if (child.exitCode === null && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    child.kill('SIGKILL');
    throw new Error(`The server did not become ready (exit code ${child.exitCode}):\n${printed.join('')}`);
  }
  return { pid: pidOf(child), port, stop: () => stop(child) };
}

/** Node's options that `npm run serve` starts the server with: the measured one is no other. */
function optionsOfServe(): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly scripts: { readonly serve: string };
  };
  return scripts.serve.split(' ').filter((word) => word.startsWith('--'));
}

/** CPU time that a process has used so far, in milliseconds; null where /proc does not tell. */
export function cpuTimeMs(pid: number): number | null {
  const stat = readStat(pid);
  return stat === null ? null : stat.ownMs;
}

/** CPU time in milliseconds by pid, of a process and its children: PostgreSQL has one for each connection. */
export function cpuTimesOfFamilyMs(pid: number): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (const name of namesIn('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : null;
    if (stat !== null && (stat.parentPid === pid || Number(name) === pid)) times.set(Number(name), stat.ownMs);
  }
  return times;
}

/**
 * The process that started the given one, if it is PostgreSQL's first on this machine; null otherwise, as for a backend's
 * pid that another machine told us.
 */
export function postmasterOf(backendPid: number): number | null {
  const isPostgres = (pid: number): boolean => (readText(`/proc/${pid}/comm`) ?? '').startsWith('postgres');
  const parentPid = readStat(backendPid)?.parentPid;
  return parentPid !== undefined && isPostgres(backendPid) && isPostgres(parentPid) ? parentPid : null;
}

/** Memory that a process holds now, in bytes; null where /proc does not tell. */
export function residentBytes(pid: number): number | null {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/** Linux counts in ticks of 10 ms wherever Node runs. */
const tickMs = 10;

function readStat(pid: number): { parentPid: number; ownMs: number } | null {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field is a name in parentheses, which may hold spaces.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [userTicks = 0, systemTicks = 0] = fields.slice(11, 13);
  return { parentPid: fields[1] ?? 0, ownMs: exactTimeMs(pid) ?? (userTicks + systemTicks) * tickMs };
}

/** The scheduler's own count. Ticks are samples: a process that naps in step with the clock seems to do nothing at all. */
function exactTimeMs(pid: number): number | null {
  let totalMs = 0;
  for (const thread of namesIn(`/proc/${pid}/task`)) {
    const nanoseconds = /^\d+/.exec(readText(`/proc/${pid}/task/${thread}/schedstat`) ?? '')?.[0];
    if (nanoseconds === undefined) return null;
    totalMs += Number(nanoseconds) / 1e6;
  }
  return totalMs;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port.');
  return address.port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await within(stopTimeoutMs, 'A server did not end on SIGTERM.', ended, child);
}

async function within<T>(timeMs: number, otherwise: string, promise: Promise<T>, child: ChildProcess): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(otherwise));
    }, timeMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('The process did not start.');
  return child.pid;
}

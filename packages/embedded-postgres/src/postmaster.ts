import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { EmbeddedPostgresError } from './errors.ts';
import type { Installation } from './installation.ts';
import { clusterNameOf, postmasterFile } from './orphan.ts';
import { accessTo, serverEnvironment, type ServerAccount } from './server-account.ts';
import { serverSettings } from './settings.ts';

/** Recovery after a crash replays at most `max_wal_size`, so a start that takes longer is broken. */
const readyTimeoutMs = 120_000;
const fastShutdownTimeoutMs = 20_000;
const immediateShutdownTimeoutMs = 5_000;

/** A running server. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Resolves when the process has ended, for any reason. */
  readonly exited: Promise<void>;
  /** Fast shutdown: sessions are ended, everything committed is on disk. Bounded; a second call waits for the first. */
  stop(): Promise<void>;
}

/** Everything that a start of the server needs. */
export interface PostmasterOptions {
  readonly installation: Installation;
  readonly cluster: Cluster;
  readonly account: ServerAccount | null;
  readonly port: number;
  readonly durable: boolean;
}

/** The server ended before it was ready; `output` is what it logged meanwhile. */
export class PostmasterStartError extends EmbeddedPostgresError {
  readonly output: string;

  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

/**
 * Starts the server and waits until it takes connections.
 * @throws PostmasterStartError with the end of its log.
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { cluster, account, port } = options;
  const { cwd, argument } = accessTo(cluster.data, account);
  const settings = serverSettings({ port, clusterName: await clusterNameOf(cluster), durable: options.durable });
  const logPath = join(cluster.directory, 'log');
  const logFile = await open(logPath, 'a', 0o600);
  const logStart = (await logFile.stat()).size;
  const child = spawn(options.installation.postgres, ['-D', argument, ...settings], {
    cwd,
    ...account,
    env: serverEnvironment,
    stdio: ['ignore', logFile.fd, logFile.fd],
    // A session of its own: Ctrl-C goes to everything in the terminal's group, and the server must outlive our drain.
    detached: true,
  });
  const exited = exitOf(child);
  child.unref();
  await logFile.close();
  if (!(await becomesReady(child, cluster))) {
    child.kill('SIGKILL');
    await exited;
    const output = (await readFile(logPath, 'utf8')).slice(logStart);
    const reason = /^.*FATAL: +(.*)$/m.exec(output)?.[1] ?? output.trim().split('\n').at(-1) ?? '';
    throw new PostmasterStartError(`The embedded PostgreSQL did not start: ${reason} (log: ${logPath})`, output);
  }
  // Not taken down by Ctrl-C also means not taken down with us: an exit that skips stop() still asks it to end.
  const atExit = (): boolean => child.kill('SIGINT');
  process.once('exit', atExit);
  void exited.then(() => process.off('exit', atExit));
  let stopping: Promise<void> | undefined;
  return {
    pid: child.pid ?? 0,
    port,
    exited,
    stop: () => (stopping ??= shutDown(child, exited)),
  };
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve()).once('error', () => resolve());
  });
}

/** Waits for the last line of postmaster.pid, which can be seen without a connection. False: the process ended instead. */
async function becomesReady(child: ChildProcess, cluster: Cluster): Promise<boolean> {
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
    const lines = (await readFile(postmasterFile(cluster), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await delay(20);
  }
  return false;
}

async function shutDown(child: ChildProcess, exited: Promise<void>): Promise<void> {
  // Keeps our process alive until the server is down.
  child.ref();
  for (const [signal, patienceMs] of [
    ['SIGINT', fastShutdownTimeoutMs],
    ['SIGQUIT', immediateShutdownTimeoutMs],
  ] as const) {
    child.kill(signal);
    if (await settlesWithin(exited, patienceMs)) return;
  }
  // What was acknowledged is in the log on disk; the next start recovers from it.
  child.kill('SIGKILL');
  await exited;
}

async function settlesWithin(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  const abort = new AbortController();
  const settled = await Promise.race([
    promise.then(() => true),
    delay(timeoutMs, false, { signal: abort.signal }).catch(() => false),
  ]);
  abort.abort();
  return settled;
}

/** True when the log file has grown beyond what anybody will read. */
export async function logIsLarge(cluster: Cluster, limitBytes: number): Promise<boolean> {
  return ((await stat(join(cluster.directory, 'log')).catch(() => null))?.size ?? 0) > limitBytes;
}

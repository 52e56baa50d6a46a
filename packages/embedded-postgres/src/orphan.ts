import { execFile } from 'node:child_process';
import { readFile, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cluster } from './cluster.ts';
import { EmbeddedPostgresError } from './errors.ts';

/** The file in which a server notes its pid, port and state. */
export function postmasterFile(cluster: Cluster): string {
  return join(cluster.data, 'postmaster.pid');
}

/** A name that stands on the server's command line and tells which data directory it serves, wherever that was moved to. */
export async function clusterNameOf(cluster: Cluster): Promise<string> {
  const { dev, ino } = await stat(cluster.data, { bigint: true });
  return `tollgate-${dev}-${ino}`;
}

/**
 * Clears what a killed process left behind: its server, which lives on, is stopped; a pid file whose server is gone,
 * or whose pid belongs to some other program by now, is removed. Call it only while holding the directory's lock, for
 * then a living server has no living owner.
 * @returns the pid of the server that was stopped, or null.
 * @throws EmbeddedPostgresError when a server that is not ours runs there, or ours cannot be stopped.
 */
export async function clearOrphan(cluster: Cluster): Promise<number | null> {
  const file = postmasterFile(cluster);
  const noted = await readFile(file, 'utf8').catch(() => null);
  if (noted === null) return null;
  const pid = Math.abs(Number.parseInt(noted, 10));
  const kind = Number.isSafeInteger(pid) && pid > 0 ? await identify(pid, cluster) : 'other';
  if (kind === 'unknown-server') {
    throw new EmbeddedPostgresError(
      `A PostgreSQL that this program did not start (process ${pid}) may be running on ${cluster.data}: stop it, or delete ${file} if it serves other data.`,
    );
  }
  if (kind === 'ours') await stopForeignProcess(pid, cluster);
  await unlink(file).catch(() => undefined);
  return kind === 'ours' ? pid : null;
}

/** Tells our server of this cluster, a server that could be of this cluster, and everything else (also nothing) apart. */
async function identify(pid: number, cluster: Cluster): Promise<'ours' | 'unknown-server' | 'other'> {
  const commandLine = await commandLineOf(pid);
  if (!basename(commandLine[0] ?? '').startsWith('postgres')) return 'other';
  const name = commandLine.find((argument) => argument.startsWith('cluster_name=tollgate-'));
  if (name === undefined) return 'unknown-server';
  return name === `cluster_name=${await clusterNameOf(cluster)}` ? 'ours' : 'other';
}

/**
 * The arguments of a process; none when it has ended (also while nobody has collected it yet). The command line is the
 * one mark of a process that everybody may read: its working directory takes a privilege that containers withhold.
 */
async function commandLineOf(pid: number): Promise<string[]> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').filter((part) => part !== '');
  }
  if (process.platform === 'win32') {
    const { stdout } = await promisify(execFile)('tasklist', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH']);
    return [/^"([^"]+)"/.exec(stdout)?.[1] ?? ''];
  }
  const ps = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return ps.stdout.trim().split(' ');
}

async function stopForeignProcess(pid: number, cluster: Cluster): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGINT', 20_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone in this moment: the loop below sees it.
    }
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if ((await identify(pid, cluster)) !== 'ours') return;
      await delay(20);
    }
  }
  throw new EmbeddedPostgresError(
    `The PostgreSQL that an earlier run left behind (process ${pid}) does not stop: end it, then start again.`,
  );
}

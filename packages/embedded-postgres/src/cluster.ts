import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError } from './errors.ts';
import type { Installation } from './installation.ts';
import { accessTo, serverEnvironment, type ServerAccount } from './server-account.ts';

/** The names inside a cluster. All follow from the one of its database, so they have to be the same at every start. */
export interface ClusterNames {
  readonly database: string;
  /** The role that the cluster is made with. It is a superuser, who is above every rule of the database. */
  readonly superuser: string;
  /** The application's role, which may do no more than an ordinary owner of a database may. */
  readonly applicationUser: string;
}

/** @throws TypeError for a name that SQL and addresses would have to quote. */
export function namesOf(databaseName: string): ClusterNames {
  if (!/^[a-z][a-z\d_]{0,40}$/.test(databaseName)) {
    throw new TypeError(`not a name for a database: ${databaseName} (small letters, digits and _)`);
  }
  return { database: databaseName, superuser: databaseName, applicationUser: `${databaseName}_app` };
}

/** A PostgreSQL data directory with what belongs to it. */
export interface Cluster {
  /** Holds `data`, `password` and `log`. */
  readonly directory: string;
  /** PostgreSQL's own data directory. */
  readonly data: string;
}

/** The place of the cluster in a data directory, made or not. */
export function clusterIn(dataDir: string): Cluster {
  const directory = join(dataDir, 'postgres');
  return { directory, data: join(directory, 'data') };
}

/** The password of both roles. */
export async function readPassword(cluster: Cluster): Promise<string> {
  return (await readFile(join(cluster.directory, 'password'), 'utf8')).trim();
}

/** True once the cluster has been made: half-made ones never have this name. */
export async function clusterExists(cluster: Cluster): Promise<boolean> {
  return (await stat(cluster.directory).catch(() => null)) !== null;
}

/**
 * Refuses data that this PostgreSQL cannot open, before it tries.
 * @throws EmbeddedPostgresError for another major version, or for a directory that is not a cluster.
 */
export async function checkCluster(cluster: Cluster, major: number): Promise<void> {
  const version = await readFile(join(cluster.data, 'PG_VERSION'), 'utf8').catch(() => null);
  if (version === null) {
    throw new EmbeddedPostgresError(
      `${cluster.directory} is not a PostgreSQL data directory: move it away to start with an empty database.`,
    );
  }
  if (Number(version) !== major) {
    throw new EmbeddedPostgresError(
      `${cluster.directory} was written by PostgreSQL ${version.trim()}, but this is PostgreSQL ${major}: carry the data over with ` +
        'pg_dump and psql, or move the directory away to start with an empty database.',
    );
  }
}

/**
 * Makes a cluster: beside its place, under a name of its own, and renamed when it is complete. A start that dies half
 * way leaves something that is never mistaken for a database, and the next one sweeps it away.
 */
export async function createCluster(
  dataDir: string,
  options: { installation: Installation; account: ServerAccount | null; durable: boolean; superuser: string },
): Promise<void> {
  const cluster = clusterIn(dataDir);
  const unfinished = `${cluster.directory}.new-`;
  for (const name of await readdir(dataDir)) {
    const path = join(dataDir, name);
    if (!path.startsWith(unfinished)) continue;
    // An initdb that outlived its start may still be writing into it: then a later start sweeps it away.
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
  // A name of its own for the same reason.
  const directory = unfinished + randomBytes(6).toString('hex');
  const data = join(directory, 'data');
  const passwordFile = join(directory, 'password');
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flush: true });
  if (options.account !== null) await chown(data, options.account.uid, options.account.gid);
  await runInitdb({ ...options, data, passwordFile });
  await rename(directory, cluster.directory);
  await syncDirectory(dataDir);
}

async function runInitdb(options: {
  installation: Installation;
  account: ServerAccount | null;
  durable: boolean;
  superuser: string;
  data: string;
  passwordFile: string;
}): Promise<void> {
  const { account } = options;
  const { cwd, argument } = accessTo(options.data, account);
  // A lent account cannot walk to the password file either: it gets the open file as its standard input, and the
  // ownership for as long as initdb takes, because opening that anew asks for the right to read it.
  const password = await open(options.passwordFile);
  try {
    const args = [
      ['-D', argument],
      ['--username', options.superuser],
      ['--auth', 'scram-sha-256'],
      ['--pwfile', account === null ? options.passwordFile : '/proc/self/fd/0'],
      ['--encoding', 'UTF8'],
      ['--locale', 'C'],
      ['--locale-provider', 'builtin'],
      ['--builtin-locale', 'C.UTF-8'],
      options.durable ? [] : ['--no-sync'],
    ].flat();
    if (account !== null) await password.chown(account.uid, account.gid);
    await run(options.installation.initdb, args, { cwd, ...account, stdin: password.fd });
    if (account !== null) await password.chown(0, 0);
  } finally {
    await password.close();
  }
}

/** Runs a program to its end. Its last output becomes the message when it fails. */
function run(
  path: string,
  args: string[],
  { stdin, ...options }: { cwd: string; stdin: number; uid?: number; gid?: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { ...options, env: serverEnvironment, stdio: [stdin, 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
    child.on('error', reject).on('close', (code) => {
      const reason = output.trim().split('\n').slice(-5).join(' ');
      if (code === 0) resolve();
      else reject(new EmbeddedPostgresError(`Making the database failed: ${reason}`));
    });
  });
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

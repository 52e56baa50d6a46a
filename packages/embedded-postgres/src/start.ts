import { mkdir, rename } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import {
  checkCluster,
  clusterExists,
  clusterIn,
  createCluster,
  namesOf,
  readPassword,
  type ClusterNames,
} from './cluster.ts';
import { findBinaries, prepareInstallation } from './installation.ts';
import { lockDirectory } from './lock.ts';
import { clearOrphan } from './orphan.ts';
import {
  logIsLarge,
  PostmasterStartError,
  startPostmaster,
  type Postmaster,
  type PostmasterOptions,
} from './postmaster.ts';
import { chooseServerAccount } from './server-account.ts';

const logLimitBytes = 10 * 1024 * 1024;
/** A killed server's last sessions may take so long to let go of its memory. */
const leftoverTimeoutMs = 15_000;
const restartPauseMs = 1_000;

/** Receives what the embedded server does. pino's loggers fit. */
export interface EmbeddedLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Options of `startEmbeddedPostgres`. */
export interface EmbeddedPostgresOptions {
  /** The directory that holds the database, below `postgres/`. It is made if absent, and belongs to one process at a time. */
  readonly dataDir: string;
  /** The cluster's one database, and what its roles are named after. It must be the same at every start of a data directory. */
  readonly databaseName: string;
  readonly log: EmbeddedLog;
  /** Absent: a free port, another one at every start. */
  readonly port?: number;
  /** False trades safety against power failure for speed. For tests only; a killed process loses nothing either way. */
  readonly durable?: boolean;
}

/** A running embedded server. */
export interface EmbeddedPostgres {
  /** postgresql://user:password@127.0.0.1:port/database, the same for as long as this runs. The role is no superuser. */
  readonly databaseUrl: string;
  /** The same for a superuser. It is for the server's upkeep, such as by tests, and never for the application. */
  readonly superuserUrl: string;
  /** Ends all sessions and the server, within half a minute at worst. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL of our own: takes the data directory, makes the database on the first start, clears what a killed
 * process left there, and keeps the server running until stopped (one that dies is started again on the same port).
 * @throws EmbeddedPostgresError with one sentence for the person who started the program.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const names = namesOf(options.databaseName);
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(dataDir);
  try {
    const server = await startServer(dataDir, names, options);
    return {
      ...server,
      stop: async () => {
        await server.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startServer(
  dataDir: string,
  names: ClusterNames,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { log, durable = true } = options;
  const cluster = clusterIn(dataDir);
  const binaries = await findBinaries();
  const account = await chooseServerAccount(cluster.data);
  const installation = await prepareInstallation(binaries, account, dataDir);
  if (!(await clusterExists(cluster))) {
    log.info({ dataDir }, 'making the database');
    await createCluster(dataDir, { installation, account, durable, superuser: names.superuser });
  }
  await checkCluster(cluster, installation.major);
  if (await logIsLarge(cluster, logLimitBytes)) {
    await rename(join(cluster.directory, 'log'), join(cluster.directory, 'log.1'));
  }
  const postmaster = await startSomewhere({ installation, cluster, account, durable }, options.port, log);
  const password = await readPassword(cluster);
  const urlOf = (user: string): string =>
    `postgresql://${user}:${password}@127.0.0.1:${postmaster.port}/${names.database}`;
  const stop = keepRunning(postmaster, { installation, cluster, account, durable, port: postmaster.port }, log);
  try {
    await prepareDatabase(urlOf(names.superuser), names, password);
  } catch (error) {
    await stop();
    throw error;
  }
  log.info({ pid: postmaster.pid, port: postmaster.port }, 'the database is ready');
  return { databaseUrl: urlOf(names.applicationUser), superuserUrl: urlOf(names.superuser), stop };
}

/** Starts the server on a port that is free, or on the given one, as soon as a predecessor has let go of the data. */
async function startSomewhere(
  options: Omit<PostmasterOptions, 'port'>,
  fixedPort: number | undefined,
  log: EmbeddedLog,
): Promise<Postmaster> {
  const deadline = performance.now() + leftoverTimeoutMs;
  for (;;) {
    const orphanPid = await clearOrphan(options.cluster);
    if (orphanPid !== null) {
      log.warn({ pid: orphanPid }, 'stopped the database server that a killed process left running');
    }
    try {
      return await startPostmaster({ ...options, port: fixedPort ?? (await findFreePort()) });
    } catch (error) {
      if (!(error instanceof PostmasterStartError) || performance.now() > deadline) throw error;
      // Of a killed server the sessions live on for a moment, holding its memory; one that was only just being started
      // may have noted its pid since we looked.
      const predecessorLingers = /shared memory block|lock file .* already exists/.test(error.output);
      // Somebody else took the port between our finding it and the server's binding it.
      const portWasTaken = fixedPort === undefined && error.output.includes('Address already in use');
      if (!predecessorLingers && !portWasTaken) throw error;
      await delay(100);
    }
  }
}

/** Starts the server again whenever it dies. Returns what stops it for good. */
function keepRunning(first: Postmaster, options: PostmasterOptions, log: EmbeddedLog): () => Promise<void> {
  let current: Postmaster | null = first;
  let stopped: Promise<void> | undefined;
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await current?.exited;
      if (stopping.signal.aborted) return;
      log.warn({ port: options.port }, 'the database server ended unexpectedly: starting it again');
      current = await restart(options, log, stopping.signal);
    }
  };
  const watching = watch();
  return () =>
    (stopped ??= (async () => {
      stopping.abort();
      await current?.stop();
      await watching;
      // One that a restart brought up in this very moment.
      await current?.stop();
    })());
}

async function restart(options: PostmasterOptions, log: EmbeddedLog, signal: AbortSignal): Promise<Postmaster | null> {
  while (!signal.aborted) {
    try {
      return await startSomewhere(options, options.port, log);
    } catch (error) {
      log.warn({ err: error }, 'the database server could not be started again');
      await delay(restartPauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return null;
}

/** Makes the application's role and database where they are not there, and gives the role what an earlier version made for the superuser. */
async function prepareDatabase(
  superuserUrl: string,
  { database, applicationUser }: ClusterNames,
  password: string,
): Promise<void> {
  const server = new URL(superuserUrl);
  server.pathname = '/postgres';
  await onConnection(server.href, async (client) => {
    const roles = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [applicationUser]);
    // A password of ours has no character that would need quoting.
    if (roles.rowCount === 0) await client.query(`CREATE ROLE ${applicationUser} LOGIN PASSWORD '${password}'`);
    const databases = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (databases.rowCount === 0) await client.query(`CREATE DATABASE ${database} OWNER ${applicationUser}`);
  });
  await onConnection(superuserUrl, async (client) => {
    await client.query(`ALTER DATABASE ${database} OWNER TO ${applicationUser}`);
    const { rows } = await client.query<{ statement: string }>(
      `SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, $1::text) AS statement FROM pg_class c
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relowner <> $1::regrole
       UNION ALL
       SELECT format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, $1::text) FROM pg_proc p
       WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> $1::regrole`,
      [applicationUser],
    );
    for (const { statement } of rows) await client.query(statement);
  });
}

async function onConnection(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function findFreePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolvePort(port));
    });
  });
}

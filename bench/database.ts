import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, DatabaseError } from 'pg';
import { startEmbeddedPostgres } from '@tollgate/embedded-postgres';
import { postmasterOf } from './processes.ts';

/** A fresh database for this run alone. */
export interface BenchDatabase {
  readonly databaseUrl: string;
  /** Writes out what is waiting, so that the server does not do it while something is measured. */
  checkpoint(): Promise<void>;
  drop(): Promise<void>;
}

/** A database on the given server, or on a fresh embedded one with its default settings: fsync and synchronous_commit are on. */
export async function createBenchDatabase(serverUrl: string | null): Promise<BenchDatabase> {
  if (serverUrl !== null) return createDatabase(serverUrl);
  const directory = await mkdtemp(join(tmpdir(), 'tollgate-bench-'));
  const dataDir = join(directory, 'data');
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const postgres = await startEmbeddedPostgres({
      dataDir,
      databaseName: 'tollgate',
      log: { info: () => {}, warn: (_, message) => console.error(message) },
    });
    return {
      databaseUrl: postgres.databaseUrl,
      checkpoint: () => checkpoint(postgres.superuserUrl),
      drop: async () => {
        await postgres.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function createDatabase(serverUrl: string): Promise<BenchDatabase> {
  const name = `tollgate_bench_${process.pid}_${Date.now()}`;
  await runStatement(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    databaseUrl: url.href,
    checkpoint: () => checkpoint(url.href),
    drop: () => runStatement(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Only some roles may: with another the server writes when it likes, and the figures are what they are. */
export async function checkpoint(databaseUrl: string): Promise<void> {
  await runStatement(databaseUrl, 'checkpoint').catch((error: unknown) => {
    if (!(error instanceof DatabaseError && error.code === '42501')) throw error;
  });
}

/** Runs one statement, or several without parameters, on a connection of its own. */
export async function runStatement(databaseUrl: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** What the figures of a run depend on. */
export interface DatabaseDescription {
  readonly settings: Readonly<Record<string, string>>;
  /** PostgreSQL's first process; null when it runs elsewhere. */
  readonly postmasterPid: number | null;
}

/** What PostgreSQL says it is, whether it keeps its promises to the disk, and the process that serves us. */
export async function describeDatabase(databaseUrl: string): Promise<DatabaseDescription> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers') ORDER BY name`,
    );
    const backend = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    // Asked while the connection is open: afterwards its process is gone.
    return { settings, postmasterPid: postmasterOf(backend.rows[0]?.pid ?? 0) };
  } finally {
    await client.end();
  }
}

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Client } from 'pg';
import { clusterIn, namesOf, readPassword } from './cluster.ts';
import { postmasterFile } from './orphan.ts';

/** Lines of a server's pid file, counted from 0. */
const PORT_LINE = 3;

/**
 * Finds the embedded database that another process runs on this data directory now.
 * @returns its address, as the application's role; null: none runs.
 */
export async function runningEmbeddedPostgres(dataDir: string, databaseName: string): Promise<string | null> {
  const cluster = clusterIn(resolve(dataDir));
  const noted = await readFile(postmasterFile(cluster), 'utf8').catch(() => null);
  const port = Number(noted?.split('\n')[PORT_LINE]);
  if (!Number.isSafeInteger(port) || port <= 0) return null;
  const { applicationUser, database } = namesOf(databaseName);
  const databaseUrl = `postgresql://${applicationUser}:${await readPassword(cluster)}@127.0.0.1:${port}/${database}`;
  const client = new Client({ connectionString: databaseUrl });
  // A killed server leaves its note behind: only an answer tells.
  try {
    await client.connect();
    return databaseUrl;
  } catch {
    return null;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Local mode's PostgreSQL. It comes along as a package that is no part of an image, so this file is imported in local mode alone. */
import { EmbeddedPostgresError, runningEmbeddedPostgres, startEmbeddedPostgres } from '@tollgate/embedded-postgres';
import type { Log } from '../kernel/log.ts';
import { MendableError } from '../kernel/mendable-error.ts';

export interface EmbeddedDatabase {
  readonly databaseUrl: string;
  /** Stops the server, unless another process runs it. */
  close(): Promise<void>;
}

interface Options {
  readonly dataDir: string;
  readonly log: Log;
}

/** The only database of a data directory. */
const DATABASE = 'tollgate';

/**
 * Starts the server of this directory.
 * @throws {MendableError} when it cannot run, or when another process runs it
 */
export async function startEmbeddedDatabase(options: Options): Promise<EmbeddedDatabase> {
  const server = await startEmbeddedPostgres({ ...options, databaseName: DATABASE }).catch((error: unknown) => {
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    throw new MendableError(
      `${error.message}\nDATA_DIR names the data directory, DATABASE_URL a PostgreSQL (15 or newer) to use instead.`,
    );
  });
  return { databaseUrl: server.databaseUrl, close: () => server.stop() };
}

/**
 * Uses the server that another process runs in this directory, or starts it.
 * @throws {MendableError} when it cannot run
 */
export async function openEmbeddedDatabase(options: Options): Promise<EmbeddedDatabase> {
  const databaseUrl = await runningEmbeddedPostgres(options.dataDir, DATABASE);
  return databaseUrl === null ? startEmbeddedDatabase(options) : { databaseUrl, close: async () => {} };
}

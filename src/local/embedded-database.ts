/** Local mode's PostgreSQL. */
import { EmbeddedPostgresError, runningEmbeddedPostgres, startEmbeddedPostgres } from '@tollgate/embedded-postgres';
import type { Log } from '../kernel/log.ts';
import { MendableError } from '../kernel/mendable-error.ts';

export interface EmbeddedDatabase {
  readonly databaseUrl: string;
  /** Stops the server, unless another process runs it. */
  close(): Promise<void>;
}

const DATABASE_NAME = 'tollgate';

interface Options {
  readonly dataDir: string;
  readonly log: Log;
}

/**
 * Starts the server of this directory.
 * @throws {MendableError} when it cannot run, or when another process runs it
 */
export async function startEmbeddedDatabase(options: Options): Promise<EmbeddedDatabase> {
  const server = await startEmbeddedPostgres({ ...options, databaseName: DATABASE_NAME }).catch((error: unknown) => {
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    // The package does not know by which settings it was called.
    throw new MendableError(
      `${error.message} (DATA_DIR names the data directory, DATABASE_URL a PostgreSQL 15 or newer to use instead)`,
    );
  });
  return { databaseUrl: server.databaseUrl, close: () => server.stop() };
}

/**
 * Uses the server that another process runs in this directory, or starts it.
 * @throws {MendableError} when it cannot run
 */
export async function openEmbeddedDatabase(options: Options): Promise<EmbeddedDatabase> {
  const databaseUrl = await runningEmbeddedPostgres(options.dataDir, DATABASE_NAME);
  return databaseUrl === null ? startEmbeddedDatabase(options) : { databaseUrl, close: async () => {} };
}

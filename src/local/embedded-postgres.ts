/** Local mode's database: a PostgreSQL that comes along. Its package is no part of an image, so it is loaded only where it is used. */
import type * as EmbeddedPostgresPackage from '@tollgate/embedded-postgres';
import type { EmbeddedLog, EmbeddedPostgres } from '@tollgate/embedded-postgres';

/** The only database of a data directory. */
const DATABASE = 'tollgate';

/** There is no database and none could be started; the message is for the user. */
export class LocalDatabaseError extends Error {
  override readonly name = 'LocalDatabaseError';
}

/** Starts the database of this data directory. @throws LocalDatabaseError */
export async function startLocalDatabase(options: { dataDir: string; log: EmbeddedLog }): Promise<EmbeddedPostgres> {
  const { startEmbeddedPostgres, EmbeddedPostgresError } = await loadPackage();
  try {
    return await startEmbeddedPostgres({ ...options, databaseName: DATABASE });
  } catch (error) {
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    throw new LocalDatabaseError(
      `${error.message}\nDATA_DIR names the data directory, DATABASE_URL a PostgreSQL (15 or newer) to use instead.`,
      { cause: error },
    );
  }
}

/** Address of the database that another process of this data directory runs now; null: none runs. @throws LocalDatabaseError */
export async function runningLocalDatabase(dataDir: string): Promise<string | null> {
  const { runningEmbeddedPostgres } = await loadPackage();
  return runningEmbeddedPostgres(dataDir, DATABASE);
}

async function loadPackage(): Promise<typeof EmbeddedPostgresPackage> {
  try {
    return await import('@tollgate/embedded-postgres');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new LocalDatabaseError('This installation brings no PostgreSQL along: set DATABASE_URL.', { cause });
  }
}

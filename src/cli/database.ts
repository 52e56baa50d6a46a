import type { Config } from '../config/config.ts';
import { isTransient } from '../db/errors.ts';
import type { Log } from '../kernel/log.ts';
import { MendableError } from '../kernel/mendable-error.ts';
import { requireKnownSchema } from '../persistence/known-schema.ts';
import { importLocal } from './local.ts';

/**
 * Runs `work` on the database of DATABASE_URL, or else on the embedded one: on the server that a local process runs, or
 * on one that is started for the time of the work.
 * @throws {MendableError} when the database cannot be reached, or belongs to a newer release
 */
export async function onDatabase<T>(
  { databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>,
  log: Log,
  work: (databaseUrl: string) => Promise<T>,
): Promise<T> {
  if (databaseUrl !== null) {
    await checkDatabase(databaseUrl);
    return work(databaseUrl);
  }
  const { openEmbeddedDatabase } = await importLocal(() => import('../local/embedded-database.ts'));
  const embedded = await openEmbeddedDatabase({ dataDir, log });
  try {
    await checkDatabase(embedded.databaseUrl);
    return await work(embedded.databaseUrl);
  } finally {
    await embedded.close();
  }
}

/** Puts an error of the database that its operator can mend into one line, and leaves every other as it is. */
export function asMendable(error: unknown): unknown {
  if (!isTransient(error) && !isTurnedAway(error)) return error;
  // A name with several addresses fails with one error for all of them, which has no message itself.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return new MendableError(`the database cannot be used: ${first instanceof Error ? first.message : String(first)}`);
}

/** The server answered, and let nobody in: the password is wrong, or there is no such role or database. */
function isTurnedAway(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(28|3D)/.test(String(error.code));
}

async function checkDatabase(databaseUrl: string): Promise<void> {
  try {
    await requireKnownSchema(databaseUrl);
  } catch (error) {
    throw asMendable(error);
  }
}

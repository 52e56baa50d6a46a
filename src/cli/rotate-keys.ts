/**
 * `npm run keys:rotate`: wraps the data keys of all secrets by the newest of ENCRYPTION_KEYS, so that older ones can be
 * taken out. Beside running servers, and again wherever it was stopped.
 */
import { auditInto } from '../billing-entities/audit-log.ts';
import { rewrapAll } from '../api-keys/rewrapping.ts';
import { systemClock } from '../kernel/clock.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { Database } from '../db/database.ts';
import { LocalDatabaseError, runningLocalDatabase, startLocalDatabase } from '../local/embedded-postgres.ts';
import { NewerSchemaError, requireKnownSchema } from '../persistence/known-schema.ts';
import { encryptionKeysOf } from '../local/secrets.ts';
import { createLog } from '../kernel/log.ts';

/** Prints what was done and each secret that does not open; gives the exit code: 0 only when all are of the newest key. */
export async function rotateKeys(): Promise<number> {
  try {
    const config = loadConfig(process.env, 'local');
    if (config.databaseUrl !== null && config.encryptionKeys.length === 0) {
      throw new ConfigError(['ENCRYPTION_KEYS is required with DATABASE_URL: the keys of the servers there']);
    }
    const log = createLog({ level: 'warn' });
    const running = config.databaseUrl ?? (await runningLocalDatabase(config.dataDir));
    const embedded = running === null ? await startLocalDatabase({ dataDir: config.dataDir, log }) : null;
    const databaseUrl = running ?? (embedded?.databaseUrl as string);
    const database = new Database(databaseUrl, {
      max: 2,
      onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    });
    try {
      await requireKnownSchema(databaseUrl);
      const encryptionKeys = await encryptionKeysOf(config);
      const audit = auditInto(systemClock);
      const { rewrapped, unreadable, remaining } = await rewrapAll({ database, encryptionKeys, audit, log });
      for (const id of unreadable) console.log(`${id}: its secret cannot be opened; its owner has to rotate it`);
      console.log(
        `${rewrapped} wrapped by ${encryptionKeys[0]?.id}, ${unreadable.length} unreadable, ${remaining} remain`,
      );
      return remaining === 0 ? 0 : 1;
    } finally {
      await database.end();
      await embedded?.stop();
    }
  } catch (error) {
    const isPlain =
      error instanceof ConfigError || error instanceof NewerSchemaError || error instanceof LocalDatabaseError;
    console.error(isPlain ? error.message : error);
    return 1;
  }
}

import { SEALED_WEBHOOK_SECRETS } from '../alerts/webhooks/secrets.ts';
import { SEALED_API_KEYS } from '../api-keys/api-key.ts';
import { auditInto } from '../billing-entities/audit-log.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { ConfigError } from '../config/reader.ts';
import type { EncryptionKey } from '../config/values.ts';
import { Database } from '../db/database.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { rewrapAll } from '../secrets/rewrapping.ts';
import type { Invocation } from './command.ts';
import { onDatabase } from './database.ts';
import { importLocal } from './local.ts';

/** Rotates keys beside servers. A run that was stopped goes on where it was when it is started again. */
export async function rotateKeys({ env, output, stopping }: Invocation): Promise<number> {
  const config = loadConfig(env, 'local');
  if (config.databaseUrl !== null && config.encryptionKeys.length === 0) {
    throw new ConfigError(['ENCRYPTION_KEYS is required with DATABASE_URL: the keys of the servers there']);
  }
  const log = createLog({ level: 'warn', destination: output.log });
  return onDatabase(config, log, async (databaseUrl) => {
    const database = new Database(databaseUrl, {
      max: 2,
      onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    });
    try {
      const encryptionKeys = await keysOf(config);
      const { rewrapped, unreadable, remaining } = await rewrapAll({
        tables: [SEALED_API_KEYS, SEALED_WEBHOOK_SECRETS],
        ...{ database, encryptionKeys, audit: auditInto(systemClock), log, stopping },
        onProgress: (done, total) => output.progress({ done, total, unit: 'secrets' }),
      });
      for (const id of unreadable) output.print(`${id}: its secret cannot be opened; its owner has to rotate it`);
      const newest = encryptionKeys[0]?.id;
      output.print(`${rewrapped} wrapped by ${newest}, ${unreadable.length} unreadable, ${remaining} remain`);
      return remaining === 0 ? 0 : 1;
    } finally {
      await database.end();
    }
  });
}

/** Local mode keeps a key of its own where none is given. */
async function keysOf(config: Config): Promise<readonly EncryptionKey[]> {
  if (config.encryptionKeys.length > 0) return config.encryptionKeys;
  const { encryptionKeysOf } = await importLocal(() => import('../local/secrets.ts'));
  return encryptionKeysOf(config);
}

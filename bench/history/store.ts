import { mkdir } from 'node:fs/promises';
import { startEmbeddedPostgres } from '@tollgate/embedded-postgres';
import { type BenchDatabase, checkpoint, createBenchDatabase } from '../database.ts';

/**
 * Where a history is: `into` names the address of a database, or a directory for an embedded one, and either stays; absent,
 * a database of this run alone.
 */
export async function openStore(into: string | null, serverUrl: string | null): Promise<BenchDatabase> {
  if (into === null) return createBenchDatabase(serverUrl);
  if (/^postgres(ql)?:/.test(into)) {
    return { databaseUrl: into, checkpoint: () => checkpoint(into), drop: async () => {} };
  }
  await mkdir(into, { recursive: true });
  const postgres = await startEmbeddedPostgres({
    dataDir: into,
    databaseName: 'tollgate',
    log: { info: () => {}, warn: (_, message) => console.error(message) },
  });
  return {
    databaseUrl: postgres.databaseUrl,
    checkpoint: () => checkpoint(postgres.superuserUrl),
    drop: () => postgres.stop(),
  };
}

/** Local mode's PostgreSQL. */
import { EmbeddedPostgresError } from '../db/embedded/errors.ts';
import { runningEmbeddedPostgres } from '../db/embedded/running.ts';
import { databaseName, startEmbeddedPostgres } from '../db/embedded/start.ts';
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

/**
 * Starts the server of this directory.
 * @throws {MendableError} when it cannot run, or when another process runs it
 */
export async function startEmbeddedDatabase(options: Options): Promise<EmbeddedDatabase> {
  const server = await startEmbeddedPostgres(options).catch((error: unknown) => {
    throw error instanceof EmbeddedPostgresError ? new MendableError(error.message) : error;
  });
  return { databaseUrl: server.databaseUrl, close: () => server.stop() };
}

/**
 * Uses the server that another process runs in this directory, or starts it.
 * @throws {MendableError} when it cannot run
 */
export async function openEmbeddedDatabase(options: Options): Promise<EmbeddedDatabase> {
  const databaseUrl = await runningEmbeddedPostgres(options.dataDir, databaseName);
  return databaseUrl === null ? startEmbeddedDatabase(options) : { databaseUrl, close: async () => {} };
}

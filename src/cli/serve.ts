import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startApp } from '../app.ts';
import { type Config, loadConfig, type Mode } from '../config/config.ts';
import { systemClock } from '../kernel/clock.ts';
import { isTransient } from '../db/errors.ts';
import { createLog, type Log } from '../kernel/log.ts';
import { migrate } from '../persistence/migrate.ts';
import type { Invocation } from './command.ts';
import { asMendable } from './database.ts';
import { importLocal } from './local.ts';

/** Databases and applications start together, so the first connection may take this long. */
const FIRST_CONNECTION_MS = 60_000;
/** The built portal, seen from the built code in dist/src/cli. */
const PORTAL = fileURLToPath(new URL('../../../packages/portal/dist', import.meta.url));

/** Serves until it is told to stop. */
export async function serve(mode: Mode, { env, output, stopping }: Invocation): Promise<number> {
  const config = loadConfig(env, mode);
  const log = createLog({ level: config.logLevel });
  const database = await databaseOf(config, log);
  try {
    await migrateWhenReachable(database.databaseUrl, { log, stopping });
    const app = await startIn(mode, { config, log, databaseUrl: database.databaseUrl, output });
    if (!stopping.aborted) await once(stopping, 'abort');
    log.info('stopping');
    await app.stop();
  } finally {
    await database.close();
  }
  log.info('stopped');
  return 0;
}

async function databaseOf(
  { databaseUrl, dataDir }: Config,
  log: Log,
): Promise<{ readonly databaseUrl: string; close(): Promise<void> }> {
  if (databaseUrl !== null) return { databaseUrl, close: async () => {} };
  const { startEmbeddedDatabase } = await importLocal(() => import('../local/embedded-database.ts'));
  return startEmbeddedDatabase({ dataDir, log });
}

async function startIn(
  mode: Mode,
  { config, log, databaseUrl, output }: { config: Config; log: Log; databaseUrl: string } & Pick<Invocation, 'output'>,
): Promise<{ stop(): Promise<void> }> {
  if (mode === 'production') {
    const app = await startApp({ config, databaseUrl, auth: config.auth, clock: systemClock, log, portal: PORTAL });
    log.info({ port: app.port }, 'listening');
    return app;
  }
  const { startLocally } = await importLocal(() => import('../local/serve-locally.ts'));
  const app = await startLocally(config, { databaseUrl, log, portal: PORTAL });
  output.print(app.welcome);
  return app;
}

async function migrateWhenReachable(
  databaseUrl: string,
  { log, stopping }: { log: Log; stopping: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + FIRST_CONNECTION_MS;
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, 4_000)) {
    try {
      await migrate(databaseUrl);
      return;
    } catch (error) {
      if (!isTransient(error) || performance.now() + pauseMs > deadline) throw asMendable(error);
      log.warn({ err: error }, 'the database does not answer yet');
      await delay(pauseMs, undefined, { signal: stopping }).catch(() => stopping.throwIfAborted());
    }
  }
}

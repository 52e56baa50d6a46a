import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { buildIfStale } from '../../scripts/build.mjs';

const root = join(import.meta.dirname, '../..');
// Of this run alone: a given server may serve several at once.
const templateName = `tollgate_template_${randomBytes(4).toString('hex')}`;

/**
 * Once per run: the build, one PostgreSQL for all test files, and in it the template that each of them clones.
 * Plain JavaScript over the built code, so that it runs outside of jest's transforms. TEST_DATABASE_URL names a server
 * to use instead of the embedded one (15 or newer, a role that may create databases).
 */
export default async function globalSetup() {
  await buildIfStale();
  const { serverUrl, applicationUrl } = await findServer();
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await dropLeftovers(admin);
    await makeTemplate(admin, applicationUrl);
  } finally {
    await admin.end();
  }
  process.env.TOLLGATE_TEST_SERVER_URL = serverUrl;
  process.env.TOLLGATE_TEST_APPLICATION_URL = applicationUrl;
  process.env.TOLLGATE_TEST_TEMPLATE = templateName;
}

/** Who looks after the server, and as whom the application comes: in a given server one role is both. */
async function findServer() {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined) return { serverUrl: given, applicationUrl: given };
  const { superuserUrl, databaseUrl } = await startEmbedded();
  return { serverUrl: superuserUrl, applicationUrl: databaseUrl };
}

async function startEmbedded() {
  const { startEmbeddedPostgres } = await import('@tollgate/embedded-postgres');
  const log = { info: () => undefined, warn: (fields, message) => console.warn(message, fields) };
  // The same directory every time: a run that was interrupted leaves a server there, which the next one clears away.
  // Not durable: the tests kill processes, never the machine.
  const start = (dataDir) => startEmbeddedPostgres({ dataDir, databaseName: 'tollgate', log, durable: false });
  const server = await start(join(root, '.tollgate/tests')).catch(async (error) => {
    if (!String(error).includes('in use by another')) throw error;
    // A second run beside the first.
    return start(await mkdtemp(join(tmpdir(), 'tollgate-tests-')));
  });
  globalThis.tollgateTestServer = server;
  return server;
}

/** What earlier, interrupted runs left in the server. Only in the embedded one: a given server may be shared by runs. */
async function dropLeftovers(admin) {
  if (process.env.TEST_DATABASE_URL !== undefined) return;
  const { rows } = await admin.query(`SELECT datname FROM pg_database WHERE datname LIKE 'tollgate_te%'`);
  for (const { datname } of rows) await admin.query(`DROP DATABASE "${datname}" WITH (FORCE)`);
}

async function makeTemplate(admin, applicationUrl) {
  const url = new URL(applicationUrl);
  await admin.query(`CREATE DATABASE ${templateName} TEMPLATE template0 OWNER ${pg.escapeIdentifier(url.username)}`);
  const migrations = join(root, 'dist/src/persistence/migrate.js');
  if (existsSync(migrations)) {
    const { migrate } = await import(migrations);
    url.pathname = `/${templateName}`;
    await migrate(url.href);
  }
  // Cloning fails while anybody is connected to the original, so nobody may be.
  await admin.query(`ALTER DATABASE ${templateName} ALLOW_CONNECTIONS false`);
}

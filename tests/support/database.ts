import { randomBytes } from 'node:crypto';
import { Client, DatabaseError, escapeIdentifier } from 'pg';

/** A database of a test file's own, migrated and otherwise empty. */
export interface TestDatabase {
  readonly url: string;
  /** The same for who looks after the server, and may switch triggers off. */
  readonly adminUrl: string;
  /** Ends whatever sessions are left and removes the database. */
  drop(): Promise<void>;
}

/**
 * Clones the migrated template, in some 50 ms; `isEmpty`: nothing is migrated. For `beforeAll`; pair it with `drop()` in
 * `afterAll`. Any number of files may call it at once.
 */
export async function createTestDatabase({ isEmpty = false } = {}): Promise<TestDatabase> {
  const template = isEmpty ? 'template0' : setting('TOLLGATE_TEST_TEMPLATE');
  const name = `tollgate_test_${randomBytes(8).toString('hex')}`;
  await administer((client) => cloneDatabase(client, { name, template }));
  const urlOf = (server: string): string => Object.assign(new URL(server), { pathname: `/${name}` }).href;
  return {
    url: urlOf(setting('TOLLGATE_TEST_APPLICATION_URL')),
    adminUrl: urlOf(setting('TOLLGATE_TEST_SERVER_URL')),
    drop: () =>
      administer(async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

async function cloneDatabase(client: Client, { name, template }: { name: string; template: string }): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const owner = new URL(setting('TOLLGATE_TEST_APPLICATION_URL')).username;
      await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${escapeIdentifier(owner)}`);
      return;
    } catch (error) {
      // «source database is being accessed by other users»: autovacuum may look in; PostgreSQL waited 5 s for it already.
      if (!(error instanceof DatabaseError) || error.code !== '55006' || attempt === 5) throw error;
    }
  }
}

/** Runs statements that concern whole databases. */
async function administer(work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: setting('TOLLGATE_TEST_SERVER_URL') });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: run the tests with npm test`);
  return value;
}

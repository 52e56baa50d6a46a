/** The role that the compose file's database makes for the application: what the ledger's REVOKEs mean for it. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { migrate } from '../../src/persistence/migrate.ts';

const role = `tollgate_role_${randomBytes(4).toString('hex')}`;
const password = randomBytes(12).toString('hex');
let admin: pg.Client;
let url: string;

beforeAll(async () => {
  const server = process.env['TOLLGATE_TEST_SERVER_URL'] as string;
  admin = new pg.Client({ connectionString: server });
  await admin.connect();
  const script = await readFile('docker/application-role.sql', 'utf8');
  // As psql would, one statement after another; under a name that is free on this server.
  const statements = script
    .replaceAll(/^--.*$/gm, '')
    .replaceAll(":'password'", pg.escapeLiteral(password))
    .replaceAll(/\btollgate\b/g, role)
    .split(';');
  for (const statement of statements) if (statement.trim() !== '') await admin.query(statement);
  url = Object.assign(new URL(server), { username: role, password, pathname: `/${role}` }).href;
});

afterAll(async () => {
  await admin.query(`drop database if exists ${role} with (force)`);
  await admin.query(`drop role if exists ${role}`);
  await admin.end();
});

it('may migrate and use its database, and is refused to change what the ledger holds', async () => {
  await migrate(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      'select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = current_user',
    );
    expect(Object.values(rows[0] as object)).toEqual([false, false, false, false, false]);
    for (const table of [
      'ledger_entry',
      'usage_record',
      'usage_refund',
      'audit_log_entry',
      'alert',
      'alert_preference_change',
    ]) {
      for (const statement of [
        `delete from ${table}`,
        `truncate ${table}`,
        `update ${table} set billing_entity_id = null`,
      ]) {
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
      }
    }
    expect((await client.query('select count(*)::int as n from ledger_entry')).rows).toEqual([{ n: 0 }]);
    await expect(client.query(`alter role ${role} superuser`)).rejects.toMatchObject({ code: '42501' });
  } finally {
    await client.end();
  }
});

it('is the one that the compose file connects as', async () => {
  const compose = await readFile('docker-compose.yml', 'utf8');
  expect(compose).toContain('DATABASE_URL: postgresql://tollgate:');
  expect(compose).toContain('POSTGRES_USER: postgres');
  expect(compose).toContain('./docker/application-role.sql:');
  expect(await readFile('docker/application-role.sh', 'utf8')).toContain('application-role.sql');
});

import { readdir } from 'node:fs/promises';
import pg from 'pg';
import { migrations } from '../../migrations/list.ts';
import { migrate } from '../../src/persistence/migrate.ts';
import { openOrm } from '../../src/persistence/orm.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/**
 * Tables that are not a billing entity's own: the directory, what has been migrated, Stripe's events, which must be known
 * by Stripe's id before anybody knows whom they concern, confirmations counted over all entities, and sessions, which are
 * of people.
 */
const SHARED_TABLES = ['confirmation_count', 'ended_session', 'entity_key', 'schema_migration', 'stripe_event'];

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function differences(): Promise<string[]> {
  const orm = await openOrm(database.url, { poolSize: 2 });
  try {
    const sql = await orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
    // The entities know no triggers; a test of their own holds them.
    return sql.split('\n').filter((line) => line.trim() !== '' && !/^drop (trigger|function) /.test(line));
  } finally {
    await orm.close();
  }
}

describe('migrations', () => {
  it('are in step with the entities', async () => {
    expect(await differences()).toEqual([]);
  });

  it('would be noticed to lack a column, a check or an index', async () => {
    const breaks = [
      ['alter table credit_grant drop column reason', 'alter table credit_grant add column reason text'],
      [
        'drop index usage_record_history',
        'create index usage_record_history on usage_record (billing_entity_id, occurred_at, sequence, line)',
      ],
      [
        'alter table credit_account drop constraint credit_account_available_not_negative',
        'alter table credit_account add constraint credit_account_available_not_negative check (available >= 0)',
      ],
    ] as const;
    for (const [breaking, mending] of breaks) {
      await client.query(breaking);
      expect({ breaking, noticed: (await differences()).length > 0 }).toEqual({ breaking, noticed: true });
      await client.query(mending);
    }
    expect(await differences()).toEqual([]);
  });

  it('are all listed, in the order of their names', async () => {
    const files = (await readdir('migrations')).filter((file) => /^\d/.test(file)).sort();
    const names = migrations.map((Each) => Reflect.construct(Each, [null, null]).name as string);
    expect(names).toEqual(files.map((file) => file.replace(/\.ts$/, '')));
  });

  it('keep sums as large as they could be before, and let them grow on', async () => {
    const id = '01900000-0000-7000-8000-000000000001';
    const largest = 2n ** 63n - 1n;
    for (const [table, start] of [
      ['usage_rollup', 'hour'],
      ['usage_rollup_day', 'day'],
    ]) {
      await client.query(`alter table ${table} alter column quantity type bigint,
        alter column credits type bigint, alter column overage type bigint`);
      const { rows: columns } = await client.query<{ name: string }>(
        `select column_name as name from information_schema.columns where table_name = $1 and column_name like '%\\_before%'`,
        [table],
      );
      await client.query(
        `insert into ${table} (billing_entity_id, ${start}, user_id, model, resource, billing_mode, feature, quantity, credits, overage, records,
           ${columns.map(({ name }) => name).join(', ')})
         values ($1, '2026-03-10', $1, '', 'AI_TOKENS', 'FULL', '', $2, $2, $2, 1, ${columns.map(() => '0').join(', ')})`,
        [id, largest],
      );
    }
    await client.query(`delete from schema_migration where name = '0010-sums-without-bound'`);
    await migrate(database.url);
    for (const table of ['usage_rollup', 'usage_rollup_day']) {
      const { rows } = await client.query(
        `update ${table} set quantity = quantity + $2::bigint, credits = credits + 1, overage = overage + 1
         where billing_entity_id = $1 returning quantity, credits, overage`,
        [id, largest],
      );
      expect(rows).toEqual([{ quantity: `${2n * largest}`, credits: `${largest + 1n}`, overage: `${largest + 1n}` }]);
      await client.query(`delete from ${table}`);
    }
    expect(await differences()).toEqual([]);
  });

  it('leave grants of before without anybody who transferred them, and let new ones name somebody', async () => {
    const [id, pool] = ['01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002'];
    await client.query(`alter table credit_grant drop column transferred_by`);
    const insert = (grantId: string, source: string, column = '', value = ''): Promise<unknown> =>
      client.query(
        `insert into credit_grant (billing_entity_id, id, amount, remaining, state, open, source, priority, effective_at, created_at,
           root_billing_entity_id, root_grant_id, root_source ${column})
         values ($1, $2, 5, 5, 'ACTIVE', true, $3, 50, '2026-03-10', '2026-03-10', $4, $2, 'PURCHASE' ${value})`,
        [id, grantId, source, pool],
      );
    await insert(id, 'TRANSFER');
    await client.query(`delete from schema_migration where name = '0013-transferred-by'`);
    await migrate(database.url);
    await insert(pool, 'TRANSFER', ', transferred_by', `, '${pool}'`);
    const { rows } = await client.query('select id, transferred_by from credit_grant order by id');
    expect(rows).toEqual([
      { id, transferred_by: null },
      { id: pool, transferred_by: pool },
    ]);
    await expect(
      insert('01900000-0000-7000-8000-000000000003', 'PURCHASE', ', transferred_by', `, '${pool}'`),
    ).rejects.toMatchObject({ code: '23514' });
    await client.query('delete from credit_grant');
    expect(await differences()).toEqual([]);
  });

  it('run again, and from many processes at once, without harm', async () => {
    await Promise.all(Array.from({ length: 5 }, () => migrate(database.url)));
    const { rows } = await client.query<{ count: number }>('select count(*)::int as count from schema_migration');
    expect(rows[0]?.count).toBe(migrations.length);
  });
});

describe('every table of a billing entity', () => {
  it('is keyed by it, not null, in each primary, unique and foreign key', async () => {
    const { rows } = await client.query<{ table: string; key: string; columns: string[] }>(
      `select c.relname as table, i.relname as key, array_agg(a.attname::text) as columns
       from pg_index x
       join pg_class c on c.oid = x.indrelid
       join pg_class i on i.oid = x.indexrelid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = any (x.indkey)
       where c.relnamespace = 'public'::regnamespace and x.indisunique and not c.relname = any ($1)
       group by 1, 2
       union all
       select c.relname, f.conname, array_agg(a.attname::text)
       from pg_constraint f
       join pg_class c on c.oid = f.conrelid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = any (f.conkey)
       where c.relnamespace = 'public'::regnamespace and f.contype = 'f' and not c.relname = any ($1)
       group by 1, 2`,
      [SHARED_TABLES],
    );
    expect(rows.length).toBeGreaterThan(4);
    for (const { table, key, columns } of rows) {
      expect({ table, key, columns }).toMatchObject({
        columns: expect.arrayContaining(['billing_entity_id']) as string[],
      });
    }
  });

  it('holds its id as a uuid that is never null', async () => {
    const { rows } = await client.query<{ table_name: string; data_type: string | null; is_nullable: string | null }>(
      `select t.table_name, c.data_type, c.is_nullable
       from information_schema.tables t
       left join information_schema.columns c
         on c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = 'billing_entity_id'
       where t.table_schema = 'public' and t.table_type = 'BASE TABLE' and not t.table_name = any ($1)`,
      [SHARED_TABLES],
    );
    for (const row of rows) expect(row).toMatchObject({ data_type: 'uuid', is_nullable: 'NO' });
  });

  it('never has a key set null by another row, and has triggers of rows alone', async () => {
    const { rows: setNull } = await client.query(
      `select conname from pg_constraint where contype = 'f' and confdeltype = 'n'`,
    );
    expect(setNull).toEqual([]);
    const { rows: triggers } = await client.query<{ table: string; name: string; row: boolean }>(
      `select c.relname as table, t.tgname as name, t.tgtype & 1 = 1 as row
       from pg_trigger t join pg_class c on c.oid = t.tgrelid where not t.tgisinternal order by 1, 2`,
    );
    expect(triggers).toEqual([
      { table: 'alert', name: 'alert_append_only', row: true },
      { table: 'alert_preference_change', name: 'alert_preference_change_append_only', row: true },
      { table: 'api_key', name: 'api_key_stamps_account', row: true },
      { table: 'audit_log_entry', name: 'audit_log_entry_append_only', row: true },
      { table: 'billing_entity', name: 'billing_entity_stamps_account', row: true },
      { table: 'credit_account', name: 'credit_account_stamped', row: true },
      { table: 'ledger_entry', name: 'ledger_entry_append_only', row: true },
      { table: 'membership', name: 'membership_stamps_account', row: true },
      { table: 'meter_report', name: 'meter_report_frozen', row: true },
      { table: 'usage_record', name: 'usage_record_append_only', row: true },
      { table: 'usage_refund', name: 'usage_refund_append_only', row: true },
    ]);
  });
});

import fc from 'fast-check';
import pg from 'pg';
import { migrate } from '../../src/persistence/migrate.ts';
import { createHousehold, record, refund, useDraft } from '../usage/recorded-use.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';

const NAMES = 'user_id, api_key_entity_id, api_key_id, resource, billing_mode, feature, organization_id';

/** Makes of the tables what the release before had, with sums that nobody should believe. */
async function goBack(client: pg.Client): Promise<void> {
  for (const [table, start] of [
    ['usage_rollup', 'hour'],
    ['usage_rollup_day', 'day'],
  ] as const) {
    const { rows } = await client.query<{ name: string }>(
      `select column_name as name from information_schema.columns where table_name = $1 and column_name like '%\\_before%'`,
      [table],
    );
    await client.query(`alter table ${table} drop constraint ${table}_pkey`);
    await client.query(
      `alter table ${table} drop column model, ${rows.map(({ name }) => `drop column ${name}`).join(', ')}`,
    );
    await client.query(
      `alter table ${table} add constraint ${table}_pkey primary key (billing_entity_id, ${start}, ${NAMES})`,
    );
    await client.query(`update ${table} set credits = credits + 7`);
  }
  await client.query('alter table usage_record drop column model, drop column model_folded');
  await client.query(`delete from schema_migration where name = '0012-quarter-hours-and-models'`);
}

it('sums of before are made anew from the records, by quarter hours and net of refunds', async () => {
  const bench = await Bench.open();
  const client = new pg.Client({ connectionString: bench.database.url });
  await client.connect();
  try {
    const clock = new TestClock();
    const before = await bench.services({ clock });
    const household = await createHousehold(before, bench.database.url);
    const drafts = fc
      .sample(useDraft, { numRuns: 80, seed: 5 })
      .map((draft) => ({ ...draft, lines: draft.lines.map((line) => ({ ...line, model: null })) }));
    const recorded = await record(before, household, { drafts, now: clock.now() });
    await Promise.all(recorded.filter((_, index) => index % 5 === 0).map((each) => refund(before, each)));
    const sumsOf = async (): Promise<unknown[]> => {
      const tables = ['usage_rollup', 'usage_rollup_day'].map(async (table) => {
        const { rows } = await client.query<{ row: object }>(
          `select to_jsonb(r) as row from ${table} r order by to_jsonb(r)::text`,
        );
        return rows.map(({ row }) => row);
      });
      return Promise.all(tables);
    };
    const sound = await sumsOf();
    await before.stop();

    await goBack(client);
    await migrate(bench.database.url);
    expect(await sumsOf()).toEqual(sound);
    const after = await bench.services({ clock });
    for (const id of household.people.values()) {
      expect((await after.verification.verify(id)).problems).toEqual([]);
    }
  } finally {
    await client.end();
    await bench.close();
  }
});

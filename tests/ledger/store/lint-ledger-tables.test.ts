import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tollgate-lint-'));
  const config = {
    jsPlugins: [join(ROOT, 'scripts/lint-ledger-tables.mjs')],
    categories: { correctness: 'off' },
    rules: { 'ledger-tables/only-the-store-writes': 'error' },
  };
  await writeFile(join(directory, 'lint.json'), JSON.stringify(config));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** The lines of a file at which the rule fires. */
async function firesAt(lines: readonly string[]): Promise<number[]> {
  await writeFile(join(directory, 'sample.ts'), lines.join('\n'));
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const args = [oxlint, '-c', join(directory, 'lint.json'), '--format', 'json', join(directory, 'sample.ts')];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8' });
  if (!stdout.startsWith('{')) throw new Error(`${stdout}${stderr}`);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { labels: { span: { line: number } }[] }[] };
  return diagnostics.map(({ labels }) => labels[0]?.span.line ?? 0).sort((a, b) => a - b);
}

describe('the lint rule of the ledger’s tables', () => {
  it('fires at SQL that writes one of them, however it is spelled', async () => {
    const writes = [
      'export const a = `insert into credit_account (billing_entity_id) values ($1)`;',
      'export const b = \'INSERT  INTO public."ledger_entry" values (1)\';',
      'export const c = `with x as (select 1) update only meter_report set state = 1`;',
      'export const d = `delete /* all */ from reservation`;',
      'export const e = `merge into usage_rollup using x on true`;',
      'export const f = `truncate table membership, use_counter`;',
      "export const g = 'update ' + 'credit_grant' + ' set amount = 0';",
      "export const h = `update ${'usage_record'} set credits = 0`;",
      'export const i = (table: string) => `delete from ${table} where true`;',
      'export const j = `insert into audit_log_entry values (1)`;',
    ];
    expect(await firesAt(writes)).toEqual(writes.map((_, index) => index + 1));
    expect(await firesAt(['export const a = `', 'update', '  credit_account', 'set available = 0`;'])).toEqual([1]);
  });

  it('lets reads be, other tables, and words', async () => {
    expect(
      await firesAt([
        'export const a = `select * from credit_account for update`;',
        'export const b = `insert into billing_entity select 1 from credit_account`;',
        'export const c = `update membership set role = 1`;',
        'export const d = `delete from reservation_note`;',
        "export const e = 'the update of credit accounts';",
        'export const f = (id: string) => `select ${id} from ledger_entry`;',
      ]),
    ).toEqual([]);
  });
});

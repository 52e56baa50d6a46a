import { execFile } from 'node:child_process';
import { Installation, SERVICE } from '../support/installation.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

/** What the command prints and how it ends. */
function run(...named: readonly string[]): Promise<{ code: number | string | null; output: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], DATABASE_URL: installation.database.url };
    execFile(
      process.execPath,
      ['scripts/tollgate.mjs', 'ledger:verify', ...named],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: error?.code ?? 0, output: `${stdout}${stderr}`.replace(/^built in .*\n/m, '') });
      },
    );
  });
}

test('npm run ledger:verify proves every account, names what differs, and its exit code says whether any does', async () => {
  const people = await Promise.all([100n, 50n, 10n].map((credits) => installation.person(credits)));
  for (const person of people) {
    await installation.one.consumption.consume(SERVICE, installation.use(person, 100));
  }
  const sound = await run();
  expect(sound).toMatchObject({ code: 0 });
  expect(sound.output).toMatch(/^3 accounts, 12 entries, [\d.]+ s: all consistent\n$/);

  const [first, second] = people.map(({ id }) => id);
  await installation.behindItsBack(
    `update ledger_entry set actor = 'nobody' where billing_entity_id = '${second}' and sequence = 4`,
  );
  const altered = await run();
  expect(altered.code).toBe(1);
  expect(altered.output).toContain(`${second}: entry 4 was altered after it was written: its checksum differs\n`);
  expect(altered.output).toMatch(/3 accounts, 12 entries, [\d.]+ s: 1 differences\n$/);
  expect(await run(first as string)).toMatchObject({ code: 0 });
  expect(await run('01900000-0000-7000-8000-00000000dead')).toEqual({
    code: 1,
    output: 'there is no such billing entity\n',
  });
}, 60_000);

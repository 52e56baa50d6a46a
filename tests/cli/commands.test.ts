/** Every command of package.json that is ours: its help, its arguments, and its place in the documentation. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> };

/** What starts a command of ours; tools of others (jest, oxlint …) and scripts that build and check are none. */
const OURS = /^(?:exec )?node ((?:--\S+ )*(?:scripts\/tollgate\.mjs|bench\/)\S*(?: \S+)*)$/;

const commands = Object.entries(scripts).flatMap(([name, script]) => {
  const [, line] = OURS.exec(script) ?? [];
  return line === undefined ? [] : [{ name, line: line.split(' ') }];
});

/** Options that a command cannot be called without. */
const MANDATORY: Readonly<Record<string, readonly string[]>> = { 'bench:fill': ['--into', 'nowhere'] };

interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 110_000 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? (error === null ? 0 : null), stdout, stderr });
    });
  });
}

it('are these', () => {
  expect(commands.map(({ name }) => name).toSorted()).toEqual([
    'bench',
    'bench:fill',
    'keys:rotate',
    'ledger:verify',
    'schema',
    'serve',
    'start',
    'stripe:check',
    'stripe:reconcile',
    'stripe:setup',
  ]);
});

describe.each(commands)('$name', ({ name, line }) => {
  const call = name === 'start' ? 'npm start --' : `npm run ${name} --`;

  it('--help prints how it is called and what its exit codes mean, and ends with 0', async () => {
    const { code, stdout, stderr } = await run([...line, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: ${call} `);
    expect(stdout).toMatch(/\nSettings: .+\n\nExit codes:\n {2}0 .+\n {2}1 .+\n {2}2 .+\n {2}130, 143 .+\n$/);
  }, 120_000);

  it('ends with 2 and one line on standard error at an option that it does not know', async () => {
    const { code, stdout, stderr } = await run([...line, '--nonsense', ...(MANDATORY[name] ?? [])]);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: `unknown option '--nonsense': see ${call} --help\n`,
    });
  }, 120_000);

  it('stands in the commands of the operations manual, and in the README', async () => {
    const [operations, readme] = await Promise.all([
      readFile('docs/operations.md', 'utf8'),
      readFile('README.md', 'utf8'),
    ]);
    const [, section = ''] = /\n## Commands\n(.*?)\n## /s.exec(operations) ?? [];
    expect(section).toContain(`| \`${name}\` |`);
    expect(readme).toContain(name === 'start' ? '`npm start`' : name);
  });
});

describe('the program', () => {
  it('starts a server with the same bounds of memory by npm and in the image', async () => {
    const [, entrypoint = ''] = /^ENTRYPOINT (\[.*\])$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
    const [started = [], served = []] = ['start', 'serve'].map(
      (name) => commands.find((each) => each.name === name)?.line.filter((word) => word.startsWith('--')) ?? [],
    );
    expect(served).toContainEqual(expect.stringMatching(/^--max-semi-space-size=\d+$/));
    expect(started).toEqual(served);
    expect(JSON.parse(entrypoint)).toEqual(['node', ...served, 'scripts/tollgate.mjs']);
    // Node does not start with one that it does not know.
    expect(await run([...served, '--print', '1'])).toEqual({ code: 0, stdout: '1\n', stderr: '' });
  });

  it('lists the commands of the image', async () => {
    const { code, stdout } = await run(['scripts/tollgate.mjs', '--help']);
    expect(code).toBe(0);
    const inImage = commands.filter(({ line }) => line.includes('scripts/tollgate.mjs')).map(({ name }) => name);
    expect(stdout.split('\n').flatMap((text) => /^ {2}(\S+) {2}/.exec(text)?.[1] ?? [])).toEqual(
      expect.arrayContaining(inImage),
    );
  }, 120_000);

  it.each([[[]], [['nonsense']], [['toString']]])(
    'ends with 2 and one line when it is called with %j',
    async (args) => {
      const { code, stdout, stderr } = await run(['scripts/tollgate.mjs', ...args]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^[^\n]+: there are start, serve, [^\n]+\n$/);
    },
    60_000,
  );
});

describe('what an operator can mend', () => {
  it.each([
    ['serve', {}, /^([A-Z_]+ [^\n]*is required in production\n){5}$/],
    ['start', { PORT: 'x' }, /^PORT must be a whole number from 0 to 65535\n$/],
    ['ledger:verify', { DATABASE_URL: 'mysql://x' }, /^DATABASE_URL must be a URL that starts with [^\n]+\n$/],
    [
      'ledger:verify',
      { DATABASE_URL: 'postgres://ann:hunter2@127.0.0.1:1/x' },
      /^the database cannot be used: [^\n]+\n$/,
    ],
    ['stripe:check', { STRIPE_SECRET_KEY: 'sk_test_x', STRIPE_API_BASE: 'http://127.0.0.1:1' }, /^[^\n{]+\n$/],
  ])(
    '%s with %j is said in one line each, without a stack, and ends with 1',
    async (name, env, line) => {
      const { code, stderr } = await run(['scripts/tollgate.mjs', name], env);
      expect(code).toBe(1);
      expect(stderr).toMatch(line);
      expect(stderr).not.toContain('hunter2');
    },
    60_000,
  );
});

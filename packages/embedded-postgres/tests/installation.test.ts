import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries, prepareInstallation, type Binaries } from '../src/installation.ts';
import { chooseServerAccount } from '../src/server-account.ts';

const asRoot = process.getuid?.() === 0;
let home: string;
let privateDirectory: string;
const copies: string[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tollgate-installation-'));
  privateDirectory = join(home, 'private');
  await mkdir(privateDirectory);
});

afterEach(async () => {
  for (const copy of copies.splice(0)) await rm(copy, { recursive: true, force: true });
  await chmod(home, 0o700);
  await rm(home, { recursive: true, force: true });
});

test('where the install script did not run, the library links are made at start', async () => {
  await chmod(home, 0o755);
  const binaries = await copyWithoutLinks();
  const account = await chooseServerAccount(join(home, 'none'));
  const installation = await prepareInstallation(binaries, account, privateDirectory);
  expect(dirname(dirname(installation.postgres))).toBe(binaries.nativeDirectory);
  await expect(version(installation.initdb)).resolves.toContain('initdb (PostgreSQL) 18');
});

test('two starts at once do not trip over each other while making links', async () => {
  await chmod(home, 0o755);
  const binaries = await copyWithoutLinks();
  const account = await chooseServerAccount(join(home, 'none'));
  const starts = Array.from({ length: 4 }, () => prepareInstallation(binaries, account, privateDirectory));
  await expect(Promise.all(starts)).resolves.toHaveLength(4);
});

(asRoot ? test : test.skip)(
  'for root, programs that the server account cannot reach are copied to where it can, once',
  async () => {
    const binaries = await copyWithoutLinks();
    const account = await chooseServerAccount(join(home, 'none'));
    const first = await prepareInstallation(binaries, account, privateDirectory);
    const directory = dirname(dirname(first.postgres));
    expect(directory).not.toContain(home);
    expect((await stat(directory)).mode & 0o022).toBe(0);
    const madeAt = (await stat(directory)).ctimeMs;
    await prepareInstallation(binaries, account, privateDirectory);
    expect((await stat(directory)).ctimeMs).toBe(madeAt);
    expect(
      (await readdir(dirname(directory))).filter((name) => name.startsWith(`${basename(directory)}.new-`)),
    ).toEqual([]);
  },
);

(asRoot ? test : test.skip)('for root, a copy that somebody else could have tampered with is not run', async () => {
  const binaries = await copyWithoutLinks();
  const planted = `/var/lib/tollgate-postgres-${binaries.version}`;
  await mkdir(planted);
  await chmod(planted, 0o777);
  const account = await chooseServerAccount(join(home, 'none'));
  const installation = await prepareInstallation(binaries, account, privateDirectory);
  expect(dirname(dirname(installation.postgres))).toBe(join(tmpdir(), basename(planted)));
});

(asRoot ? test.skip : test)(
  'in a node_modules that is read-only and without links, a copy is made beside the data',
  async () => {
    const binaries = await copyWithoutLinks();
    await chmod(join(binaries.nativeDirectory, 'lib'), 0o555);
    const installation = await prepareInstallation(binaries, null, privateDirectory);
    await chmod(join(binaries.nativeDirectory, 'lib'), 0o755);
    expect(installation.postgres.startsWith(privateDirectory)).toBe(true);
    await expect(version(installation.initdb)).resolves.toContain('initdb (PostgreSQL) 18');
  },
);

test('a platform without binaries is told to bring a database', async () => {
  const { arch } = process;
  Object.defineProperty(process, 'arch', { value: 'mips' });
  try {
    await expect(findBinaries()).rejects.toThrow(/no embedded PostgreSQL for .*-mips .*: use a PostgreSQL of your own/);
  } finally {
    Object.defineProperty(process, 'arch', { value: arch });
  }
});

/** The binaries as `npm ci --ignore-scripts` leaves them, under a version of their own. */
async function copyWithoutLinks(): Promise<Binaries> {
  const { nativeDirectory, version: installed } = await findBinaries();
  const copy = join(home, 'native');
  await cp(nativeDirectory, copy, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(await readFile(join(copy, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of links) await rm(join(home, target));
  // As far as the copy itself goes everybody may run it, whatever our umask: `home` decides.
  await promisify(execFile)('chmod', ['-R', 'a+rX', copy]);
  const version = `${installed}-test-${basename(home)}`;
  copies.push(`/var/lib/tollgate-postgres-${version}`, join(tmpdir(), `tollgate-postgres-${version}`));
  return { nativeDirectory: copy, version };
}

async function version(program: string): Promise<string> {
  return (await promisify(execFile)(program, ['--version'])).stdout;
}

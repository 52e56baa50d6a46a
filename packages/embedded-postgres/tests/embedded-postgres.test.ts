import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { runningEmbeddedPostgres } from '../src/running.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/start.ts';
import { waitFor } from './support/wait-for.ts';

const quiet = { info: (): void => undefined, warn: (): void => undefined };
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
let home: string;
let dataDir: string;

beforeEach(async () => {
  // mkdtemp makes it 0700: everything below runs as under the home of somebody who lets nobody in.
  home = await mkdtemp(join(tmpdir(), 'tollgate-embedded-'));
  dataDir = join(home, 'data');
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => kill(child)));
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await stopOrphan();
  // An initdb whose starter was killed may still be writing.
  await rm(home, { recursive: true, force: true, maxRetries: 20 });
});

test('data outlives a stop, which ends the server and may be called twice', async () => {
  const first = await start();
  await query(first.databaseUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  await first.stop();
  await expect(query(first.databaseUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  const second = await start();
  expect(await query(second.databaseUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('only the password in a file of ours alone opens it, on loopback, and acknowledged means on disk', async () => {
  const { databaseUrl, superuserUrl } = await start({ durable: true });
  const file = join(dataDir, 'postgres/password');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(new URL(databaseUrl).password).toBe((await readFile(file, 'utf8')).trim());
  const wrong = new URL(databaseUrl);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  const settings = await query(
    superuserUrl,
    `SELECT name, setting FROM pg_settings WHERE name IN
       ('listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'password_encryption') ORDER BY name`,
  );
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    listen_addresses: '127.0.0.1',
    password_encryption: 'scram-sha-256',
    synchronous_commit: 'on',
    unix_socket_directories: '',
  });
});

test('after a SIGKILL the next start stops the server left behind and finds what was committed', async () => {
  const { databaseUrl } = await startInChild();
  await query(databaseUrl, 'CREATE TABLE kept AS SELECT 1 AS answer');
  const orphanPid = await notedPid();
  await kill(children[0]);
  const { databaseUrl: next } = await start();
  expect(await query(next, 'SELECT answer FROM kept')).toEqual([{ answer: 1 }]);
  expect(await notedPid()).not.toBe(orphanPid);
  expect(await isRunning(orphanPid)).toBe(false);
});

test('after a SIGKILL of program and server both, the next start recovers', async () => {
  const { databaseUrl } = await startInChild();
  await query(databaseUrl, 'CREATE TABLE kept AS SELECT 1 AS answer');
  const serverPid = await notedPid();
  await kill(children[0]);
  process.kill(serverPid, 'SIGKILL');
  const { databaseUrl: next } = await start();
  expect(await query(next, 'SELECT answer FROM kept')).toEqual([{ answer: 1 }]);
});

test('a server that dies is started again on the same port', async () => {
  const { databaseUrl } = await start();
  const pid = await notedPid();
  process.kill(pid, 'SIGKILL');
  const answers = (): Promise<boolean> =>
    query(databaseUrl, 'SELECT 1').then(
      () => true,
      () => false,
    );
  await waitFor(async () => (await answers()) && (await notedPid()) !== pid, 'a new server');
});

test('a pid file whose pid belongs to another program by now is no obstacle, and that program is left alone', async () => {
  await (await start()).stop();
  const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  children.push(bystander);
  await writeFile(pidFile(), `${bystander.pid}\n/elsewhere\n1700000000\n5432\n\n127.0.0.1\n`);
  await start();
  expect(bystander.exitCode).toBeNull();
  expect(bystander.signalCode).toBeNull();
});

test('a garbled pid file is no obstacle', async () => {
  await (await start()).stop();
  await writeFile(pidFile(), '');
  await expect(start()).resolves.toBeDefined();
});

test('a half-made database is swept away and made anew', async () => {
  await mkdir(join(dataDir, 'postgres.new-abc/data/base'), { recursive: true });
  await writeFile(join(dataDir, 'postgres.new-abc/data/PG_VERSION'), '18\n');
  await start();
  expect(await readdir(dataDir)).toEqual(['postgres']);
});

test('killed at any moment of its first start, the next one succeeds', async () => {
  for (const marker of [/^postgres\.new-/, /PG_VERSION$/, /base\/1\/\d+$/, /^postgres\/data$/, /postmaster\.pid$/]) {
    const child = forkOwner();
    await waitFor(async () => (await listing(dataDir)).some((path) => marker.test(path)), String(marker));
    await kill(child);
  }
  const { databaseUrl } = await start();
  expect(await query(databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a second start on the same directory is refused, naming the first, which is unharmed', async () => {
  const { databaseUrl } = await startInChild();
  await expect(start()).rejects.toThrow(
    `${dataDir} is in use by another program (process ${children[0]?.pid}): stop it first, or choose another data directory.`,
  );
  expect(await query(databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('of five starts at once one wins', async () => {
  const starts = await Promise.all(Array.from({ length: 5 }, () => answerOf(forkOwner())));
  expect(starts.filter((answer) => 'databaseUrl' in answer)).toHaveLength(1);
  expect(starts.filter((answer) => answer.error?.includes('is in use by another'))).toHaveLength(4);
});

test('data of another major version, and what is no data at all, are refused with what to do', async () => {
  await (await start()).stop();
  await writeFile(join(dataDir, 'postgres/data/PG_VERSION'), '17\n');
  await expect(start()).rejects.toThrow(/written by PostgreSQL 17, but this is PostgreSQL 18: carry the data over/);
  await rm(join(dataDir, 'postgres/data/PG_VERSION'));
  await expect(start()).rejects.toThrow(/is not a PostgreSQL data directory/);
});

test('Ctrl-C, which goes to the whole process group, does not reach the server', async () => {
  const owner = forkOwner({ detached: true, ignoreInterrupt: true });
  const { databaseUrl } = await answerOf(owner);
  process.kill(-(owner.pid ?? 0), 'SIGINT');
  expect(await query(databaseUrl ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('an exit that forgets to stop still ends the server', async () => {
  await startInChild();
  const pid = await notedPid();
  children[0]?.send('exit');
  await waitFor(async () => !(await isRunning(pid)), 'the end of the server');
});

test('a path far longer than a socket address works', async () => {
  dataDir = join(home, 'long'.repeat(40), 'data');
  await expect(start()).resolves.toBeDefined();
});

test('a directory readable by others is made private where secrets lie', async () => {
  await mkdir(dataDir);
  await chmod(dataDir, 0o755);
  await start();
  expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700);
});

test('database and roles are named as asked, and a name that would need quoting is refused', async () => {
  await expect(start({ databaseName: 'shop"; --' })).rejects.toThrow('not a name for a database');
  const { databaseUrl, superuserUrl } = await start({ databaseName: 'shop' });
  const whoAndWhere = 'SELECT current_user AS role, current_database() AS database';
  expect(await query(databaseUrl, whoAndWhere)).toEqual([{ role: 'shop_app', database: 'shop' }]);
  expect(await query(superuserUrl, whoAndWhere)).toEqual([{ role: 'shop', database: 'shop' }]);
  expect(await runningEmbeddedPostgres(dataDir, 'shop')).toBe(databaseUrl);
});

async function start(options: { durable?: boolean; databaseName?: string } = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir,
    databaseName: 'tollgate',
    log: quiet,
    durable: false,
    ...options,
  });
  running.push(server);
  return server;
}

async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

interface OwnerAnswer {
  readonly databaseUrl?: string;
  readonly error?: string;
}

function forkOwner(options: { detached?: boolean; ignoreInterrupt?: boolean } = {}): ChildProcess {
  const program = join(import.meta.dirname, 'support/owner.js');
  const args = [dataDir, ...(options.ignoreInterrupt === true ? ['ignore-interrupt'] : [])];
  const child = fork(program, args, { execArgv: [], stdio: 'inherit', detached: options.detached === true });
  children.push(child);
  return child;
}

async function answerOf(owner: ChildProcess): Promise<OwnerAnswer> {
  const [answer] = (await once(owner, 'message')) as [OwnerAnswer];
  return answer;
}

async function startInChild(): Promise<{ databaseUrl: string }> {
  const { databaseUrl, error } = await answerOf(forkOwner());
  if (databaseUrl === undefined) throw new Error(error);
  return { databaseUrl };
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** What a killed owner has left behind, where the test started nothing after it. */
async function stopOrphan(): Promise<void> {
  const pid = await notedPid();
  if (!(pid > 0) || !(await isRunning(pid))) return;
  process.kill(pid, 'SIGINT');
  await waitFor(async () => !(await isRunning(pid)), 'the end of the server left behind');
}

function pidFile(): string {
  return join(dataDir, 'postgres/data/postmaster.pid');
}

async function notedPid(): Promise<number> {
  return Number.parseInt(await readFile(pidFile(), 'utf8').catch(() => '0'), 10);
}

/** False also for one that has ended and waits to be collected, which signals would still find. */
async function isRunning(pid: number): Promise<boolean> {
  if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) !== '';
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function listing(directory: string): Promise<string[]> {
  return readdir(directory, { recursive: true }).catch(() => []);
}

test('gives the application a role that is no superuser, and what an earlier version made for the superuser', async () => {
  const first = await start();
  await query(first.superuserUrl, 'CREATE TABLE made_before AS SELECT 1 AS answer');
  await query(first.superuserUrl, 'ALTER DATABASE tollgate OWNER TO tollgate');
  await first.stop();
  const { databaseUrl } = await start();
  expect(await query(databaseUrl, 'SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user')).toEqual([
    { rolsuper: false, rolcreatedb: false },
  ]);
  await query(databaseUrl, 'ALTER TABLE made_before ADD COLUMN more text');
  await query(databaseUrl, 'CREATE TABLE made_after AS SELECT 1 AS answer');
});

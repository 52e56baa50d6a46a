/** Commands that are told to stop before they are done. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { Installation } from '../support/installation.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
let holder: pg.Client;

beforeAll(async () => {
  installation = await Installation.open();
  await installation.person(100n);
  holder = new pg.Client({ connectionString: installation.database.url });
  await holder.connect();
});

afterAll(async () => {
  await holder.end();
  await installation.close();
});

const waiting = async (): Promise<boolean> => {
  const { rows } = await installation.admin.query<{ waiting: boolean }>(
    `select exists (select from pg_locks l join pg_database d on d.oid = l.database
       where d.datname = current_database() and not l.granted) as waiting`,
  );
  return rows[0]?.waiting === true;
};

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s ends ledger:verify with %i, once its connections are closed and without a verdict',
  async (signal, code) => {
    await holder.query('begin');
    await holder.query('lock table ledger_entry in access exclusive mode');
    const child = spawn(process.execPath, ['scripts/tollgate.mjs', 'ledger:verify'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: installation.database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, complaint]: [string[], string[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => complaint.push(chunk.toString()));
    const ended = once(child, 'close');
    await waitFor(waiting, 'it to wait for the lock');
    child.kill(signal);
    await holder.query('commit');
    expect(await ended).toEqual([code, null]);
    expect(output.join('')).toBe('');
    expect(complaint.join('').replace(/^built in .*\n/m, '')).toBe(`stopped by ${signal} before it was done\n`);
  },
  120_000,
);

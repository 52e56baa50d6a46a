/** What is kept of a release: the data of a database that it filled, and every command that it was sent, with its answer. */
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** Who sends a command: a token's subject and scope, or an API key's secret. */
export interface Caller {
  readonly subject?: string;
  readonly scope?: string;
  readonly secret?: string;
}

/** A command with an idempotency key that took effect. */
export interface SentCommand {
  /** The name of its caller. */
  readonly by: string;
  /** The name of its document. */
  readonly document: string;
  /** Its variables as they were sent: as JSON, which reading might change. */
  readonly variables: string;
  /** What its root field was answered with. */
  readonly answer: unknown;
}

/** The rows of a table, as JSON that PostgreSQL wrote. Instants, numbers and bytes are in it as text that it reads back exactly. */
interface TableData {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: string;
}

/** Grants that joined others: credits that a pool gave to somebody in several transfers. */
export interface Joined {
  readonly pool: string;
  readonly owner: string;
  readonly holder: string;
  /** The credits that lie in the joined grant. */
  readonly credits: number;
}

export interface Fixture {
  /** The commit of the release. */
  readonly release: string;
  /** The migrations that its database has had, in order. */
  readonly migrations: readonly string[];
  /** Where its clock stood at last. */
  readonly endedAt: string;
  readonly callers: Readonly<Record<string, Caller>>;
  readonly documents: Readonly<Record<string, string>>;
  readonly commands: readonly SentCommand[];
  /** Rooted in a grant of the pool's own. */
  readonly joined: Joined;
  readonly tables: readonly TableData[];
}

export async function readFixture(file: string): Promise<Fixture> {
  return JSON.parse((await promisify(gunzip)(await readFile(file))).toString()) as Fixture;
}

export async function writeFixture(file: string, fixture: Fixture): Promise<void> {
  await writeFile(file, await promisify(gzip)(JSON.stringify(fixture), { level: 9 }));
}

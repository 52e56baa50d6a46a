import { readFile, stat } from 'node:fs/promises';
import { EmbeddedPostgresError } from './errors.ts';

/** The account that PostgreSQL runs under when we are root. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

/** The way in which one of PostgreSQL's programs is started so that it finds its data directory. */
export interface DirectoryAccess {
  readonly cwd: string;
  /** The value of `-D`. */
  readonly argument: string;
}

/**
 * The account to run PostgreSQL under: null is our own. PostgreSQL refuses to run as root, so root lends it the account
 * that already owns the data, or else `nobody`, which initdb demands to find in /etc/passwd.
 * @throws EmbeddedPostgresError for root on a system without /proc, or for data that belongs to somebody else.
 */
export async function chooseServerAccount(dataDirectory: string): Promise<ServerAccount | null> {
  const ourUid = process.getuid?.();
  if (ourUid === undefined) return null;
  const owner = await stat(dataDirectory).catch(() => null);
  if (ourUid !== 0) {
    if (owner !== null && owner.uid !== ourUid) {
      throw new EmbeddedPostgresError(
        `${dataDirectory} belongs to user ${owner.uid}, but this is user ${ourUid}: start as its owner, or choose another data directory.`,
      );
    }
    return null;
  }
  if (process.platform !== 'linux') {
    throw new EmbeddedPostgresError(
      'PostgreSQL does not run as root: start as an ordinary user, or use a PostgreSQL of your own.',
    );
  }
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd);
  if (nobody === null) {
    throw new EmbeddedPostgresError(
      'PostgreSQL does not run as root, and /etc/passwd has no user "nobody" to run it under: start as an ordinary user, or use a PostgreSQL of your own.',
    );
  }
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) };
}

/**
 * Under a lent account the way to the data may be closed: root's home is 0700. But a directory that a process already
 * stands in needs no way to it, and root, which starts the process, can stand anywhere. So the program is started
 * *inside* the directory and told to use /proc/self/cwd, a name that leads there without passing the parents, also in
 * the server's own children, which inherit the working directory. The data then stays where the user expects it, and
 * nothing above it has to be opened to others.
 */
export function accessTo(directory: string, account: ServerAccount | null): DirectoryAccess {
  return { cwd: directory, argument: account === null ? directory : '/proc/self/cwd' };
}

/**
 * The environment of PostgreSQL's programs: nothing of ours, because PG* variables would change what they do and
 * secrets do not belong in a database server's memory.
 */
export const serverEnvironment: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

import { createHash } from 'node:crypto';
import { stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgresError } from './errors.ts';

/** Holds a data directory for this process until released, or until the process ends, however it ends. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Takes a data directory for this process alone.
 *
 * The lock is a listening local socket named after the directory's inode. The kernel gives a name to one process only
 * and takes it back when that process dies, so there is no stale lock to judge and no pid to mistake for another's.
 * A connection is answered with the holder's pid, for the message.
 * @throws EmbeddedPostgresError naming the process that holds the directory.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const address = await lockAddress(directory);
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end(String(process.pid)));
  if (!(await listen(server, address))) {
    const holder = await askHolder(address);
    // Only a socket in the file system outlives its process; nobody answers there.
    const leftover = holder === null && process.platform !== 'linux' && process.platform !== 'win32';
    if (leftover) await unlink(address).catch(() => undefined);
    if (!leftover || !(await listen(server, address))) {
      throw new EmbeddedPostgresError(
        `${directory} is in use by another program${holder === null ? '' : ` (process ${holder})`}: ` +
          'stop it first, or choose another data directory.',
      );
    }
  }
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function lockAddress(directory: string): Promise<string> {
  const { dev, ino } = await stat(directory, { bigint: true });
  const name = `tollgate-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 24)}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.lock`);
}

/** False when the name is taken. */
function listen(server: Server, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off('listening', onListening);
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve(true);
    };
    server.once('error', onError).once('listening', onListening).listen({ path: address });
  });
}

/** Asks the lock's holder for its pid. Null: nobody answers. */
function askHolder(address: string): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ path: address })
      .setTimeout(2000, () => socket.destroy())
      .on('data', (chunk) => (answer += chunk.toString()))
      .on('error', () => socket.destroy())
      .on('close', () => resolve(/^\d+$/.test(answer) ? answer : null));
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/** The `redis-server` on this machine's PATH, or null. */
export const redisProgram: string | null = programNamed('redis-server');

/** A Redis server of its starter's own, on a free port and without anything on disk; it can be killed and come back. */
export class RedisServer {
  readonly url: string;
  readonly #program: string;
  readonly #port: number;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(options: { program: string; port: number; folder: string }) {
    this.url = `redis://127.0.0.1:${options.port}`;
    this.#program = options.program;
    this.#port = options.port;
    this.#folder = options.folder;
  }

  /** Starts one and waits until it answers. @throws where no `redis-server` is installed. */
  static async start(): Promise<RedisServer> {
    if (redisProgram === null) throw new Error('redis-server is not installed');
    const folder = await mkdtemp(join(tmpdir(), 'tollgate-redis-'));
    const server = new RedisServer({ program: redisProgram, port: await freePort(), folder });
    await server.start();
    return server;
  }

  /** Starts it again at its address, after {@link kill}. */
  async start(): Promise<void> {
    const settings = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn(this.#program, [...settings, '--dir', this.#folder], { stdio: 'ignore' });
    this.#child = child;
    await waitFor(async () => {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      return this.#answers();
    }, 'Redis to answer');
  }

  /** Ends it with SIGKILL: connections break, and whatever was on its way is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    const client = new Redis(this.url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.ping()) === 'PONG';
    } catch {
      return false;
    } finally {
      client.disconnect();
    }
  }
}

function programNamed(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

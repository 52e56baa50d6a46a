import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { JWT_SECRET } from './app.ts';
import { WEBHOOK_SECRET } from './stripe.ts';
import { waitFor } from './wait-for.ts';

/** The built server as a process of its own, which can be killed. */
export class ServerProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess, port: number) {
    this.url = `http://127.0.0.1:${port}/graphql`;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    }
  }

  /** Starts it and waits until it is ready. */
  static async start(port: number, env: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const child = spawn(process.execPath, ['scripts/tollgate.mjs', 'start'], {
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        AUTH_JWT_SECRET: JWT_SECRET,
        ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
        LOG_LEVEL: 'warn',
        DEMO: '0',
        // An account that nobody reaches: without a key it would bring the emulator along.
        STRIPE_SECRET_KEY: 'sk_test_nobody',
        STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
        STRIPE_API_BASE: 'http://127.0.0.1:9',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = new ServerProcess(child, port);
    await waitFor(async () => {
      if (child.exitCode !== null) throw new Error(`the server ended at start:\n${server.#output}`);
      const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
      return response?.status === 200;
    }, 'the server to be ready');
    return server;
  }

  get output(): string {
    return this.#output;
  }

  /** SIGKILL, with nothing said goodbye to. */
  async kill(): Promise<void> {
    await this.stop('SIGKILL');
  }

  /** Sends the signal and waits for the end; gives the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode;
  }
}

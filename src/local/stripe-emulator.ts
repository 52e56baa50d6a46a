/** Local mode's Stripe: the emulator, in a process of its own that ends with this one. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export interface EmulatorProcess {
  readonly url: URL;
  stop(): Promise<void>;
}

/** It could not be started; the message is for the user. */
export class EmulatorStartError extends Error {
  override readonly name = 'EmulatorStartError';
}

interface Options {
  /** 0: any free one. */
  readonly port: number;
  /** Keeps the account over restarts. */
  readonly stateFile: string;
  /** Where it delivers events; thin ones to `/thin` below. */
  readonly webhooks: string;
  /** What it signs them with. */
  readonly webhookSecret: string;
}

const READY = z.object({ ready: z.literal(true), url: z.string() });

/** Starts it and waits until it listens. @throws EmulatorStartError */
export async function startEmulatorProcess({
  port,
  stateFile,
  webhooks,
  webhookSecret,
}: Options): Promise<EmulatorProcess> {
  const child = fork(programOf(), [], {
    // Nothing of ours but what it needs: no keys, no database.
    env: {
      TOLLGATE_MODE: 'local',
      STRIPE_EMULATOR_PORT: String(port),
      STRIPE_EMULATOR_STATE: stateFile,
      STRIPE_EMULATOR_WEBHOOKS: webhooks,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A terminal's ^C goes to the whole group; it stops when this process has stopped calling it.
    detached: process.platform !== 'win32',
  });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4_000)));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [null])])) as [string | null];
  if (line === null) {
    const hint = complaint.includes('EADDRINUSE') ? ': STRIPE_EMULATOR_PORT is taken' : '';
    throw new EmulatorStartError(`The Stripe emulator did not start${hint}.\n${complaint.trim()}`);
  }
  const url = new URL(READY.parse(JSON.parse(line)).url);
  const ended = once(child, 'exit');
  return {
    url,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** The program of the package, which is no part of an image. */
function programOf(): string {
  try {
    return fileURLToPath(import.meta.resolve('@tollgate/stripe-emulator/main'));
  } catch (cause) {
    throw new EmulatorStartError('This installation brings no Stripe emulator along: set STRIPE_SECRET_KEY.', {
      cause,
    });
  }
}

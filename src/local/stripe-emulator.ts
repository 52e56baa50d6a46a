/** Local mode's Stripe: the emulator, in a process of its own. It ends when this process ends, however that happens. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MendableError } from '../kernel/mendable-error.ts';

export interface EmulatorProcess {
  readonly url: URL;
  stop(): Promise<void>;
}

interface Options {
  /** 0: any free port. */
  readonly port: number;
  /** Keeps the account from one start to the next. */
  readonly stateFile: string;
  /** Address that events are delivered to; thin events go to `/thin` below it. */
  readonly webhooks: string;
  /** Signs the deliveries. */
  readonly webhookSecret: string;
}

const READY = z.object({ ready: z.literal(true), url: z.string() });

/**
 * Starts the emulator and waits until it listens.
 * @throws {MendableError} when it does not start: its port may be taken
 */
export async function startEmulatorProcess({
  port,
  stateFile,
  webhooks,
  webhookSecret,
}: Options): Promise<EmulatorProcess> {
  const child = fork(programOf(), [], {
    // The emulator gets what it needs, and neither keys nor the database's address.
    env: {
      TOLLGATE_MODE: 'local',
      STRIPE_EMULATOR_PORT: String(port),
      STRIPE_EMULATOR_STATE: stateFile,
      STRIPE_EMULATOR_WEBHOOKS: webhooks,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A terminal's ^C goes to the whole group. The emulator must outlive this process, which calls it while it stops.
    detached: process.platform !== 'win32',
  });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4_000)));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [null])])) as [string | null];
  if (line === null) {
    const hint = complaint.includes('EADDRINUSE') ? ': STRIPE_EMULATOR_PORT is taken' : '';
    throw new MendableError(`The Stripe emulator did not start${hint}.\n${complaint.trim()}`);
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

/** The program of the package, which an image does not carry. */
function programOf(): string {
  try {
    return fileURLToPath(import.meta.resolve('@tollgate/stripe-emulator/main'));
  } catch {
    throw new MendableError('STRIPE_SECRET_KEY is required here: the Stripe emulator is not part of this installation');
  }
}

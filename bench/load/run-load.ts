import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GeneratorMessage, LoadResult, LoadSpec } from './spec.ts';

/** How long a load may take beyond its own time before it is given up. */
const graceMs = 60_000;

/**
 * Runs a load in a process of its own.
 * @param atMeasuring Called when the measured time begins, and `atMeasured` when it ends.
 * @throws when the generator fails or does not end in time.
 */
export async function runLoad(spec: LoadSpec, atMeasuring: () => void, atMeasured: () => void): Promise<LoadResult> {
  const generator = fork(fileURLToPath(new URL('generator.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const timeMs = spec.warmupMs + spec.measureMs + graceMs;
  let deadline: NodeJS.Timeout | undefined;
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      deadline = setTimeout(() => reject(new Error(`The load did not end within ${timeMs} ms.`)), timeMs);
      generator.on('message', (message: GeneratorMessage) => {
        if (message.type === 'measuring') atMeasuring();
        else if (message.type === 'measured') atMeasured();
        else if (message.type === 'result') resolve(message.result);
        else reject(new Error(message.reason));
      });
      generator.once('error', reject);
      generator.once('exit', (code) => reject(new Error(`The load generator ended with code ${code}.`)));
      generator.send(spec);
    });
  } finally {
    clearTimeout(deadline);
    await end(generator);
  }
}

/** Lets the generator close its connections, so that the next row finds none of them; not for long. */
async function end(generator: ChildProcess): Promise<void> {
  if (generator.exitCode !== null || generator.signalCode !== null) return;
  const ended = new Promise((resolve) => generator.once('exit', resolve));
  const impatience = setTimeout(() => generator.kill('SIGKILL'), 5000);
  if (generator.connected) generator.disconnect();
  await ended;
  clearTimeout(impatience);
}

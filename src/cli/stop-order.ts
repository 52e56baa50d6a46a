import { constants } from 'node:os';
import { MendableError } from '../kernel/mendable-error.ts';

/** A repetition within this time is the same order: a terminal signals npm and this process, and npm passes the signal on. */
const SAME_ORDER_MS = 1_000;

/** A command was told to stop, and did so before it was done. */
export class StoppedError extends MendableError {
  override readonly name = 'StoppedError';
  /** As a shell reports a process that died of the signal: 130 of SIGINT, 143 of SIGTERM. */
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal} before it was done`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Listens for SIGINT and SIGTERM. The first order aborts the signal that is returned, with a StoppedError as its reason.
 * Whoever repeats the order does not want to wait: the process ends at once.
 */
export function listenForStopOrder(): AbortSignal {
  const controller = new AbortController();
  let firstAtMs: number | null = null;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      const reason = new StoppedError(signal);
      if (firstAtMs !== null && performance.now() - firstAtMs > SAME_ORDER_MS) process.exit(reason.exitCode);
      firstAtMs ??= performance.now();
      controller.abort(reason);
    });
  }
  return controller.signal;
}

/**
 * Folding: everything that waits is taken together into one transaction, so that the cost of a lock and an fsync is shared
 * by all commands that came while the last one was paid. There is no timer: a lone command starts at once, and the next
 * batch fills while this one commits.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isTransient, unavailable } from '../db/errors.ts';

export interface BatcherOptions {
  /** Batches in flight at once; accounts hash to lanes, so that two batches of one process never wait for each other's locks. */
  readonly lanes: number;
  /** Most commands in one transaction. */
  readonly maxBatch: number;
  /** Most commands that wait in one lane; beyond it UNAVAILABLE at once. */
  readonly maxQueued: number;
  /** How long a command is tried again while the database is away, before its outcome is called unknown. */
  readonly patienceMs: number;
}

interface Waiting<Command, Outcome> {
  readonly command: Command;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

interface Lane<Command, Outcome> {
  queue: Waiting<Command, Outcome>[];
  running: boolean;
}

/** Folds commands into batches. `run` executes one batch in one transaction and answers in the same order. */
export class Batcher<Command extends { readonly billingEntityId: string }, Outcome> {
  readonly #lanes: readonly Lane<Command, Outcome>[];
  readonly #run: (commands: readonly Command[]) => Promise<readonly Outcome[]>;
  readonly #options: BatcherOptions;

  constructor(run: (commands: readonly Command[]) => Promise<readonly Outcome[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
    this.#lanes = Array.from({ length: options.lanes }, () => ({ queue: [], running: false }));
  }

  /**
   * Executes a command in some batch and gives its outcome, once it is committed.
   * @throws Refusal UNAVAILABLE when the queue is full, or when the database stayed away: then the outcome is unknown.
   */
  execute(command: Command): Promise<Outcome> {
    const lane = this.#lanes[laneOf(command.billingEntityId, this.#lanes.length)] as Lane<Command, Outcome>;
    if (lane.queue.length >= this.#options.maxQueued) {
      return Promise.reject(unavailable('too many commands are waiting'));
    }
    return new Promise((resolve, reject) => {
      lane.queue.push({ command, since: performance.now(), resolve, reject });
      if (!lane.running) void this.#drain(lane);
    });
  }

  /** Commands that wait for their batch, for the metrics. */
  get queued(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.queue.length, 0);
  }

  async #drain(lane: Lane<Command, Outcome>): Promise<void> {
    lane.running = true;
    // Commands of the same turn of the event loop (a document with many of them, a socket's buffer) share the first batch.
    await Promise.resolve();
    while (lane.queue.length > 0) {
      const batch = lane.queue.splice(0, this.#options.maxBatch);
      await this.#settle(batch);
    }
    lane.running = false;
  }

  /** Answers every command of a batch, whatever happens. */
  async #settle(batch: readonly Waiting<Command, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#attempt(batch);
      batch.forEach((waiting, index) => waiting.resolve(outcomes[index] as Outcome));
    } catch (error) {
      if (isTransient(error)) {
        const away = unavailable('the database did not answer; send the same key again', error);
        for (const waiting of batch) waiting.reject(away);
      } else if (batch.length > 1) {
        // One command makes a statement fail; which one, only running each alone can tell. The keys keep it safe.
        for (const waiting of batch) await this.#settle([waiting]);
      } else {
        for (const waiting of batch) waiting.reject(error);
      }
    }
  }

  /** Tries again, with growing pauses, what failed because the database was away. A commit may have got through: its keys tell. */
  async #attempt(batch: readonly Waiting<Command, Outcome>[]): Promise<readonly Outcome[]> {
    const commands = batch.map((waiting) => waiting.command);
    const deadline = (batch[0]?.since ?? 0) + this.#options.patienceMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      try {
        return await this.#run(commands);
      } catch (error) {
        const wait = pauseMs * (0.5 + Math.random());
        if (!isTransient(error) || performance.now() + wait > deadline) throw error;
        await delay(wait);
      }
    }
  }
}

/** FNV-1a over the id's text: the same account always meets the same lane. */
function laneOf(billingEntityId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < billingEntityId.length; index++) {
    hash = Math.imul(hash ^ billingEntityId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % lanes;
}

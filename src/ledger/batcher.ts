/**
 * Folding: commands that wait go together into one transaction, so that they share the cost of a lock and an fsync. There
 * is no timer: a lone command starts at once, and the next batch fills while this one commits. The lane decides whose turn
 * it is, and what becomes of a batch that failed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isTransient, unavailable } from '../db/errors.ts';
import { type Batch, Lane } from './lane.ts';

export interface BatcherOptions {
  /** Batches in flight at once. Accounts hash to lanes, so that two batches of one process never wait for each other's locks. */
  readonly lanes: number;
  /** Most commands in one transaction. */
  readonly maxBatch: number;
  /** Most commands that wait in one lane. Beyond that, the payer with the most of them is told UNAVAILABLE at once. */
  readonly maxQueued: number;
  /** Time for which a command is tried again while the database is away. After it the outcome is called unknown. */
  readonly patienceMs: number;
}

interface Waiting<Command, Outcome> {
  readonly command: Command;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

/** Runs one batch at a time, as long as something waits. */
interface Worker<Command, Outcome> {
  readonly lane: Lane<Waiting<Command, Outcome>>;
  running: boolean;
}

/** Folds commands into batches. `run` executes one batch in one transaction and answers in the same order. */
export class Batcher<Command extends { readonly billingEntityId: string }, Outcome> {
  readonly #workers: readonly Worker<Command, Outcome>[];
  readonly #run: (commands: readonly Command[]) => Promise<readonly Outcome[]>;
  readonly #options: BatcherOptions;

  constructor(run: (commands: readonly Command[]) => Promise<readonly Outcome[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
    this.#workers = Array.from({ length: options.lanes }, () => ({ lane: new Lane(options), running: false }));
  }

  /**
   * Executes a command in some batch and gives its outcome once it is committed.
   * @throws Refusal UNAVAILABLE when there is no room for the command, which was not executed then; or when the database
   * stayed away, and then the outcome is unknown.
   */
  enqueue(command: Command): Promise<Outcome> {
    const { billingEntityId } = command;
    const worker = this.#workers[laneOf(billingEntityId, this.#workers.length)] as Worker<Command, Outcome>;
    return new Promise((resolve, reject) => {
      const withoutRoom = worker.lane.push(billingEntityId, { command, since: performance.now(), resolve, reject });
      withoutRoom?.reject(unavailable('too many commands are waiting'));
      if (!worker.running) void this.#drain(worker);
    });
  }

  /** Commands that wait for their batch, for the metrics. */
  get queued(): number {
    return this.#workers.reduce((sum, { lane }) => sum + lane.size, 0);
  }

  async #drain(worker: Worker<Command, Outcome>): Promise<void> {
    worker.running = true;
    // Commands of the same turn of the event loop (a document with many of them, a socket's buffer) share the first batch.
    await Promise.resolve();
    const { lane } = worker;
    for (let batch = lane.next(); batch.length > 0; batch = lane.next()) await this.#settle(lane, batch);
    worker.running = false;
  }

  /** Answers the commands of a batch, or leaves them to the lane that has them tried again. */
  async #settle(lane: Lane<Waiting<Command, Outcome>>, batch: Batch<Waiting<Command, Outcome>>): Promise<void> {
    const all = batch.flatMap(({ items }) => items);
    try {
      const outcomes = await this.#attempt(all);
      lane.succeeded(batch);
      all.forEach((waiting, index) => waiting.resolve(outcomes[index] as Outcome));
    } catch (error) {
      if (isTransient(error)) {
        lane.gaveUp(batch);
        const away = unavailable('the database did not answer; send the same key again', error);
        for (const waiting of all) waiting.reject(away);
      } else {
        lane.failed(batch)?.reject(error);
      }
    }
  }

  /**
   * Tries a batch again, with growing pauses, while the database is away. If its commit got through, its keys are found, and
   * nothing happens twice.
   */
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

/**
 * Folding: commands that wait go together into one transaction, so that they share the cost of a lock and an fsync. There
 * is no timer: a lone command starts at once, and the next batch fills while this one commits. Where it can be, it is sent
 * behind this one, so that neither side waits for the other. The lane decides whose turn it is, and what becomes of a batch
 * that failed.
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

/** Executes batches, and answers in the order of their commands. */
export interface Runner<Command, Outcome> {
  /** Executes a batch in one transaction, while nothing else of its lane is under way. */
  readonly run: (commands: readonly Command[]) => Promise<readonly Outcome[]>;
  /**
   * Sends a batch behind what is under way in its lane. null: that cannot be. An outcome of null, and every outcome where it
   * fails: the command has to be run. Absent: no batch can be sent so.
   */
  readonly sendAhead?: (commands: readonly Command[], lane: number) => Promise<readonly (Outcome | null)[]> | null;
}

interface Waiting<Command, Outcome> {
  readonly command: Command;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

/** A lane at work. */
interface Worker<Command, Outcome> {
  readonly number: number;
  readonly lane: Lane<Waiting<Command, Outcome>>;
  /** Taken from the lane, to be run when nothing is under way any more: first these, in order. */
  readonly toRun: Waiting<Command, Outcome>[];
  /** Commands in each batch that was sent and is not answered yet, oldest first. */
  readonly sent: number[];
  isRunning: boolean;
  isWoken: boolean;
}

/** Most batches of a lane that are under way at once. */
const MOST_SENT = 2;

/** Folds commands into batches. */
export class Batcher<Command extends { readonly billingEntityId: string }, Outcome> {
  readonly #workers: readonly Worker<Command, Outcome>[];
  readonly #runner: Runner<Command, Outcome>;
  readonly #options: BatcherOptions;

  constructor(runner: Runner<Command, Outcome>, options: BatcherOptions) {
    this.#runner = runner;
    this.#options = options;
    this.#workers = Array.from({ length: options.lanes }, (_, number) => ({
      number,
      lane: new Lane(options),
      toRun: [],
      sent: [],
      isRunning: false,
      isWoken: false,
    }));
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
      this.#wake(worker);
    });
  }

  /** Commands that wait for their batch, for the metrics. */
  get queued(): number {
    return this.#workers.reduce((sum, { lane, toRun }) => sum + lane.size + toRun.length, 0);
  }

  /** Commands of the same turn of the event loop (a document with many of them, a socket's buffer) share a batch. */
  #wake(worker: Worker<Command, Outcome>): void {
    if (worker.isWoken) return;
    worker.isWoken = true;
    queueMicrotask(() => {
      worker.isWoken = false;
      this.#work(worker);
    });
  }

  /** Begins what can begin now. */
  #work(worker: Worker<Command, Outcome>): void {
    const { lane, toRun, sent } = worker;
    while (!worker.isRunning) {
      const isIdle = sent.length === 0;
      if (toRun.length > 0) {
        if (isIdle) this.#run(worker, sharesOf(toRun.splice(0, this.#options.maxBatch)));
        return;
      }
      if (lane.size === 0) return;
      if (!lane.isCalm || this.#runner.sendAhead === undefined) {
        if (isIdle) this.#run(worker, lane.next());
        return;
      }
      // A batch behind another pays when it is no smaller: until then its commands gather.
      if (sent.length === MOST_SENT || lane.size < Math.min(sent.at(-1) ?? 0, this.#options.maxBatch)) return;
      const waiting = lane.next().flatMap(({ items }) => items);
      const outcomes = this.#runner.sendAhead(commandsOf(waiting), worker.number);
      if (outcomes === null) toRun.push(...waiting);
      else this.#await(worker, waiting, outcomes);
    }
  }

  #await(
    worker: Worker<Command, Outcome>,
    waiting: readonly Waiting<Command, Outcome>[],
    outcomes: Promise<readonly (Outcome | null)[]>,
  ): void {
    worker.sent.push(waiting.length);
    const answer = (came: readonly (Outcome | null)[]): void => {
      worker.sent.shift();
      waiting.forEach((each, index) => {
        const outcome = came[index] ?? null;
        if (outcome === null) worker.toRun.push(each);
        else each.resolve(outcome);
      });
      this.#work(worker);
    };
    // Where it is not known what became of it, running it tells.
    outcomes.then(answer, () => answer([]));
  }

  #run(worker: Worker<Command, Outcome>, batch: Batch<Waiting<Command, Outcome>>): void {
    worker.isRunning = true;
    void this.#settle(worker.lane, batch).then(() => {
      worker.isRunning = false;
      this.#work(worker);
    });
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
    const commands = commandsOf(batch);
    const deadline = (batch[0]?.since ?? 0) + this.#options.patienceMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      try {
        return await this.#runner.run(commands);
      } catch (error) {
        const wait = pauseMs * (0.5 + Math.random());
        if (!isTransient(error) || performance.now() + wait > deadline) throw error;
        await delay(wait);
      }
    }
  }
}

function commandsOf<Command, Outcome>(waiting: readonly Waiting<Command, Outcome>[]): Command[] {
  return waiting.map(({ command }) => command);
}

/** The shares of payers, each in its order. */
function sharesOf<Command extends { readonly billingEntityId: string }, Outcome>(
  waiting: readonly Waiting<Command, Outcome>[],
): Batch<Waiting<Command, Outcome>> {
  const ofPayers = Map.groupBy(waiting, ({ command }) => command.billingEntityId);
  return [...ofPayers].map(([payer, items]) => ({ payer, items }));
}

/** FNV-1a over the id's text: the same account always meets the same lane. */
function laneOf(billingEntityId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < billingEntityId.length; index++) {
    hash = Math.imul(hash ^ billingEntityId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % lanes;
}

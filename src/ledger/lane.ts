/**
 * A lane: the commands that wait, and whose turn it is (pure). Each payer has a line, and a batch takes from all lines in
 * turns, so that a payer who sends much keeps only themselves waiting. A batch that fails is halved until the payer who
 * made it fail is found. That payer's commands go alone until they have done well for a while.
 *
 * A payer's commands keep their order: those that come while others are suspected wait behind them.
 */

/** Commands of one payer in a batch, in their order. */
export interface Share<Item> {
  readonly payer: string;
  readonly items: Item[];
}

/** Commands for one transaction. */
export type Batch<Item> = readonly Share<Item>[];

export interface LaneOptions {
  /** Most commands in one batch. */
  readonly maxBatch: number;
  /** Most commands that wait. */
  readonly maxQueued: number;
}

/** Most payers that are remembered for having made batches fail. */
const MOST_OFFENDERS = 1_000;

export class Lane<Item> {
  readonly #options: LaneOptions;
  /** Lines of payers who go together. The one whose turn is next comes first. */
  readonly #together = new Map<string, Item[]>();
  /** Lines of payers who made batches fail. Each goes alone. */
  readonly #alone = new Map<string, Item[]>();
  /** Lines of payers who have commands among the suspects. They wait for what becomes of those. */
  readonly #behind = new Map<string, Item[]>();
  /** Parts of batches that failed. */
  readonly #suspects: Batch<Item>[] = [];
  #suspected = 0;
  /** Commands that are tried at a time of a payer who made a batch fail: halved with each failure, doubled with each success. */
  readonly #offenders = new Map<string, number>();
  #inLines = 0;
  /** A line that was the longest when lines were last compared, or has grown longer since. */
  #longest: Item[] = [];
  /** No line is longer than this. */
  #longestAtMost = 0;
  /** Suspects and others take turns. */
  #isSuspectsTurn = false;
  #wereHalvesLast = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** true: nobody who waits is suspected, or goes alone. Then another batch may be taken before it is said what became of the last. */
  get isCalm(): boolean {
    return this.#alone.size === 0 && this.#behind.size === 0 && this.#suspects.length === 0;
  }

  /** Commands that wait. */
  get size(): number {
    return this.#inLines + this.#suspected;
  }

  /**
   * Puts a command at the end of its payer's line. In a full lane the last command of the longest line loses its place.
   * @returns the command that has no place, which is the new one if no line is longer than its own; null: all have
   */
  push(payer: string, item: Item): Item | null {
    let line = this.#lineOf(payer);
    let pushedOut: Item | null = null;
    if (this.size >= this.#options.maxQueued) {
      const longest = this.#longestThan((line?.length ?? 0) + 1);
      if (longest === null) return item;
      pushedOut = longest.pop() as Item;
      this.#inLines -= 1;
    }
    if (line === undefined) {
      line = [];
      (this.#offenders.has(payer) ? this.#alone : this.#together).set(payer, line);
    }
    line.push(item);
    this.#inLines += 1;
    this.#grew(line);
    return pushedOut;
  }

  /**
   * Takes the next batch; it is empty when nothing waits. The caller must say what became of it, by `succeeded`, `failed`
   * or `gaveUp`, before taking another, unless the lane is calm: of a batch that went well then nothing has to be said.
   */
  next(): Batch<Item> {
    // Many suspects go first: else batches that fail meanwhile could put them off for ever.
    const areMany = this.#suspected >= 2 * this.#options.maxBatch;
    this.#isSuspectsTurn = areMany || !this.#isSuspectsTurn;
    return this.#isSuspectsTurn
      ? (this.#nextSuspects() ?? this.#nextTogether() ?? [])
      : (this.#nextTogether() ?? this.#nextSuspects() ?? []);
  }

  /** The batch was committed. */
  succeeded(batch: Batch<Item>): void {
    if (this.#offenders.size === 0 && this.#behind.size === 0) return;
    for (const { payer } of batch) {
      const together = this.#offenders.get(payer);
      if (together !== undefined) this.#isOffender(payer, together * 2);
      this.#putLine(payer);
    }
  }

  /** The batch could not be tried, through no fault of its commands, and they have been answered. */
  gaveUp(batch: Batch<Item>): void {
    for (const { payer } of batch) this.#putLine(payer);
  }

  /**
   * A command of the batch made it fail. A batch of several commands is tried again in halves, cut between payers as long
   * as there are several.
   * @returns the command that made the batch fail; null: it is not known yet
   */
  failed(batch: Batch<Item>): Item | null {
    const [first, second] = batch;
    if (first === undefined) return null;
    if (second !== undefined) {
      const middle = batch.length >> 1;
      this.#suspect(batch.slice(0, middle));
      this.#suspect(batch.slice(middle));
      return null;
    }
    const { payer, items } = first;
    this.#isOffender(payer, (items.length + 1) >> 1);
    const line = this.#lineOf(payer) ?? [];
    if (items.length > 1) {
      line.unshift(...items);
      this.#inLines += items.length;
      this.#grew(line);
    }
    this.#putLine(payer, line);
    return items.length === 1 ? (items[0] as Item) : null;
  }

  #suspect(half: Batch<Item>): void {
    this.#suspects.push(half);
    for (const { payer, items } of half) {
      this.#suspected += items.length;
      this.#behind.set(payer, this.#lineOf(payer) ?? []);
      this.#together.delete(payer);
      this.#alone.delete(payer);
    }
  }

  /** Puts a payer's line where it belongs, now that none of their commands is suspected. */
  #putLine(payer: string, line = this.#lineOf(payer)): void {
    const [right, wrong] = this.#offenders.has(payer) ? [this.#alone, this.#together] : [this.#together, this.#alone];
    wrong.delete(payer);
    this.#behind.delete(payer);
    if (line !== undefined && line.length > 0 && !right.has(payer)) right.set(payer, line);
  }

  /** Notes how many commands of a payer are tried together. A payer who may fill a batch again is forgotten. */
  #isOffender(payer: string, together: number): void {
    this.#offenders.delete(payer);
    if (together > this.#options.maxBatch) return;
    this.#offenders.set(payer, together);
    if (this.#offenders.size <= MOST_OFFENDERS) return;
    const [oldest] = this.#offenders.keys();
    if (oldest === undefined) return;
    this.#offenders.delete(oldest);
    if (!this.#behind.has(oldest)) this.#putLine(oldest);
  }

  #nextTogether(): Batch<Item> | null {
    const lines = this.#together;
    let room = this.#options.maxBatch;
    const shares = new Map<string, Share<Item>>();
    const turn = Math.max(1, Math.floor(room / lines.size));
    // A line that is put back stands last. The loop comes to it again while there is room.
    for (const [payer, line] of lines) {
      const items = line.splice(0, Math.min(turn, room));
      lines.delete(payer);
      if (line.length > 0) lines.set(payer, line);
      room -= items.length;
      const share = shares.get(payer);
      if (share === undefined) shares.set(payer, { payer, items });
      else share.items.push(...items);
      if (room === 0) break;
    }
    if (shares.size === 0) return null;
    this.#inLines -= this.#options.maxBatch - room;
    return [...shares.values()];
  }

  /** Takes halves of failed batches, and payers who go alone, in turns. */
  #nextSuspects(): Batch<Item> | null {
    this.#wereHalvesLast = !this.#wereHalvesLast;
    return this.#wereHalvesLast ? (this.#nextHalf() ?? this.#nextAlone()) : (this.#nextAlone() ?? this.#nextHalf());
  }

  #nextHalf(): Batch<Item> | null {
    const half = this.#suspects.shift();
    if (half === undefined) return null;
    for (const { items } of half) this.#suspected -= items.length;
    return half;
  }

  #nextAlone(): Batch<Item> | null {
    for (const [payer, line] of this.#alone) {
      const items = line.splice(0, this.#offenders.get(payer) ?? 1);
      this.#inLines -= items.length;
      this.#alone.delete(payer);
      if (line.length > 0) this.#alone.set(payer, line);
      return [{ payer, items }];
    }
    return null;
  }

  #lineOf(payer: string): Item[] | undefined {
    return this.#together.get(payer) ?? this.#alone.get(payer) ?? this.#behind.get(payer);
  }

  #grew(line: Item[]): void {
    if (line.length < this.#longestAtMost) return;
    this.#longest = line;
    this.#longestAtMost = line.length;
  }

  /** The longest line, if it is longer than `length`. A payer who floods a full lane is turned away without comparing all lines. */
  #longestThan(length: number): Item[] | null {
    if (length >= this.#longestAtMost) return null;
    if (this.#longest.length < this.#longestAtMost) {
      this.#longestAtMost = 0;
      for (const lines of [this.#together, this.#alone, this.#behind]) {
        for (const line of lines.values()) this.#grew(line);
      }
    }
    return this.#longestAtMost > length ? this.#longest : null;
  }
}

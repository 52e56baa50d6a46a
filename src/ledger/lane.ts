/**
 * What waits in one lane, and whose turn it is (pure). Each payer has a line, and a batch takes from all of them in turns,
 * so that whoever sends much keeps nobody waiting but themselves. Whoever made a batch fail is told from those who
 * were in it with them by halving, and goes alone until they have done well for a while.
 *
 * A payer's commands keep their order: what comes while some of them are suspected waits behind those.
 */

/** Commands of one payer that are in a batch, in their order. */
export interface Share<Item> {
  readonly payer: string;
  readonly items: Item[];
}

/** What goes into one transaction. */
export type Batch<Item> = readonly Share<Item>[];

export interface LaneOptions {
  /** Most commands in one batch. */
  readonly maxBatch: number;
  /** Most commands that wait. */
  readonly maxQueued: number;
}

/** Payers who made batches fail that are remembered while nothing of theirs waits. */
const MOST_OFFENDERS = 1_000;

export class Lane<Item> {
  readonly #options: LaneOptions;
  /** Lines of those who go together, whose turn is next first. */
  readonly #together = new Map<string, Item[]>();
  /** Lines of those who made batches fail: each goes alone. */
  readonly #alone = new Map<string, Item[]>();
  /** Lines of those who have commands among the suspects: they wait for what becomes of those. */
  readonly #behind = new Map<string, Item[]>();
  /** Parts of batches that failed. */
  readonly #suspects: Batch<Item>[] = [];
  #suspected = 0;
  /** How many commands at a time are tried of whoever made a batch fail: halved when it happens, doubled when it does not. */
  readonly #offenders = new Map<string, number>();
  #inLines = 0;
  /** The line that was the longest one when that was looked at last, or has grown longer since; and no line is longer than so much. */
  #longest: Item[] = [];
  #longestAtMost = 0;
  /** Suspects and others take turns. */
  #isSuspectsTurn = false;
  #wereHalvesLast = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Commands that wait. */
  get size(): number {
    return this.#inLines + this.#suspected;
  }

  /**
   * Puts a command at the end of its payer's line. Where the lane is full, the last of the longest line has no room: what
   * is returned has it not, which is the command itself where no line is longer than its own.
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
   * Takes the next batch; empty: nothing waits. Whoever takes it must say what became of it, by `succeeded`, `failed` or
   * `gaveUp`, before taking another.
   */
  next(): Batch<Item> {
    // Halves are not put off for ever by batches that fail meanwhile, and leave others who wait for them.
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
      this.#place(payer);
    }
  }

  /** The batch could not be tried, for no fault of what was in it, and is answered. */
  gaveUp(batch: Batch<Item>): void {
    for (const { payer } of batch) this.#place(payer);
  }

  /**
   * Something in the batch made it fail. Returns what it was where that is known; otherwise all of it is tried again, in
   * two halves: between payers, as long as there are several.
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
    this.#place(payer, line);
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

  /** Puts a payer's line where it belongs, now that nothing of theirs is suspected. */
  #place(payer: string, line = this.#lineOf(payer)): void {
    const [right, wrong] = this.#offenders.has(payer) ? [this.#alone, this.#together] : [this.#together, this.#alone];
    wrong.delete(payer);
    this.#behind.delete(payer);
    if (line !== undefined && line.length > 0 && !right.has(payer)) right.set(payer, line);
  }

  /** Notes how many commands of a payer may be tried together; all of them: they are forgiven. */
  #isOffender(payer: string, together: number): void {
    this.#offenders.delete(payer);
    if (together > this.#options.maxBatch) return;
    this.#offenders.set(payer, together);
    if (this.#offenders.size <= MOST_OFFENDERS) return;
    const [oldest] = this.#offenders.keys();
    if (oldest === undefined) return;
    this.#offenders.delete(oldest);
    if (!this.#behind.has(oldest)) this.#place(oldest);
  }

  #nextTogether(): Batch<Item> | null {
    const lines = this.#together;
    let room = this.#options.maxBatch;
    const shares = new Map<string, Share<Item>>();
    const turn = Math.max(1, Math.floor(room / lines.size));
    // A line that is put back stands last, and is come to again while there is room.
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

  /** Halves of a batch that failed, and those who go alone, in turns. */
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

  /** The longest line, if it is longer than so much. Whoever floods a full lane is told so without looking at all lines. */
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

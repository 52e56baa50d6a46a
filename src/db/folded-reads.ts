/** Reads of one kind by many callers, folded into few statements. */

export interface FoldedReadsOptions<Key, Value> {
  /** Reads all of these by one statement, in their order. */
  readonly read: (keys: readonly Key[]) => Promise<readonly Value[]>;
  /** Keys of one name are asked for once. */
  readonly nameOf: (key: Key) => string;
  /** Most statements under way at one time. 4 unless given. */
  readonly atOnce?: number;
  /** Longest wait, for the end of a statement that is under way, before another begins beside it. 20 unless given. */
  readonly patienceMs?: number;
  /** Most keys of one statement. 500 unless given. */
  readonly most?: number;
}

/** Whoever asks for a key, and waits for the statement that will read it. */
interface Asked<Key, Value> {
  readonly key: Key;
  readonly answer: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keys that are asked for in one turn of the event loop, by however many requests, are read together; those that are asked for
 * while a statement is under way, by the next one. A statement begins after everything that it reads was asked for, so nobody is
 * told what held before they asked.
 */
export class FoldedReads<Key, Value> {
  readonly #options: Required<FoldedReadsOptions<Key, Value>>;
  #waiting = new Map<string, Asked<Key, Value>>();
  #underWay = 0;
  #isScheduled = false;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: FoldedReadsOptions<Key, Value>) {
    this.#options = { atOnce: 4, patienceMs: 20, most: 500, ...options };
  }

  /** Reads this key as it stands now. @throws by rejecting, with whatever its statement failed of */
  ask(key: Key): Promise<Value> {
    const name = this.#options.nameOf(key);
    const asked = this.#waiting.get(name);
    if (asked !== undefined) return asked.answer;
    const { promise: answer, resolve, reject } = Promise.withResolvers<Value>();
    this.#waiting.set(name, { key, answer, resolve, reject });
    this.#schedule();
    return answer;
  }

  /** The same of several keys, in their order. */
  askAll(keys: readonly Key[]): Promise<Value[]> {
    return Promise.all(keys.map((key) => this.ask(key)));
  }

  /**
   * Has those who wait read at the end of this turn, so that all who ask in it come along; while a statement is under way,
   * at its end, so that few statements read much. One that hangs keeps nobody for long.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    if (this.#underWay === 0) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        void this.#read();
      });
    } else if (this.#underWay < this.#options.atOnce) {
      this.#patience ??= setTimeout(() => void this.#read(), this.#options.patienceMs);
    }
  }

  async #read(): Promise<void> {
    this.#forgetPatience();
    const taken = this.#take();
    this.#underWay += 1;
    // There may be more than one statement takes.
    this.#schedule();
    try {
      const values = await this.#options.read(taken.map(({ key }) => key));
      for (const [at, { resolve }] of taken.entries()) resolve(values[at] as Value);
    } catch (error) {
      for (const { reject } of taken) reject(error);
    } finally {
      this.#underWay -= 1;
      this.#forgetPatience();
      this.#schedule();
    }
  }

  #forgetPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #take(): Asked<Key, Value>[] {
    const all = this.#waiting;
    if (all.size <= this.#options.most) {
      this.#waiting = new Map();
      return [...all.values()];
    }
    const taken = [...all].slice(0, this.#options.most);
    for (const [name] of taken) all.delete(name);
    return taken.map(([, asked]) => asked);
  }
}

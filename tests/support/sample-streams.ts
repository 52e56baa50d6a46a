/** Sources of subscriptions that tests see from behind: which are open, and what they push. */
export class SampleStreams {
  readonly open = new Set<SampleStream>();
  /** Turns of the event loop that a stream takes to begin. */
  slowness: () => number = () => 0;

  async start(name: string): Promise<SampleStream> {
    for (let turns = this.slowness(); turns > 0; turns -= 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    const stream = new SampleStream(name, () => this.open.delete(stream));
    this.open.add(stream);
    return stream;
  }

  get names(): string[] {
    return [...this.open].map(({ name }) => name).toSorted();
  }

  /** Each stream tells its name. */
  tell(): void {
    for (const stream of this.open) stream.push();
  }
}

/** Tells its name whenever it is told to; ends at once when it is returned. */
export class SampleStream implements AsyncIterableIterator<{ told: string }, undefined> {
  readonly name: string;
  readonly #forget: () => void;
  #due = 0;
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(name: string, forget: () => void) {
    this.name = name;
    this.#forget = forget;
  }

  push(): void {
    this.#due += 1;
    this.#wake();
  }

  /** It ends by itself. */
  end(): void {
    this.#isEnded = true;
    this.#forget();
    this.#wake();
  }

  async next(): Promise<IteratorResult<{ told: string }, undefined>> {
    while (this.#due === 0 && !this.#isEnded) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#isEnded) return { done: true, value: undefined };
    this.#due -= 1;
    return { done: false, value: { told: this.name } };
  }

  return(): Promise<IteratorResult<{ told: string }, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

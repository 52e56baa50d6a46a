import type { Operation } from '../graphql/execution/operations.ts';
import type { Watch } from '../graphql/request/rights.ts';
import type { SentJson } from '../kernel/sent-json.ts';

/**
 * One start of an operation on a socket. The client's id names it until either side says that it is complete; from then
 * on the same id may name another one, while this one may still be on its way.
 */
export class Start {
  /** Its name for graphql-ws, which never comes twice on a socket. */
  readonly key: string;
  readonly id: string;
  /** The memory that it takes while it runs, measured by the length of its message. */
  readonly length: number;
  /** null until it is admitted. */
  kind: Operation['kind'] | null = null;
  /** Its message as it was sent; null: it has been handed on, or nobody will ask. */
  sent: SentJson | null = null;
  /** The entity that its stream shows, and the rights that it needs. */
  watch: Watch | null = null;
  #isOpen = true;
  #mustEnd = false;
  #stream: AsyncGenerator<never> | null = null;

  constructor({ key, id, length }: { key: string; id: string; length: number }) {
    this.key = key;
    this.id = id;
    this.length = length;
  }

  /** True until either side says that it is complete. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Notes that one side said `complete`. */
  complete(): void {
    this.#isOpen = false;
  }

  /** Its stream has begun; if it was to end before, it ends now. */
  streams(stream: AsyncGenerator<never>): void {
    this.#stream = stream;
    if (this.#mustEnd) void stream.return(undefined);
  }

  /** Its stream ends, now or as soon as there is one, and the client is told `complete`. Queries and mutations finish. */
  end(): void {
    this.#mustEnd = true;
    void this.#stream?.return(undefined);
  }
}

/**
 * The operations that run on one socket. graphql-ws tells starts apart by id alone, and so takes two starts under one id
 * for the same. Here each start has a key of its own, which stands between graphql-ws and the client's id.
 */
export class Starts {
  /** All starts that have not settled yet. */
  readonly #running = new Map<string, Start>();
  /** The starts that the client takes for open, by its ids. */
  readonly #named = new Map<string, Start>();
  #lastKey = 0;
  #subscriptions = 0;
  #subscriptionsLength = 0;
  #operations = 0;
  /** The number of `complete`s of ours that one of the client's may still cross. */
  #crossing = 0;
  #onFinished: (() => void) | null = null;

  /** Adds a start of the client's; null: its id is open already. */
  begin(id: string, length: number): Start | null {
    if (this.#named.has(id)) return null;
    const start = new Start({ key: String((this.#lastKey += 1)), id, length });
    this.#running.set(start.key, start);
    this.#named.set(id, start);
    return start;
  }

  /** The running start with this key. */
  byKey(key: string): Start {
    const start = this.#running.get(key);
    if (start === undefined) throw new Error(`nothing runs under the key ${key}`);
    return start;
  }

  /** Notes that it was admitted; it counts until it has settled. */
  admitted(start: Start, kind: Operation['kind']): void {
    start.kind = kind;
    this.#count(start, 1);
    if (this.#onFinished !== null && !this.#hasUnfinished()) this.#onFinished();
  }

  /** Takes the client's `complete`; null: it has nothing open under this id. */
  completed(id: string): Start | null {
    const start = this.#named.get(id) ?? null;
    if (start !== null) this.#complete(start);
    return start;
  }

  /** True when a `complete` for an id that is not open may have crossed ours on its way: each of ours may cross one. */
  mayHaveCrossed(): boolean {
    if (this.#crossing === 0) return false;
    this.#crossing -= 1;
    return true;
  }

  /** A message of graphql-ws with the client's id in place of the key; null: the client no longer wants it. */
  outgoing(text: string): string | null {
    if (!text.startsWith(ID_HEAD)) return text;
    const end = text.indexOf('"', ID_HEAD.length);
    const start = this.byKey(text.slice(ID_HEAD.length, end));
    if (!start.isOpen) return null;
    const rest = text.slice(end + 1);
    if (!rest.startsWith(NEXT_REST)) {
      this.#complete(start);
      this.#crossing += 1;
    }
    return `{"id":${JSON.stringify(start.id)}${rest}`;
  }

  /** Forgets a start that has settled. */
  settled(start: Start): void {
    if (!this.#running.delete(start.key)) return;
    this.#complete(start);
    this.#count(start, -1);
    if (this.#onFinished !== null && !this.#hasUnfinished()) this.#onFinished();
  }

  /** Ends every subscription. */
  endAll(): void {
    for (const start of this.#running.values()) start.end();
  }

  /** Resolves once no query and no mutation runs. What has not been admitted yet may be one. */
  async finished(): Promise<void> {
    if (this.#hasUnfinished()) await new Promise<void>((resolve) => (this.#onFinished = resolve));
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** The length of all subscriptions' messages together. */
  get subscriptionsLength(): number {
    return this.#subscriptionsLength;
  }

  /** The number of queries and mutations that run. */
  get operations(): number {
    return this.#operations;
  }

  /** The subscriptions that need a right. */
  *watched(): Generator<[Watch, Start], void, undefined> {
    for (const start of this.#running.values()) if (start.watch !== null) yield [start.watch, start];
  }

  #hasUnfinished(): boolean {
    return [...this.#running.values()].some(({ kind }) => kind !== 'subscription');
  }

  #count({ kind, length }: Start, by: 1 | -1): void {
    if (kind === null) return;
    if (kind !== 'subscription') this.#operations += by;
    else {
      this.#subscriptions += by;
      this.#subscriptionsLength += by * length;
    }
  }

  #complete(start: Start): void {
    start.complete();
    if (this.#named.get(start.id) === start) this.#named.delete(start.id);
  }
}

/** The beginning of graphql-ws's messages about an operation, before the key, and the rest of one that is not the last. */
const ID_HEAD = '{"id":"';
const NEXT_REST = ',"type":"next"';

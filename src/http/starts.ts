import type { Operation } from '../graphql/execution/operations.ts';
import type { Watch } from '../graphql/request/rights.ts';

/**
 * One start of an operation on a socket. The client's id names it until either side says that it is complete; from then
 * on the same id may name another one, while this one may still be on its way.
 */
export class Start {
  /** What graphql-ws knows it by: never the same twice on a socket. */
  readonly key: string;
  readonly id: string;
  /** What it keeps in memory for as long as it runs, by the length of its message. */
  readonly length: number;
  /** null until it was admitted. */
  kind: Operation['kind'] | null = null;
  /** What its stream shows, and by which right. */
  watch: Watch | null = null;
  #isOpen = true;
  #mustEnd = false;
  #stream: AsyncGenerator<never> | null = null;

  constructor({ key, id, length }: { key: string; id: string; length: number }) {
    this.key = key;
    this.id = id;
    this.length = length;
  }

  /** Whether the client still wants to hear of it: neither side has said that it is complete. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** One of the sides says that it is complete. */
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
 * What runs on one socket. graphql-ws keeps its books by id alone, and so takes two starts under one id for the same:
 * between them and the client each start bears a key of its own.
 */
export class Starts {
  /** All that have not settled yet. */
  readonly #running = new Map<string, Start>();
  /** Those that the client holds for open, by its ids. */
  readonly #named = new Map<string, Start>();
  #lastKey = 0;
  #subscriptions = 0;
  #subscriptionsLength = 0;
  #operations = 0;
  /** Ended by us, and so perhaps completed by the client before it heard of that. */
  #crossing = 0;
  #onIdle: (() => void) | null = null;

  /** A client starts something; null: what it calls so runs already. */
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

  /** It was admitted, and counts until it has settled. */
  admitted(start: Start, kind: Operation['kind']): void {
    start.kind = kind;
    this.#count(start, 1);
  }

  /** The client says that this is complete; null: nothing that it holds for open is called so. */
  completed(id: string): Start | null {
    const start = this.#named.get(id) ?? null;
    if (start !== null) this.#complete(start);
    return start;
  }

  /** Whether a `complete` for what is not open may have crossed ours on its way: each of ours may cross one. */
  mayHaveCrossed(): boolean {
    if (this.#crossing === 0) return false;
    this.#crossing -= 1;
    return true;
  }

  /** What graphql-ws sends, with the client's id in place of the key; null: the client does not want to hear of it any more. */
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

  /** Nothing of it runs any more. */
  settled(start: Start): void {
    if (!this.#running.delete(start.key)) return;
    this.#complete(start);
    this.#count(start, -1);
    if (this.#running.size === 0) this.#onIdle?.();
  }

  /** Ends every subscription. */
  endAll(): void {
    for (const start of this.#running.values()) start.end();
  }

  /** Resolves once nothing runs. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Of the messages of all subscriptions together. */
  get subscriptionsLength(): number {
    return this.#subscriptionsLength;
  }

  /** Queries and mutations. */
  get operations(): number {
    return this.#operations;
  }

  /** Those that show something by a right. */
  *watched(): Generator<[Watch, Start], void, undefined> {
    for (const start of this.#running.values()) if (start.watch !== null) yield [start.watch, start];
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

/** How graphql-ws's messages about an operation begin, with the key behind it; and how such a message that is not the last goes on. */
const ID_HEAD = '{"id":"';
const NEXT_REST = ',"type":"next"';

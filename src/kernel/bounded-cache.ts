import { LRUCache } from 'lru-cache';

/** Bytes of an entry besides its key and its value: its places in the lists that order it, and the text's own head. */
const ENTRY_BYTES = 150;

export interface BoundedCacheOptions<Value> {
  /** Most bytes that all entries hold together. */
  readonly bytes: number;
  /** Bytes that a value holds; absent: they are counted member by member, which does for plain values of a few members. */
  readonly sizeOf?: (value: Value, key: string) => number;
  /** Time after which a key is forgotten, whatever was set for it meanwhile, in milliseconds; absent: it is kept while there is room. */
  readonly ttlMs?: number;
}

/**
 * A memory of what was looked up, bounded by the bytes that it holds: where they are too many, it forgets what was used
 * longest ago. Sizes are counted from above, since a process that is told to stay small must not learn better. It takes no room ahead:
 * a bound by number would lay out its lists at once, whatever is kept. What is larger than the bound by itself is not kept.
 */
export class BoundedCache<Value extends {}> {
  readonly #entries: LRUCache<string, Value>;

  constructor({ bytes, sizeOf = bytesOf, ttlMs }: BoundedCacheOptions<Value>) {
    this.#entries = new LRUCache({
      maxSize: bytes,
      sizeCalculation: (value, key) => ENTRY_BYTES + 2 * key.length + Math.ceil(sizeOf(value, key)),
      ...(ttlMs === undefined ? {} : { ttl: ttlMs, noUpdateTTL: true }),
    });
  }

  /** Bytes that the entries hold, as they were counted. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  /** Tells if there is an entry, without using it: it is forgotten no later for that. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  set(key: string, value: Value): void {
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Forgets every key that begins so. It looks at all of them. */
  deleteAllOf(prefix: string): void {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.#entries.delete(key);
  }
}

/** Bytes that a plain value holds at most: texts of two bytes a character, members of a word each. */
export function bytesOf(value: unknown): number {
  if (typeof value === 'string') return 24 + 2 * value.length;
  if (typeof value === 'bigint') return 32;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof Date) return 96;
  const members = Object.values(value);
  return members.reduce((sum: number, member) => sum + 8 + bytesOf(member), 48);
}

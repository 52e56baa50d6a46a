import { randomInt } from 'node:crypto';
import { Stripe } from 'stripe';
import type { Clock } from './clock.ts';
import { missing } from './errors.ts';
import { present } from './present.ts';
import { type Behaviour, defaultBehaviour, emptyTables, type Tables } from './tables.ts';
import type { SnapshotEvent, ThinEvent } from './wire.ts';

/**
 * The emulated account: its objects, its clock and its events. Everything that the API, the hosted pages and the passing
 * of time do goes through here, one after the other: the process has one thread and no call waits in its middle, so each
 * is a transaction by itself.
 */
export class Sandbox {
  readonly tables: Tables = emptyTables();
  readonly behaviour: Behaviour = defaultBehaviour();
  /** Told of every event, in order. */
  onEvent: (event: SnapshotEvent) => void = () => undefined;
  onThinEvent: (event: ThinEvent) => void = () => undefined;
  /** Told that something is different, so that it can be written down. */
  onChange: () => void = () => undefined;
  /** The call that is being carried out; null while only time passes. */
  request: { readonly id: string; readonly idempotencyKey: string | null } | null = null;
  /** The address for the outside world. Hosted pages live below it. */
  baseUrl = 'http://127.0.0.1';
  readonly #clock: Clock;
  #offsetMs = 0;
  #frozenAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whole seconds, as Stripe counts. */
  now(): number {
    return Math.floor((this.#frozenAtMs ?? this.#clock.now().getTime() + this.#offsetMs) / 1000);
  }

  /** The machine's own time in seconds, wherever the movable clock stands. */
  systemNow(): number {
    return Math.floor(this.#clock.now().getTime() / 1000);
  }

  get frozen(): boolean {
    return this.#frozenAtMs !== null;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Sets the clock. Frozen it stands there until it is set again, else it runs on from there. */
  setTime(seconds: number, frozen: boolean): void {
    this.#frozenAtMs = frozen ? seconds * 1000 : null;
    this.#offsetMs = seconds * 1000 - this.#clock.now().getTime();
  }

  /** Lets the clock run on as it did before time was replayed. */
  restoreOffset(offsetMs: number): void {
    this.#frozenAtMs = null;
    this.#offsetMs = offsetMs;
  }

  /** A new id: prefix and 24 letters and digits. */
  newId(prefix: string, length = 24): string {
    return `${prefix}_${randomText(length)}`;
  }

  /** Tells the world what happened to an object. */
  emit(type: string, subject: object, previous?: Record<string, unknown>): void {
    const event: SnapshotEvent = {
      id: this.newId('evt'),
      object: 'event',
      api_version: Stripe.API_VERSION,
      created: this.now(),
      data: { object: present(subject), ...(previous !== undefined && { previous_attributes: previous }) },
      livemode: false,
      pending_webhooks: 0,
      request: { id: this.request?.id ?? null, idempotency_key: this.request?.idempotencyKey ?? null },
      type,
    };
    this.tables.events.set(event.id, event);
    this.onEvent(event);
    this.onChange();
  }

  /** Changes an object in place and, if that made a difference, says so with what was there before. */
  change<T extends object>(subject: T, type: string, mutate: (subject: T) => void): void {
    const before = structuredClone(subject) as Record<string, unknown>;
    mutate(subject);
    const after = subject as Record<string, unknown>;
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    const changed = [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
    if (changed.length === 0) return;
    this.emit(type, subject, Object.fromEntries(changed.map((name) => [name, before[name] ?? null])));
  }

  /** The object with this id, whatever it is; for expansion. */
  find(id: string): object | null {
    for (const table of Object.values(this.tables) as Map<string, unknown>[]) {
      const found = table.get(id);
      if (typeof found === 'object' && found !== null && 'object' in found) return found;
    }
    return null;
  }
}

/** The row, or Stripe's 404 (400 if `param` names a parameter). */
export function rowOf<T>(table: ReadonlyMap<string, T>, kind: string, id: string, param?: string): T {
  const row = table.get(id);
  if (row === undefined) throw missing(kind, id, param);
  return row;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

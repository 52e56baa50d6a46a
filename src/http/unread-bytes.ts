import type { Principal } from '../billing-entities/principal.ts';
import { Refusal } from '../kernel/refusal.ts';

/** Limits on bytes of answers that wait for their readers. */
export interface UnreadLimits {
  /** For one principal, over all of its connections. */
  readonly principal: number;
  /** For all anonymous callers of one address. */
  readonly anonymous: number;
  /** For all callers together. */
  readonly all: number;
}

/** A caller whose unread bytes are counted: made by {@link UnreadBytes.holderOf}, the same text for the same caller. */
export type Holder = string & { readonly brand: 'Holder' };

/**
 * Counts what was handed to connections and was not taken by the kernel yet, on every road. A caller that does not read
 * keeps them in this process's memory: beyond its bound it is refused before anything is executed, until it has read or its
 * connection is cut. A caller with nothing unread is always admitted, or an answer above the bound could never be had.
 */
export class UnreadBytes {
  readonly #limits: UnreadLimits;
  readonly #byHolder = new Map<Holder, number>();
  #all = 0;

  constructor(limits: UnreadLimits) {
    this.#limits = limits;
  }

  /** Bytes that wait now, of everybody. */
  get all(): number {
    return this.#all;
  }

  /** Waiting bytes by holder. */
  get holders(): number {
    return this.#byHolder.size;
  }

  /** A principal, however many tokens and connections it has; without one, the address that the connection comes from. */
  holderOf(principal: Principal | null, remoteAddress: string | undefined): Holder {
    const name = principal === null ? `${ANONYMOUS}${remoteAddress ?? ''}` : `${principal.kind} ${principal.subject}`;
    return name as Holder;
  }

  /** Bytes of this holder that wait now. */
  of(holder: Holder): number {
    return this.#byHolder.get(holder) ?? 0;
  }

  /**
   * The reason that `holder` may not be given `bytes` more (0: that nothing may begin for it): RATE_LIMITED by its own bound,
   * UNAVAILABLE by that of all. null: it may.
   */
  refusal(holder: Holder, bytes = 0): Refusal | null {
    const held = this.of(holder);
    const { all, anonymous, principal } = this.#limits;
    const most = holder.startsWith(ANONYMOUS) ? anonymous : principal;
    if (held > 0 && held + bytes > most) {
      return new Refusal('RATE_LIMITED', 'Too much of what you were sent waits to be read: read it first.', {
        retryAfterMs: RETRY_MS,
      });
    }
    // A part is kept for callers with nothing unread, so that a crowd that does not read shuts out only itself.
    const mostOfAll = held > 0 ? all - all / 4 : all;
    if (this.#all > 0 && this.#all + bytes > mostOfAll) {
      return new Refusal('UNAVAILABLE', 'Too many answers wait to be read at the moment.', { retryAfterMs: RETRY_MS });
    }
    return null;
  }

  /** Bytes were handed to a connection of this holder. Every one of them must be released, once. */
  reserve(holder: Holder, bytes: number): void {
    if (bytes === 0) return;
    this.#all += bytes;
    this.#byHolder.set(holder, this.of(holder) + bytes);
  }

  /** Releases bytes that the kernel took, or that were thrown away with their connection. */
  release(holder: Holder, bytes: number): void {
    if (bytes === 0) return;
    this.#all -= bytes;
    const left = this.of(holder) - bytes;
    if (left < 0 || this.#all < 0) throw new Error('more unread bytes were released than reserved');
    if (left === 0) this.#byHolder.delete(holder);
    else this.#byHolder.set(holder, left);
  }
}

const ANONYMOUS = 'anonymous ';
const RETRY_MS = 1000;

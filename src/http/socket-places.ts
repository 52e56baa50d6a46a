import type { Principal } from '../billing-entities/principal.ts';

export interface PlaceLimits {
  /** Admitted sockets of this process. */
  readonly all: number;
  /** Admitted sockets of one principal, by its kind; 0: as many as it likes. */
  readonly ofPrincipal: Readonly<Record<Principal['kind'], number>>;
  /** Sockets that nobody has been admitted on. */
  readonly unadmitted: number;
  /** The same, for one address. */
  readonly unadmittedOfPeer: number;
}

/** A socket that takes a place. */
export interface Guest {
  readonly remoteAddress: string | undefined;
  /** Closes it at once, because a newer socket needs the place. */
  evict(): void;
}

/**
 * The places of sockets. Sockets without an admitted principal have a small room of their own, so they never take a place
 * of admitted ones. None is refused there: when it is full, the peer with most sockets loses its longest waiting one, and
 * an honest client waits no longer than its token takes to arrive.
 */
export class SocketPlaces<G extends Guest> {
  readonly #limits: PlaceLimits;
  /** Sockets by peer, the longest waiting first. */
  readonly #unadmitted = new Map<string, Set<G>>();
  #unadmittedCount = 0;
  readonly #admitted = new Map<G, string>();
  readonly #ofPrincipals = new Map<string, number>();

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  get unadmitted(): number {
    return this.#unadmittedCount;
  }

  /** True when no more sockets can be admitted. */
  get isFull(): boolean {
    return this.#admitted.size >= this.#limits.all;
  }

  /** Takes a waiting place for a socket that has opened. */
  enter(guest: G): void {
    const peer = peerOf(guest);
    if ((this.#unadmitted.get(peer)?.size ?? 0) >= this.#limits.unadmittedOfPeer) this.#evictOneOf(peer);
    else if (this.#unadmittedCount >= this.#limits.unadmitted) this.#evictOneOf(this.#largestPeer());
    const waiting = this.#unadmitted.get(peer) ?? new Set();
    this.#unadmitted.set(peer, waiting.add(guest));
    this.#unadmittedCount += 1;
  }

  /** Gives a socket with a principal a lasting place, or names the limit that forbids it. */
  admit(guest: G, principal: Principal): 'admitted' | 'full' | 'tooManyOfPrincipal' {
    if (this.isFull) return 'full';
    const name = `${principal.kind} ${principal.subject}`;
    const most = this.#limits.ofPrincipal[principal.kind];
    const held = this.#ofPrincipals.get(name) ?? 0;
    if (most > 0 && held >= most) return 'tooManyOfPrincipal';
    this.#leaveRoom(guest);
    this.#admitted.set(guest, name);
    this.#ofPrincipals.set(name, held + 1);
    return 'admitted';
  }

  /** Frees the place of a socket that has closed. */
  leave(guest: G): void {
    this.#leaveRoom(guest);
    const name = this.#admitted.get(guest);
    if (name === undefined) return;
    this.#admitted.delete(guest);
    const left = (this.#ofPrincipals.get(name) ?? 1) - 1;
    if (left === 0) this.#ofPrincipals.delete(name);
    else this.#ofPrincipals.set(name, left);
  }

  #evictOneOf(peer: string): void {
    const [longestWaiting] = this.#unadmitted.get(peer) ?? [];
    if (longestWaiting === undefined) return;
    this.#leaveRoom(longestWaiting);
    longestWaiting.evict();
  }

  #largestPeer(): string {
    let largest = '';
    let most = 0;
    for (const [peer, { size }] of this.#unadmitted) if (size > most) [largest, most] = [peer, size];
    return largest;
  }

  #leaveRoom(guest: G): void {
    const peer = peerOf(guest);
    const waiting = this.#unadmitted.get(peer);
    if (waiting?.delete(guest) !== true) return;
    this.#unadmittedCount -= 1;
    if (waiting.size === 0) this.#unadmitted.delete(peer);
  }
}

function peerOf({ remoteAddress }: Guest): string {
  return remoteAddress ?? '';
}

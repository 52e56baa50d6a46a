import type { Operation } from '../../billing-entities/authorization.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { FairTurns } from '../../db/fair-turns.ts';
import type { DomainServices } from '../../services.ts';
import { readsOf } from './fair-reads.ts';
import { Loaders } from './loaders.ts';

/** What resolvers reach: who asks, the domain, and loaders that live for one operation. */
export interface RequestContext {
  /** null: anonymous. */
  readonly principal: Principal | null;
  readonly services: DomainServices;
  readonly loaders: Loaders;
  /** Told what a subscription opens on, so that it can be ended with the right to it. */
  readonly onWatch?: OnWatch | undefined;
}

/** What a subscription's stream is of, and all that it rests on: when any of it is gone, the stream ends. */
export interface Watched {
  readonly billingEntityId: string;
  /** What its watcher might do to the entity when it was opened, and must still be allowed to. */
  readonly rights: readonly Operation[];
  readonly suspendedSince: SuspendedSince;
}

/** Since when its entity, or who watches it, has been suspended; null: it is not. */
export type SuspendedSince = string | null;

export type OnWatch = (watched: Watched) => void;

/** Makes contexts of one application. What they read waits its turn, if there are turns. */
export function contextFactory(
  services: DomainServices,
  turns?: FairTurns,
): (principal: Principal | null, onWatch?: OnWatch) => RequestContext {
  return (principal, onWatch) => {
    const reads = turns === undefined ? services : readsOf(services, turns, principal);
    return { principal, services, loaders: new Loaders(reads), onWatch };
  };
}

import type { Operation } from '../../billing-entities/authorization.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { SentJson } from '../../kernel/sent-json.ts';
import type { DomainServices } from '../../services.ts';
import { readsOf, type Turns } from './fair-reads.ts';
import { Loaders } from './loaders.ts';

/** Everything that resolvers reach: the caller, the domain, and loaders that live for one operation. */
export interface RequestContext {
  /** null: anonymous. */
  readonly principal: Principal | null;
  readonly services: DomainServices;
  readonly loaders: Loaders;
  /** Hears of each subscription as it opens, so that it can end with the right to it. */
  readonly onWatch?: OnWatch | undefined;
  /** Absent: they were not kept. */
  readonly sent?: SentVariables | undefined;
}

/** The variables of a request as they were sent. */
export interface SentVariables {
  /** The message that they came in. */
  readonly json: SentJson;
  /** The variables, which are a part of its value; null: there are none. */
  readonly values: object | null;
}

/** The parts of a request that its context is made of, besides the caller. */
export type Asked = Pick<RequestContext, 'onWatch' | 'sent'>;

/** The conditions of an open subscription: it ends when one of them no longer holds. */
export interface Watched {
  readonly billingEntityId: string;
  /** Rights that the subscriber had when it was opened and must still have. */
  readonly rights: readonly Operation[];
  readonly suspendedSince: SuspendedSince;
}

/** The suspensions of the entity and of the subscriber, as one text; null: there is none. */
export type SuspendedSince = string | null;

export type OnWatch = (watched: Watched) => void;

/** Makes the contexts of one application. With `turns`, every read that is not folded waits for its caller's turn at the database. */
export function contextFactory(
  services: DomainServices,
  turns?: Turns,
): (principal: Principal | null, asked?: Asked) => RequestContext {
  return (principal, asked) => {
    const reads = turns === undefined ? services : readsOf(services, turns, principal);
    return { principal, services, loaders: new Loaders(reads, services), onWatch: asked?.onWatch, sent: asked?.sent };
  };
}

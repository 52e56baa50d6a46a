/** The domain as operations read it: every call waits its turn, so that no caller keeps the others from the database. */
import { ownEntity } from '../../billing-entities/access.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { DomainServices } from '../../services.ts';

/** The queue of the database's readers, as far as reads need it. */
export interface Turns {
  /** Does the work when it is the caller's turn. @throws Refusal RATE_LIMITED, UNAVAILABLE when too much waits already */
  take<T>(caller: string, work: () => Promise<T> | T): Promise<T>;
}

type Method = (...args: never[]) => unknown;

/**
 * The services, where each call takes one of the caller's turns, whatever number of statements it runs. Only for methods
 * that read and answer with a promise: commands have their own queue. All who act for one billing entity share its turns.
 */
export function readsOf(services: DomainServices, turns: Turns, principal: Principal | null): DomainServices {
  const caller = callerOf(principal);
  const views = new Map<string | symbol, unknown>();
  return new Proxy(services, {
    get(target, name) {
      let view = views.get(name);
      if (view === undefined) {
        view = viewOf(Reflect.get(target, name) as object | null, (work) => turns.take(caller, work));
        views.set(name, view);
      }
      return view;
    },
  });
}

function viewOf(service: object | null, take: (work: () => unknown) => Promise<unknown>): unknown {
  if (typeof service !== 'object' || service === null) return service;
  return new Proxy(service, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: never[]) => take(() => Reflect.apply(member as Method, target, args));
    },
  });
}

function callerOf(principal: Principal | null): string {
  if (principal === null) return '';
  return ownEntity(principal) ?? `${principal.kind} ${principal.subject}`;
}

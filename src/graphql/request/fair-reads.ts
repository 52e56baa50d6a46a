/** The domain as an operation reads it: every answer waits its turn, so that nobody keeps the others from the database. */
import { ownEntity } from '../../billing-entities/access.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { FairTurns } from '../../db/fair-turns.ts';
import type { DomainServices } from '../../services.ts';

type Method = (...args: never[]) => unknown;

/**
 * The services, of which each call takes one of the caller's turns, however many statements it then runs. For what reads,
 * and answers with a promise: commands have their own queue. Whoever acts for one billing entity shares its turns.
 */
export function readsOf(services: DomainServices, turns: FairTurns, principal: Principal | null): DomainServices {
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

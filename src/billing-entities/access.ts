/** Callers by their kind. Their rights are in authorization.ts. */
import { Refusal } from '../kernel/refusal.ts';
import type { OperatorPrincipal, Principal } from './principal.ts';

/** @throws Refusal UNAUTHENTICATED for anonymous callers */
export function requirePrincipal(principal: Principal | null): Principal {
  if (principal === null) throw new Refusal('UNAUTHENTICATED', 'this needs a bearer token');
  return principal;
}

/** For what concerns no single entity. @throws Refusal UNAUTHENTICATED, FORBIDDEN */
export function requireOperator(principal: Principal | null): OperatorPrincipal {
  const known = requirePrincipal(principal);
  if (known.kind !== 'OPERATOR') throw new Refusal('FORBIDDEN', 'only operators may do this');
  return known;
}

/** The one billing entity that the caller is, or acts for; null for services and operators, who act for any. */
export function ownEntity(principal: Principal): string | null {
  return principal.kind === 'USER' || principal.kind === 'API_KEY' ? principal.billingEntityId : null;
}

/** The answer about an organization that is not there, or not for the caller: the two must look alike. */
export function noOrganization(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such organization');
}

/** The name that the ledger and the audit log have for whoever causes a change. */
export function actorOf(principal: Principal): string {
  return `${principal.kind.toLowerCase()}:${principal.subject}`;
}

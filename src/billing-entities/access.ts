/** Who may see and do what. What a caller may not see does not exist for them: NOT_FOUND or null, never FORBIDDEN. */
import { Refusal } from '../refusal.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import type { OperatorPrincipal, Principal } from './principal.ts';

/** @throws Refusal UNAUTHENTICATED for anonymous callers */
export function requirePrincipal(principal: Principal | null): Principal {
  if (principal === null) throw new Refusal('UNAUTHENTICATED', 'this needs a bearer token');
  return principal;
}

/** @throws Refusal UNAUTHENTICATED, FORBIDDEN */
export function requireOperator(principal: Principal | null): OperatorPrincipal {
  const known = requirePrincipal(principal);
  if (known.kind !== 'OPERATOR') throw new Refusal('FORBIDDEN', 'only operators may do this');
  return known;
}

/** Whether the entity exists for this caller. */
export function visible(principal: Principal, entity: BillingEntity | null): entity is BillingEntity {
  if (entity === null) return false;
  const own = ownEntity(principal);
  return own === null || own === entity.billingEntityId;
}

/** The one billing entity that the caller is, or acts for; null for services and operators, who act for any. */
export function ownEntity(principal: Principal): string | null {
  return principal.kind === 'USER' || principal.kind === 'API_KEY' ? principal.billingEntityId : null;
}

/** Whether the caller may read all of the entity: its ledger, its grants, the proof of it. Services and API keys only meter. */
export function readsAll(principal: Principal, entity: BillingEntity): boolean {
  return (principal.kind === 'USER' || principal.kind === 'OPERATOR') && visible(principal, entity);
}

/** What the caller may do here, as `noun.verb`. */
export function permissions(principal: Principal, entity: BillingEntity): string[] {
  if (!visible(principal, entity)) return [];
  switch (principal.kind) {
    case 'OPERATOR':
      return [
        'credits.consume',
        'credits.grant',
        'credits.adjust',
        'credits.refund',
        'credits.transfer',
        'ledger.read',
        'ledger.verify',
        'usage.read',
        'entity.suspend',
      ];
    case 'SERVICE':
    case 'API_KEY':
      return ['credits.consume', 'usage.read'];
    case 'USER':
      return ['credits.consume', 'ledger.read', 'ledger.verify', 'usage.read'];
  }
}

/** How the ledger names who caused a change. */
export function actorOf(principal: Principal): string {
  return `${principal.kind.toLowerCase()}:${principal.subject}`;
}

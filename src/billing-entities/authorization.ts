/**
 * Who may see and do what, as data: what each operation is, and who may do it by what they are to the billing entity. The
 * code asks this table, `viewerPermissions` answers from it, docs/permissions.md is written from it and tests run over it.
 */
import { Refusal } from '../kernel/refusal.ts';
import type { Sender } from '../ledger/rules/commands.ts';
import { ownEntity } from './access.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import type { Membership } from './membership.entity.ts';
import type { Principal } from './principal.ts';

/** The relations in words. Everybody else is a STRANGER: for them the entity does not exist. */
export const RELATIONS = {
  SELF: 'a person, and their own account',
  OWNER: 'an owner of the organization',
  ADMIN: 'an administrator of it',
  BILLING: 'who looks after its money',
  MEMBER: 'a plain member',
  SUSPENDED: 'a member whose membership is suspended, whatever their role',
  INVITED: 'who was invited and has not answered: to them it is what their invitation says, and nothing else',
  SERVICE: 'a platform back end',
  OPERATOR: 'who runs this installation',
  API_KEY: 'a key, and the account that it acts for',
  STRANGER: 'anybody else',
} as const;

export type Relation = keyof typeof RELATIONS;

const MANAGERS = ['OWNER', 'ADMIN', 'OPERATOR'] as const;
const READERS = ['SELF', 'OWNER', 'ADMIN', 'BILLING', 'OPERATOR'] as const;
const KEEPERS = ['SELF', ...MANAGERS] as const;
const PEOPLE = ['SELF', 'OWNER', 'ADMIN', 'BILLING', 'MEMBER', 'SUSPENDED', 'SERVICE', 'OPERATOR'] as const;

interface Rule {
  /** In a few words, for the documents. */
  readonly what: string;
  readonly may: readonly Relation[];
}

/** The table. */
export const OPERATIONS = {
  'entity.read': { what: 'see that it exists: its name, plan, features and status', may: [...PEOPLE, 'API_KEY'] },
  'credits.read': { what: 'read the balance, also live', may: [...PEOPLE, 'API_KEY'] },
  'credits.consume': {
    what: 'check, reserve and consume',
    may: ['SELF', 'OWNER', 'ADMIN', 'BILLING', 'MEMBER', 'SERVICE', 'OPERATOR', 'API_KEY'],
  },
  'credits.grant': { what: 'give credits', may: ['OPERATOR'] },
  'credits.adjust': { what: 'correct the balance', may: ['OPERATOR'] },
  'credits.refund': { what: 'refund a usage record', may: ['OPERATOR'] },
  'credits.transfer': {
    what: 'move credits: from a pool to its members and back, from oneself to an organization; operators anywhere',
    may: KEEPERS,
  },
  'grants.read': { what: 'read the list of grants', may: READERS },
  'ledger.read': { what: 'read the ledger, also as a file', may: READERS },
  'ledger.verify': { what: 'have the ledger proven', may: READERS },
  'forecast.read': { what: 'read how long credits will last', may: READERS },
  'subscription.read': { what: 'read the subscription and the overage policy', may: READERS },
  'overage.set': { what: 'say whether use may go on as overage', may: READERS },
  'plan.change': { what: 'change, cancel and resume the subscription, and open the billing portal', may: READERS },
  'credits.purchase': { what: 'subscribe, and buy credits', may: READERS },
  'invoices.read': { what: 'read invoices', may: READERS },
  'reservations.read': { what: 'read reservations', may: [...READERS, 'SERVICE'] },
  'usage.read': { what: 'read use: usage, summaries, live; at least their own', may: [...PEOPLE, 'API_KEY'] },
  'usage.readAll': { what: 'read everybody’s use', may: [...READERS, 'SERVICE'] },
  'draws.read': { what: 'read from which grants use was drawn', may: [...READERS, 'SERVICE', 'API_KEY'] },
  'usage.export': { what: 'have the use that they read as a file', may: PEOPLE },
  'members.read': {
    what: 'read members; at least themselves',
    may: ['OWNER', 'ADMIN', 'BILLING', 'MEMBER', 'SUSPENDED', 'OPERATOR'],
  },
  'members.readAll': { what: 'read all members', may: ['OWNER', 'ADMIN', 'BILLING', 'OPERATOR'] },
  'members.set': { what: 'invite members, change their role, limit and status', may: MANAGERS },
  'members.remove': { what: 'remove members', may: MANAGERS },
  'members.setOwner': { what: 'make, change, demote, suspend or remove an OWNER', may: ['OWNER', 'OPERATOR'] },
  'invitation.answer': { what: 'accept or decline their invitation', may: ['INVITED'] },
  'members.leave': { what: 'remove themselves', may: ['OWNER', 'ADMIN', 'BILLING', 'MEMBER', 'SUSPENDED'] },
  'organization.update': { what: 'change its name and who pays inside it', may: MANAGERS },
  'organization.setExternalId': { what: 'give it another external id', may: ['OPERATOR'] },
  'entity.suspend': { what: 'suspend and reinstate it', may: ['OPERATOR'] },
  'apiKeys.read': { what: 'read API keys, never their secrets', may: READERS },
  'apiKeys.create': { what: 'create API keys', may: KEEPERS },
  'apiKeys.update': { what: 'change API keys', may: KEEPERS },
  'apiKeys.rotate': { what: 'rotate API keys', may: KEEPERS },
  'apiKeys.revoke': { what: 'revoke API keys', may: KEEPERS },
  'webhooks.read': { what: 'read the webhook endpoint, never its secret, and what was sent to it', may: READERS },
  'webhooks.set': {
    what: 'set the webhook endpoint, rotate its secret, and have tests and deliveries sent',
    may: READERS,
  },
  'alerts.read': {
    what: 'read alerts, also live; at least those about their own limit',
    may: ['SELF', 'OWNER', 'ADMIN', 'BILLING', 'MEMBER', 'SUSPENDED', 'OPERATOR'],
  },
  'alerts.readAll': { what: 'read all alerts', may: READERS },
  'alerts.acknowledge': { what: 'acknowledge alerts', may: READERS },
  'alertPreferences.read': { what: 'read what alerts are raised for, and where they are told', may: READERS },
  'alertPreferences.set': { what: 'set that, and the addresses that alerts are mailed to', may: READERS },
  'alertEmails.read': { what: 'read to which addresses its alerts are mailed', may: READERS },
  'auditLog.read': { what: 'read what administrators did', may: READERS },
} as const satisfies Readonly<Record<string, Rule>>;

export type Operation = keyof typeof OPERATIONS;

const allowed = new Map<Relation, ReadonlySet<Operation>>(
  (Object.keys(RELATIONS) as Relation[]).map((relation) => [
    relation,
    new Set(
      (Object.keys(OPERATIONS) as Operation[]).filter((operation) =>
        (OPERATIONS[operation] as Rule).may.includes(relation),
      ),
    ),
  ]),
);

/** What the caller is to the entity. `membership`: theirs in it, if it is an organization that they belong to or are invited to. */
export function relationOf(
  principal: Principal,
  entity: Pick<BillingEntity, 'billingEntityId'>,
  membership: Pick<Membership, 'role' | 'status'> | null,
): Relation {
  switch (principal.kind) {
    case 'OPERATOR':
    case 'SERVICE':
      return principal.kind;
    case 'API_KEY':
      return principal.billingEntityId === entity.billingEntityId ? 'API_KEY' : 'STRANGER';
    case 'USER':
      if (principal.billingEntityId === entity.billingEntityId) return 'SELF';
      if (membership === null) return 'STRANGER';
      return membership.status === 'ACTIVE' ? membership.role : membership.status;
  }
}

/** The caller, as far as the ledger has to know them. */
export function senderOf(principal: Principal): Sender {
  return {
    entityId: ownEntity(principal),
    isPerson: principal.kind === 'USER',
    sees: (billingEntityId, membership) => may(relationOf(principal, { billingEntityId }, membership), 'credits.read'),
  };
}

/** True where the table allows it. */
export function may(relation: Relation, operation: Operation): boolean {
  return allowed.get(relation)?.has(operation) ?? false;
}

/** Everything that this relation may do, in the order of the table. */
export function permissionsOf(relation: Relation): Operation[] {
  return [...(allowed.get(relation) ?? [])];
}

/** @throws Refusal NOT_FOUND for whom the entity does not exist, FORBIDDEN for who sees it and may not do this */
export function requireMay(relation: Relation, operation: Operation): void {
  if (may(relation, operation)) return;
  if (!may(relation, 'entity.read')) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
  throw new Refusal('FORBIDDEN', `this needs the permission ${operation}`);
}

/** @throws Refusal BAD_USER_INPUT for a user */
export function requireOrganization({ type }: BillingEntity): void {
  if (type !== 'ORGANIZATION') throw new Refusal('BAD_USER_INPUT', 'that is a user, not an organization');
}

/** Whose membership could matter between the two; null: nobody's. */
export function membershipBetween(
  principal: Principal,
  entity: BillingEntity,
): { organizationId: string; userId: string } | null {
  return principal.kind === 'USER' && entity.type === 'ORGANIZATION'
    ? { organizationId: entity.billingEntityId, userId: principal.billingEntityId }
    : null;
}

/** What people do to organizations and their members, asked of the two processes of an installation. */
import type { AuditLogEntry, AuditLogFilter } from '../../src/billing-entities/audit-log.ts';
import type { MemberChange } from '../../src/billing-entities/members.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import type { Installation, Person } from '../support/installation.ts';

export const EVERYTHING: AuditLogFilter = { actors: null, actions: null, from: null, to: null };
const FIRST = { first: 100, after: null };

export function administrationOf(current: () => Installation) {
  let organizations = 0;
  async function organization(owner: Principal, externalId = `org-${(organizations += 1)}`): Promise<string> {
    const made = await current().one.organizations.create(owner, {
      externalId,
      name: 'Acme',
      visibility: 'PRIVATE',
      ownerExternalId: null,
    });
    return made.billingEntityId;
  }

  const setMember = (
    principal: Principal,
    billingEntityId: string,
    user: Person,
    terms: Omit<MemberChange, 'billingEntityId' | 'userExternalId' | 'reason'>,
    index = 0,
  ) =>
    current()
      .either(index)
      .members.set(principal, { billingEntityId, userExternalId: user.externalId, reason: null, ...terms });

  /** As `setMember`; whoever is invited by that accepts. */
  const join = async (
    principal: Principal,
    billingEntityId: string,
    user: Person,
    terms: Parameters<typeof setMember>[3],
    index = 0,
  ) => {
    const set = await setMember(principal, billingEntityId, user, terms, index);
    if (set.status !== 'INVITED') return set;
    return current()
      .either(index + 1)
      .invitations.accept(user.principal, billingEntityId);
  };

  const removeMember = (principal: Principal, billingEntityId: string, user: Person, index = 0) =>
    current().either(index).members.remove(principal, { billingEntityId, userExternalId: user.externalId });

  async function codeOf(attempt: Promise<unknown>): Promise<string> {
    return attempt.then(
      () => 'done',
      (error: unknown) => (error as Partial<Refusal>).code ?? String(error),
    );
  }

  const codesOf = async (attempts: readonly Promise<unknown>[]): Promise<string[]> =>
    (await Promise.all(attempts.map(codeOf))).toSorted();

  async function audited(billingEntityId: string, filter: Partial<AuditLogFilter> = {}): Promise<AuditLogEntry[]> {
    const page = await current().two.auditLog.list(billingEntityId, FIRST, { ...EVERYTHING, ...filter });
    return page.edges.map(({ node }) => node);
  }

  async function roles(billingEntityId: string): Promise<Record<string, string>> {
    const page = await current().two.members.list(billingEntityId, FIRST, { search: null, onlyUserId: null });
    const users = await current().one.entities.byIds(page.edges.map(({ node }) => node.userId));
    return Object.fromEntries(
      page.edges.map(({ node }): [string, string] => [
        users.get(node.userId)?.externalId ?? '',
        `${node.role} ${node.status}`,
      ]),
    );
  }

  const available = async (id: string): Promise<bigint | undefined> =>
    (await current().one.accounts.balance(id))?.available;

  return { organization, setMember, join, removeMember, codeOf, codesOf, audited, roles, available };
}

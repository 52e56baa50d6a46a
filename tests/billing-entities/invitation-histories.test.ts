/** Any history of inviting, answering, changing and removing, against a model of a few lines. */
import fc from 'fast-check';
import type { MemberRole, MembershipStatus } from '../../src/billing-entities/membership.entity.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person } from '../support/installation.ts';

interface State {
  readonly role: MemberRole;
  readonly status: MembershipStatus;
}

/** What each of the people is; absent: nothing. The founder owns it. */
type Model = Map<number, State>;

type Step =
  | {
      readonly kind: 'set';
      readonly by: number | 'operator';
      readonly whom: number;
      readonly role: MemberRole;
      readonly status: MembershipStatus | null;
    }
  | { readonly kind: 'remove'; readonly by: number | 'operator'; readonly whom: number }
  | { readonly kind: 'accept' | 'decline'; readonly whom: number };

const PEOPLE = 4;
const person = fc.nat({ max: PEOPLE - 1 });
const by = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, person, fc.constant('operator' as const));
const role = fc.constantFrom<MemberRole>('OWNER', 'ADMIN', 'BILLING', 'MEMBER');
const status = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  fc.constantFrom<MembershipStatus>('ACTIVE', 'SUSPENDED', 'INVITED'),
);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), by, whom: person, role, status }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('accept' as const, 'decline' as const), whom: person }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), by, whom: person }) },
  ),
  { minLength: 3, maxLength: 14 },
);

const isOwner = (state: State | undefined): boolean => state?.role === 'OWNER' && state.status === 'ACTIVE';
const isLastOwner = (model: Model, whom: number): boolean =>
  isOwner(model.get(whom)) && [...model.values()].filter(isOwner).length === 1;

/** What somebody may do to others: as a manager, also to owners; undefined: they do not see the organization. */
function rightsOf(model: Model, who: number | 'operator'): { manages: boolean; owns: boolean } | undefined {
  if (who === 'operator') return { manages: true, owns: true };
  const state = model.get(who);
  if (state === undefined || state.status === 'INVITED') return undefined;
  const isActive = state.status === 'ACTIVE';
  return { manages: isActive && ['OWNER', 'ADMIN'].includes(state.role), owns: isActive && state.role === 'OWNER' };
}

/** What a step comes to, and what it leaves. */
function expected(model: Model, step: Step): string {
  const before = model.get(step.whom);
  switch (step.kind) {
    case 'accept':
      if (before === undefined) return 'NOT_FOUND';
      if (before.status === 'INVITED') model.set(step.whom, { ...before, status: 'ACTIVE' });
      return 'done';
    case 'decline':
      if (before === undefined) return 'NOT_FOUND';
      if (before.status === 'INVITED') model.delete(step.whom);
      return 'done';
    case 'remove': {
      const rights = rightsOf(model, step.by);
      if (rights === undefined) return 'NOT_FOUND';
      const isSelf = step.by === step.whom;
      if (!isSelf && !rights.manages) return 'FORBIDDEN';
      if (before === undefined) return 'done';
      if (before.role === 'OWNER' && !isSelf && !rights.owns) return 'FORBIDDEN';
      if (isLastOwner(model, step.whom)) return 'CONFLICT';
      model.delete(step.whom);
      return 'done';
    }
    case 'set': {
      if (step.status === 'INVITED') return 'BAD_USER_INPUT';
      const rights = rightsOf(model, step.by);
      if (rights === undefined) return 'NOT_FOUND';
      if (!rights.manages) return 'FORBIDDEN';
      if ((before?.role === 'OWNER' || step.role === 'OWNER') && !rights.owns) return 'FORBIDDEN';
      const belongs = before !== undefined && before.status !== 'INVITED';
      if (!belongs && step.status !== null && step.by !== 'operator') return 'CONFLICT';
      const unsaid = before?.status ?? (step.by === 'operator' ? 'ACTIVE' : 'INVITED');
      const after: State = { role: step.role, status: step.status ?? unsaid };
      if (isLastOwner(model, step.whom) && !isOwner(after)) return 'CONFLICT';
      model.set(step.whom, after);
      return 'done';
    }
  }
}

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open({
    organizations: {
      ids: 'open',
      perOwner: 1_000_000,
      membersEach: 1_000,
      invitationsEach: 1_000,
      newPeopleADay: 1_000_000,
    },
  });
});

afterAll(() => installation.close());

test('comes to what the model says, for who does it, who is asked and who looks', async () => {
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => installation.person(0n)));
  const principalOf = (who: number | 'operator'): Principal =>
    who === 'operator' ? OPERATOR : (people[who] as Person).principal;
  let taken = 0;

  const take = (id: string, step: Step): Promise<unknown> => {
    const { members, invitations } = installation.either((taken += 1));
    const whom = people[step.whom] as Person;
    const who = { billingEntityId: id, userExternalId: whom.externalId };
    switch (step.kind) {
      case 'accept':
        return invitations.accept(whom.principal, id);
      case 'decline':
        return invitations.decline(whom.principal, id);
      case 'remove':
        return members.remove(principalOf(step.by), who);
      case 'set': {
        const terms = { role: step.role, ...(step.status !== null && { status: step.status }), reason: null };
        return members.set(principalOf(step.by), { ...who, ...terms });
      }
    }
  };
  const codeOf = (attempt: Promise<unknown>): Promise<string> =>
    attempt.then(
      () => 'done',
      (error: unknown) => (error as Partial<Refusal>).code ?? String(error),
    );

  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const input = { externalId: null, name: 'Acme', visibility: 'PRIVATE', ownerExternalId: null } as const;
      const made = await installation.one.organizations.create(principalOf(0), input);
      const id = made.billingEntityId;
      const model: Model = new Map([[0, { role: 'OWNER', status: 'ACTIVE' }]]);
      for (const step of history) {
        const code = expected(model, step);
        expect({ step, code: await codeOf(take(id, step)) }).toEqual({ step, code });
      }

      const { edges } = await installation.one.members.list(
        id,
        { first: 100, after: null },
        { search: null, onlyUserId: null },
      );
      const listed = new Map(edges.map(({ node }) => [node.externalId ?? node.userId, `${node.role} ${node.status}`]));
      expect(listed.size).toBe(edges.length);
      for (const [index, { id: userId, externalId, principal }] of people.entries()) {
        const state = model.get(index);
        const belongs = state !== undefined && state.status !== 'INVITED';
        const [name, other] = belongs ? [userId, externalId] : [externalId, userId];
        expect(listed.get(name)).toBe(state && `${state.role} ${state.status}`);
        expect(listed.has(other)).toBe(false);
        const relation = await installation.two.members.relation(principal, made);
        expect(relation).toBe(!belongs ? 'STRANGER' : state.status === 'ACTIVE' ? state.role : 'SUSPENDED');
        const memberships = await installation.two.members.ofUser(userId);
        expect(memberships.some(({ billingEntityId }) => billingEntityId === id)).toBe(belongs);
        const invitations = await installation.two.invitations.ofPrincipal(principal);
        // A hundred are shown, and there are no more here: what is left of one history is tidied before the next.
        const invited = invitations.filter(({ organizationId }) => organizationId === id).map((each) => each.role);
        expect(invited).toEqual(state?.status === 'INVITED' ? [state.role] : []);
        if (state?.status === 'INVITED') await installation.one.invitations.decline(principal, id);
      }
      expect(listed.size).toBe(model.size);
    }),
    { numRuns: 60 },
  );
}, 120_000);

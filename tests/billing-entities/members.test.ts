import type { Principal, UserPrincipal } from '../../src/billing-entities/principal.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';
import { administrationOf } from './administration.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());
const { organization, setMember, join, removeMember, codeOf, codesOf, audited, roles, available } = administrationOf(
  () => installation,
);

describe('members', () => {
  it('are made and changed on terms; what is absent stays, null clears', async () => {
    const [ann, ben] = await Promise.all([installation.person(0n), installation.person(0n)]);
    const id = await organization(ann.principal);
    const terms = { role: 'MEMBER', status: 'ACTIVE', creditLimit: null } as const;
    expect(await join(ann.principal, id, ben, { role: 'MEMBER' })).toMatchObject({ ...terms, userId: ben.id });
    expect(await setMember(ann.principal, id, ben, { role: 'ADMIN', creditLimit: 50n })).toMatchObject({
      role: 'ADMIN',
      creditLimit: 50n,
    });
    expect(await setMember(ann.principal, id, ben, { role: 'ADMIN', status: 'SUSPENDED' })).toMatchObject({
      role: 'ADMIN',
      status: 'SUSPENDED',
      creditLimit: 50n,
    });
    expect(await setMember(ann.principal, id, ben, { role: 'MEMBER', creditLimit: null })).toMatchObject({
      status: 'SUSPENDED',
      creditLimit: null,
    });
    expect(await codeOf(setMember(ann.principal, id, ben, { role: 'MEMBER', creditLimit: -1n }))).toBe(
      'BAD_USER_INPUT',
    );
    expect(await installation.two.members.ofUser(ben.id)).toMatchObject([{ billingEntityId: id, userId: ben.id }]);
    expect(await removeMember(ann.principal, id, ben)).toBe(true);
    expect(await removeMember(ann.principal, id, ben)).toBe(false);
    expect(await installation.two.members.ofUser(ben.id)).toEqual([]);
    expect(
      (await audited(id, { actions: ['member.invite', 'member.accept', 'member.set', 'member.remove'] })).map(
        (entry) => [entry.before, entry.after],
      ),
    ).toEqual([
      [{ role: 'MEMBER', status: 'SUSPENDED', creditLimit: null }, null],
      [
        { role: 'ADMIN', status: 'SUSPENDED', creditLimit: 50 },
        { role: 'MEMBER', status: 'SUSPENDED', creditLimit: null },
      ],
      [
        { role: 'ADMIN', status: 'ACTIVE', creditLimit: 50 },
        { role: 'ADMIN', status: 'SUSPENDED', creditLimit: 50 },
      ],
      [terms, { ...terms, role: 'ADMIN', creditLimit: 50 }],
      [{ ...terms, status: 'INVITED' }, terms],
      [null, { ...terms, status: 'INVITED' }],
    ]);
  });

  it('whom an administrator names first have no trial yet, whom an operator names do; a sign-in brings it', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal);
    const name = (principal: Principal, userExternalId: string) =>
      installation.one.members.set(principal, { billingEntityId: id, userExternalId, role: 'MEMBER', reason: null });
    const [byAdmin, byOperator] = await Promise.all([name(ann.principal, 'new-1'), name(OPERATOR, 'new-2')]);
    expect(await Promise.all([byAdmin.userId, byOperator.userId].map(available))).toEqual([undefined, 10_000n]);
    // Nor is there anybody yet whom the administrator named.
    expect(await installation.two.entities.byExternalId('USER', 'new-1')).toBeNull();
    const newcomer = await installation.two.entities.ensureUser({ externalId: 'new-1', name: 'New', withTrial: true });
    expect(await available(newcomer)).toBe(10_000n);
    // Nobody lies under what was made up.
    expect((await installation.one.entities.byIds([byAdmin.userId])).size).toBe(0);
  });

  it('with no right to it make and change nobody; nobody is made on their behalf', async () => {
    const [ann, ben, eve] = await Promise.all([1, 2, 3].map(() => installation.person(0n)));
    const id = await organization((ann as Person).principal);
    const named = { billingEntityId: id, userExternalId: 'never-made', role: 'MEMBER', reason: null } as const;
    for (const role of ['BILLING', 'MEMBER'] as const) {
      await join((ann as Person).principal, id, ben as Person, { role });
      expect(await codeOf(installation.one.members.set((ben as Person).principal, named))).toBe('FORBIDDEN');
      expect(await codeOf(removeMember((ben as Person).principal, id, ann as Person))).toBe('FORBIDDEN');
    }
    expect(await codeOf(installation.one.members.set(SERVICE, named))).toBe('FORBIDDEN');
    expect(await codeOf(installation.one.members.set((eve as Person).principal, named))).toBe('NOT_FOUND');
    expect(await installation.one.entities.byExternalId('USER', 'never-made')).toBeNull();
  });

  it('who administrate leave owners alone', async () => {
    const [ann, ben, cat] = (await Promise.all([1, 2, 3].map(() => installation.person(0n)))) as [
      Person,
      Person,
      Person,
    ];
    const id = await organization(ann.principal);
    await join(ann.principal, id, ben, { role: 'ADMIN' });
    const byBen = [
      setMember(ben.principal, id, ann, { role: 'MEMBER' }),
      setMember(ben.principal, id, ann, { role: 'OWNER', status: 'SUSPENDED' }),
      setMember(ben.principal, id, ann, { role: 'OWNER', creditLimit: 1n }),
      setMember(ben.principal, id, ben, { role: 'OWNER' }),
      setMember(ben.principal, id, cat, { role: 'OWNER' }),
      removeMember(ben.principal, id, ann),
    ];
    expect(new Set(await codesOf(byBen))).toEqual(new Set(['FORBIDDEN']));
    await join(ben.principal, id, cat, { role: 'ADMIN' });
    await setMember(cat.principal, id, ben, { role: 'BILLING' });
    expect(await roles(id)).toMatchObject({
      [ann.externalId]: 'OWNER ACTIVE',
      [ben.externalId]: 'BILLING ACTIVE',
      [cat.externalId]: 'ADMIN ACTIVE',
    });
  });

  it('leave by themselves, also suspended, but never the last active owner', async () => {
    const [ann, ben] = (await Promise.all([1, 2].map(() => installation.person(0n)))) as [Person, Person];
    const id = await organization(ann.principal);
    await join(ann.principal, id, ben, { role: 'MEMBER' });
    await setMember(ann.principal, id, ben, { role: 'MEMBER', status: 'SUSPENDED' });
    expect(await removeMember(ben.principal, id, ben)).toBe(true);
    await join(ann.principal, id, ben, { role: 'OWNER' });
    await setMember(ann.principal, id, ben, { role: 'OWNER', status: 'SUSPENDED' });
    const byAnn = [
      removeMember(ann.principal, id, ann),
      setMember(ann.principal, id, ann, { role: 'ADMIN' }),
      setMember(ann.principal, id, ann, { role: 'OWNER', status: 'SUSPENDED' }),
      setMember(OPERATOR, id, ann, { role: 'MEMBER' }),
      removeMember(OPERATOR, id, ann),
    ];
    expect(await codesOf(byAnn)).toEqual(Array.from({ length: 5 }, () => 'CONFLICT'));
    await setMember(ann.principal, id, ben, { role: 'OWNER', status: 'ACTIVE' });
    expect(await removeMember(ann.principal, id, ann)).toBe(true);
    expect(await roles(id)).toEqual({ [ben.externalId]: 'OWNER ACTIVE' });
  });

  it('who are owners and demote each other at once, on two processes, leave one', async () => {
    for (let round = 0; round < 5; round += 1) {
      const owners = await Promise.all([1, 2, 3].map(() => installation.person(0n)));
      const [first] = owners as [Person];
      const id = await organization(first.principal);
      for (const owner of owners.slice(1)) await join(first.principal, id, owner, { role: 'OWNER' });
      const change = [
        (who: UserPrincipal, whom: Person, index: number) => setMember(who, id, whom, { role: 'ADMIN' }, index),
        (who: UserPrincipal, whom: Person, index: number) => removeMember(who, id, whom, index),
        (who: UserPrincipal, whom: Person, index: number) =>
          setMember(who, id, whom, { role: 'OWNER', status: 'SUSPENDED' }, index),
      ] as const;
      await codesOf(
        owners.map((owner, index) =>
          (change[(index + round) % 3] as (typeof change)[0])(
            owner.principal,
            owners[(index + 1 + (round % 2)) % 3] as Person,
            index,
          ),
        ),
      );
      await codesOf(owners.map((owner, index) => removeMember(owner.principal, id, owner, index)));
      const left = Object.values(await roles(id)).filter((role) => role === 'OWNER ACTIVE');
      expect(left.length).toBeGreaterThanOrEqual(1);
    }
  });

  it('are paged in a stable order and found by name, whatever its case', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal);
    for (const number of [1, 2, 3, 4, 5]) {
      const externalId = `paged-${number}`;
      await installation.one.entities.ensureUser({ externalId, name: `Pia 10%_${number}`, withTrial: false });
      await installation.one.members.set(OPERATOR, {
        billingEntityId: id,
        userExternalId: externalId,
        role: 'MEMBER',
        reason: null,
      });
    }
    const list = (first: number, after: string | null, search: string | null, onlyUserId: string | null = null) =>
      installation.one.members.list(id, { first, after }, { search, onlyUserId });
    const all = await list(100, null, null);
    expect(all.edges).toHaveLength(6);
    const paged: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await list(2, after, 'PIA 10%_');
      paged.push(...page.edges.map(({ node }) => node.userId));
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(paged).toEqual(all.edges.slice(1).map(({ node }) => node.userId));
    expect((await list(10, null, 'aged-3')).edges).toHaveLength(1);
    expect((await list(10, null, '_%')).edges).toHaveLength(0);
    expect((await list(10, null, null, ann.id)).edges.map(({ node }) => node.userId)).toEqual([ann.id]);
    expect((await list(10, null, 'pia', ann.id)).edges).toEqual([]);
  });

  it('have used what the counters of the current periods say, and nothing that earlier ones say', async () => {
    const [ann, ben] = (await Promise.all([1, 2].map(() => installation.person(0n)))) as [Person, Person];
    const id = await organization(ann.principal);
    const counter = (account: string, scope: string, subject: string, used: number, month: string) =>
      `insert into use_counter values ('${account}', '${scope}', '${subject}', '2026-${month}-01T00:00:00Z', ${used}, 0)`;
    await installation.behindItsBack(
      counter(id, 'MEMBER', ann.id, 30, '03'),
      counter(ann.id, 'ORGANIZATION', id, 12, '03'),
      counter(id, 'MEMBER', ben.id, 7, '02'),
      counter(ben.id, 'ORGANIZATION', id, 5, '03'),
    );
    const keys = [ann, ben, ann].map((person) => ({ organizationId: id, userId: person.id }));
    expect(await installation.one.members.usedThisPeriod(keys)).toEqual([
      { used: 42n, drawn: 30n },
      { used: 5n, drawn: 0n },
      { used: 42n, drawn: 30n },
    ]);
  });
});

import type { AuditLogEntry, AuditLogFilter } from '../../src/billing-entities/audit-log.ts';
import type { MemberChange } from '../../src/billing-entities/members.ts';
import type { Principal, UserPrincipal } from '../../src/billing-entities/principal.ts';
import { useLockOf } from '../../src/ledger/store/organization-lock.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';

let installation: Installation;
let organizations = 0;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

const EVERYTHING: AuditLogFilter = { actors: null, actions: null, from: null, to: null };
const FIRST = { first: 100, after: null };

async function organization(owner: Principal, externalId = `org-${(organizations += 1)}`): Promise<string> {
  const made = await installation.one.organizations.create(owner, {
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
  installation
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
  return installation.either(index + 1).invitations.accept(user.principal, billingEntityId);
};

const removeMember = (principal: Principal, billingEntityId: string, user: Person, index = 0) =>
  installation.either(index).members.remove(principal, { billingEntityId, userExternalId: user.externalId });

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'done',
    (error: unknown) => (error as Partial<Refusal>).code ?? String(error),
  );
}

const codesOf = async (attempts: readonly Promise<unknown>[]): Promise<string[]> =>
  (await Promise.all(attempts.map(codeOf))).toSorted();

async function audited(billingEntityId: string, filter: Partial<AuditLogFilter> = {}): Promise<AuditLogEntry[]> {
  const page = await installation.two.auditLog.list(billingEntityId, FIRST, { ...EVERYTHING, ...filter });
  return page.edges.map(({ node }) => node);
}

async function roles(billingEntityId: string): Promise<Record<string, string>> {
  const page = await installation.two.members.list(billingEntityId, FIRST, { search: null, onlyUserId: null });
  const users = await installation.one.entities.byIds(page.edges.map(({ node }) => node.userId));
  return Object.fromEntries(
    page.edges.map(({ node }): [string, string] => [
      users.get(node.userId)?.externalId ?? '',
      `${node.role} ${node.status}`,
    ]),
  );
}

const available = async (id: string): Promise<bigint | undefined> =>
  (await installation.one.accounts.balance(id))?.available;

describe('an organization', () => {
  it('is its creator’s own, with an account of its own', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal, 'acme');
    expect(await installation.two.entities.byExternalId('ORGANIZATION', 'acme')).toMatchObject({
      billingEntityId: id,
      name: 'Acme',
      type: 'ORGANIZATION',
      visibility: 'PRIVATE',
    });
    expect(await roles(id)).toEqual({ [ann.externalId]: 'OWNER ACTIVE' });
    expect(await installation.two.members.ofUser(ann.id)).toMatchObject([{ billingEntityId: id, role: 'OWNER' }]);
    expect(await audited(id)).toMatchObject([
      {
        action: 'organization.create',
        actor: `user:${ann.externalId}`,
        subject: 'organization:acme',
        before: null,
        after: { name: 'Acme', visibility: 'PRIVATE', owner: `user:${ann.externalId}` },
      },
    ]);
    await installation.expectProven(id);
  });

  it('is one, however many race for its external id', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => installation.person(0n)));
    const attempts = people.flatMap(({ principal }) =>
      [0, 1].map((index) =>
        installation.either(index).organizations.create(principal, {
          externalId: 'raced-for',
          name: principal.subject,
          visibility: 'PUBLIC',
          ownerExternalId: null,
        }),
      ),
    );
    expect(await codesOf(attempts)).toEqual([...Array.from({ length: 7 }, () => 'CONFLICT'), 'done']);
    const made = await installation.one.entities.byExternalId('ORGANIZATION', 'raced-for');
    expect(await roles(made?.billingEntityId as string)).toEqual({ [made?.name as string]: 'OWNER ACTIVE' });
    // Nothing is left of those who lost.
    const { rows } = await installation.admin.query(
      `select 1 from credit_account a left join billing_entity b using (billing_entity_id) where b.billing_entity_id is null`,
    );
    expect(rows).toEqual([]);
  });

  it('has the trial once per owner, however many they create at once', async () => {
    const ann = await installation.person(0n);
    const ids = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        installation
          .either(index)
          .organizations.create(ann.principal, {
            externalId: `farm-${index}`,
            name: 'Farm',
            visibility: 'PRIVATE',
            ownerExternalId: ann.externalId,
          })
          .then(({ billingEntityId }) => billingEntityId),
      ),
    );
    const balances = await Promise.all(ids.map(available));
    expect(balances.map(Number).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 0, 10_000]);
    // Neither by giving the first one away and starting anew.
    const ben = await installation.person(0n);
    const rich = ids[balances.indexOf(10_000n)] as string;
    await join(ann.principal, rich, ben, { role: 'OWNER' });
    await removeMember(ann.principal, rich, ann);
    expect(await available(await organization(ann.principal))).toBe(0n);
    // The trial itself stays where it is.
    const { transfers } = installation.one;
    const input = { idempotencyKey: installation.key(), fromBillingEntityId: rich, amount: 1n, reason: null };
    expect(await transfers.transfer(ben.principal, { ...input, toBillingEntityId: ben.id })).toMatchObject({
      kind: 'insufficient',
      available: 0n,
    });
  });

  it('without an owner has no trial; with one that a service names, they have theirs and it has its own', async () => {
    const create = (ownerExternalId: string | null, externalId: string) =>
      installation.one.organizations.create(SERVICE, { externalId, name: 'C', visibility: 'PRIVATE', ownerExternalId });
    expect(await available((await create(null, 'nobody’s')).billingEntityId)).toBe(0n);
    const id = (await create('olga', 'olga’s')).billingEntityId;
    const olga = await installation.two.entities.byExternalId('USER', 'olga');
    expect(await Promise.all([id, olga?.billingEntityId as string].map(available))).toEqual([10_000n, 10_000n]);
    expect(await roles(id)).toEqual({ olga: 'OWNER ACTIVE' });
  });

  it('gets its trial also when the process died before giving it', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal, 'half-made');
    await installation.behindItsBack(
      `insert into entity_key values ('ORGANIZATION_TRIAL_DUE', 'half-made', '${id}')`,
      `delete from ledger_entry where billing_entity_id = '${id}'`,
      `delete from credit_grant where billing_entity_id = '${id}'`,
      `update credit_account set trial_given = false, available = 0, sequence = 0, version = 0 where billing_entity_id = '${id}'`,
    );
    await installation.two.organizations.giveDueTrials();
    await installation.one.organizations.giveDueTrials();
    expect(await available(id)).toBe(10_000n);
  });

  it('is created by nobody for somebody else, and not under a name that is none', async () => {
    const ann = await installation.person(0n);
    const create = (principal: Principal, changes: object) =>
      installation.one.organizations.create(principal, {
        externalId: 'x',
        name: 'X',
        visibility: 'PRIVATE',
        ownerExternalId: null,
        ...changes,
      });
    expect(await codeOf(create(ann.principal, { ownerExternalId: 'somebody' }))).toBe('FORBIDDEN');
    for (const wrong of [{ name: '  ' }, { name: 'x'.repeat(256) }, { externalId: '' }, { name: 'a\0' }]) {
      expect(await codeOf(create(ann.principal, wrong))).toBe('BAD_USER_INPUT');
    }
    expect(await installation.one.entities.byExternalId('ORGANIZATION', 'x')).toBeNull();
  });

  it('changes its name and who pays, audited once for what really changed', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal);
    const update = (change: object) =>
      installation.one.organizations.update(ann.principal, { billingEntityId: id, ...change });
    expect(await update({ name: ' Acme Ltd ' })).toMatchObject({ name: 'Acme Ltd', visibility: 'PRIVATE' });
    expect(await update({ visibility: 'PUBLIC' })).toMatchObject({ name: 'Acme Ltd', visibility: 'PUBLIC' });
    await update({ visibility: 'PUBLIC', name: 'Acme Ltd' });
    expect(
      (await audited(id, { actions: ['organization.update'] })).map(({ before, after }) => [before, after]),
    ).toEqual([
      [
        { name: 'Acme Ltd', visibility: 'PRIVATE' },
        { name: 'Acme Ltd', visibility: 'PUBLIC' },
      ],
      [
        { name: 'Acme', visibility: 'PRIVATE' },
        { name: 'Acme Ltd', visibility: 'PRIVATE' },
      ],
    ]);
    expect(await codeOf(installation.one.organizations.update(OPERATOR, { billingEntityId: ann.id, name: 'X' }))).toBe(
      'BAD_USER_INPUT',
    );
  });

  it('does not change who pays while use is under way in it', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal);
    const use = await installation.admin.connect();
    await use.query('begin');
    await use.query('select pg_advisory_xact_lock_shared($1::bigint)', [useLockOf(id).toString()]);
    let isAnswered = false;
    const change = installation.one.organizations
      .update(ann.principal, { billingEntityId: id, visibility: 'PUBLIC' })
      .then(() => (isAnswered = true));
    // Others go on meanwhile, and a new name does not wait.
    await installation.one.organizations.update(ann.principal, { billingEntityId: id, name: 'At once' });
    expect(isAnswered).toBe(false);
    await use.query('commit');
    use.release();
    await change;
    expect(isAnswered).toBe(true);
  });
});

describe('the lock of use', () => {
  it('is the last eight bytes of the id, signed', () => {
    expect(useLockOf('01a2063a-0000-7000-8000-0000000000ff')).toBe(-0x7fff_ffff_ffff_ff01n);
    expect(useLockOf('01a2063a-1111-7111-bfff-ffffffffffff')).toBe(-0x4000_0000_0000_0001n);
  });
});

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

describe('the audit log', () => {
  it('has what operators do by hand, on both sides of a transfer, once for each key', async () => {
    const [ann, ben] = await Promise.all([installation.person(100n), installation.person(0n)]);
    const input = {
      idempotencyKey: 'audited',
      fromBillingEntityId: ann.id,
      toBillingEntityId: ben.id,
      amount: 30n,
      reason: 'a gift',
    };
    await Promise.all([0, 1, 0].map((index) => installation.either(index).transfers.transfer(OPERATOR, input)));
    const [sent] = await audited(ann.id);
    const received = await audited(ben.id, { actions: ['credits.transfer'] });
    expect(sent).toMatchObject({
      actor: 'operator:root',
      action: 'credits.transfer',
      subject: ben.id,
      before: { available: 100 },
      after: { available: 70, amount: 30 },
      reason: 'a gift',
    });
    expect(received).toMatchObject([{ subject: ann.id, before: { available: 0 }, after: { available: 30 } }]);
    expect((await audited(ann.id)).map(({ action }) => action)).toEqual([
      'credits.transfer',
      'credits.grant',
      'credits.adjust',
    ]);
  });

  it('has nothing of use, nor of what was refused', async () => {
    const ann = await installation.person(100n);
    const before = await audited(ann.id);
    await installation.one.consumption.consume(SERVICE, installation.use(ann, 100));
    const tooMuch = { idempotencyKey: installation.key(), billingEntityId: ann.id, amount: -1_000n, reason: 'x' };
    expect(await codeOf(installation.one.administration.adjust(OPERATOR, tooMuch))).toBe('CONFLICT');
    expect(await audited(ann.id)).toEqual(before);
  });

  it('has a suspension and its end, each once', async () => {
    const ann = await installation.person(0n);
    const cause = { billingEntityId: ann.id, actor: 'operator:root' };
    for (const index of [0, 1]) await installation.either(index).entities.suspend({ ...cause, reason: 'abuse' });
    for (const index of [0, 1]) await installation.either(index).entities.reinstate(cause);
    expect(await audited(ann.id, { actions: ['entity.suspend', 'entity.reinstate'] })).toMatchObject([
      { action: 'entity.reinstate', before: { status: 'SUSPENDED' }, after: { status: 'ACTIVE' }, reason: null },
      { action: 'entity.suspend', subject: `user:${ann.externalId}`, reason: 'abuse' },
    ]);
    expect(await audited(ann.id, { actors: ['user:nobody'] })).toEqual([]);
  });

  it('is paged newest first, and cannot be rewritten', async () => {
    const ann = await installation.person(5n);
    const page = await installation.one.auditLog.list(ann.id, { first: 1, after: null }, EVERYTHING);
    expect(page.edges[0]?.node.action).toBe('credits.grant');
    const after = page.pageInfo.endCursor;
    const next = await installation.one.auditLog.list(ann.id, { first: 1, after }, EVERYTHING);
    expect(next.edges[0]?.node.action).toBe('credits.adjust');
    await expect(installation.admin.query(`update audit_log_entry set actor = 'nobody'`)).rejects.toThrow();
    await expect(installation.admin.query(`delete from audit_log_entry`)).rejects.toThrow();
  });
});

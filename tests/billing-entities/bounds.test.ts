/** How much users may bring about of organizations, members and invitations: exactly so much, however many race for it. */
import type { Membership } from '../../src/billing-entities/membership.entity.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person } from '../support/installation.ts';

const BOUNDS = { perOwner: 3, membersEach: 6, invitationsEach: 4, newPeopleADay: 5 };

let installation: Installation;
let made = 0;

beforeAll(async () => {
  installation = await Installation.open({ organizations: { ids: 'open', ...BOUNDS } });
});

afterAll(() => installation.close());

const create = (owner: Principal, index = 0, ownerExternalId: string | null = null): Promise<string> =>
  installation
    .either(index)
    .organizations.create(owner, { externalId: null, name: 'Acme', visibility: 'PRIVATE', ownerExternalId })
    .then(({ billingEntityId }) => billingEntityId);

const set = (
  by: Principal,
  billingEntityId: string,
  userExternalId: string,
  { role = 'MEMBER', index = 0 }: { role?: 'OWNER' | 'MEMBER'; index?: number } = {},
): Promise<Membership> =>
  installation.either(index).members.set(by, { billingEntityId, userExternalId, role, reason: null });

const remove = (by: Principal, billingEntityId: string, userExternalId: string): Promise<boolean> =>
  installation.one.members.remove(by, { billingEntityId, userExternalId });

const newcomer = (): string => `newcomer-${(made += 1)}`;
const people = async (count: number): Promise<Person[]> =>
  Promise.all(Array.from({ length: count }, () => installation.person(0n)));

/** How often each came of these attempts: `done`, or the code of the refusal. */
async function tally(attempts: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const outcome of await Promise.all(attempts.map(codeOf))) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (error: unknown) => (error as Partial<Refusal>).code ?? String(error),
  );

/** An owner who has not invited anybody today, with an organization. */
async function founded(): Promise<[Principal, string]> {
  const [ann] = (await people(1)) as [Person];
  return [ann.principal, await create(ann.principal)];
}

describe('organizations of one owner', () => {
  it('are as many as they may make, though they make them all at once, on two processes', async () => {
    const [ann, ben] = (await people(2)) as [Person, Person];
    const attempts = Array.from({ length: 10 }, (_, index) => create(ann.principal, index));
    expect(await tally(attempts)).toEqual({ done: 3, CONFLICT: 7 });
    const owned = await installation.one.members.ofUser(ann.id);
    expect(owned).toHaveLength(3);
    // Of those who lost nothing is left.
    const { rows } = await installation.admin.query(
      `select 1 from entity_key k left join billing_entity b using (billing_entity_id)
       where k.namespace = 'ORGANIZATION' and b.billing_entity_id is null`,
    );
    expect(rows).toEqual([]);
    expect(await codeOf(create(ben.principal))).toBe('done');
    expect(await codeOf(create(OPERATOR, 0, ann.externalId))).toBe('done');
  });

  it('are no more by accepting, nor by being promoted: what is accepted at once counts', async () => {
    const [ann, ben] = (await people(2)) as [Person, Person];
    const ids = await Promise.all(Array.from({ length: 5 }, () => create(OPERATOR, 0, newcomer())));
    for (const id of ids.slice(0, 4)) {
      await set(OPERATOR, id, ben.externalId, { role: 'OWNER' });
      await set(ben.principal, id, ann.externalId, { role: 'OWNER' });
    }
    const accept = (id: string, index: number) => installation.either(index).invitations.accept(ann.principal, id);
    expect(await tally(ids.slice(0, 4).map(accept))).toEqual({ done: 3, CONFLICT: 1 });
    // The one that was too many waits.
    const [left] = await installation.one.invitations.ofPrincipal(ann.principal);
    expect(await codeOf(create(ann.principal))).toBe('CONFLICT');
    const [club] = ids as [string];
    const other = ids[4] as string;
    await set(OPERATOR, other, ben.externalId, { role: 'OWNER' });
    await set(ben.principal, other, ann.externalId);
    await installation.one.invitations.accept(ann.principal, other);
    expect(await codeOf(set(ben.principal, other, ann.externalId, { role: 'OWNER' }))).toBe('CONFLICT');
    const gone = club === left?.organizationId ? (ids[1] as string) : club;
    await remove(ann.principal, gone, ann.externalId);
    expect(await codeOf(set(ben.principal, other, ann.externalId, { role: 'OWNER' }))).toBe('done');
    expect(await codeOf(accept(left?.organizationId as string, 0))).toBe('CONFLICT');
    expect(await codeOf(set(OPERATOR, left?.organizationId as string, ann.externalId, { role: 'OWNER' }))).toBe('done');
  });
});

describe('invitations and members of one organization', () => {
  it('are as many as there may be, though all are named at once', async () => {
    const [ann, id] = await founded();
    const invitees = Array.from({ length: 5 }, newcomer);
    const attempts = invitees.map((name, index) => set(ann, id, name, { index }));
    expect(await tally(attempts)).toEqual({ done: 4, CONFLICT: 1 });
    // Who is named already is not one more.
    const [first] = (
      await installation.one.members.list(id, { first: 9, after: null }, { search: 'newcomer', onlyUserId: null })
    ).edges;
    expect(await codeOf(set(ann, id, first?.node.externalId as string, { role: 'OWNER' }))).toBe('done');
    // An operator is held by nothing, and what they add counts: six are full.
    const [ben] = (await people(1)) as [Person];
    await set(OPERATOR, id, ben.externalId, { role: 'OWNER' });
    await remove(ann, id, first?.node.externalId as string);
    expect(await codeOf(set(ben.principal, id, newcomer()))).toBe('done');
    await remove(ben.principal, id, (await invited(id))[0] as string);
    await set(OPERATOR, id, newcomer());
    expect(await codeOf(set(ben.principal, id, newcomer()))).toBe('CONFLICT');
    expect(await codeOf(set(OPERATOR, id, newcomer()))).toBe('done');
  });

  it('make room when they are answered', async () => {
    const [ann, id] = await founded();
    const [ben] = (await people(1)) as [Person];
    await set(ann, id, ben.externalId);
    for (const name of [newcomer(), newcomer(), newcomer()]) await set(ann, id, name);
    const [cat] = (await people(1)) as [Person];
    await set(OPERATOR, id, cat.externalId, { role: 'OWNER' });
    expect(await codeOf(set(cat.principal, id, newcomer()))).toBe('CONFLICT');
    await installation.one.invitations.decline(ben.principal, id);
    expect(await codeOf(set(cat.principal, id, newcomer()))).toBe('done');
  });

  async function invited(id: string): Promise<string[]> {
    const { edges } = await installation.one.members.list(
      id,
      { first: 9, after: null },
      { search: null, onlyUserId: null },
    );
    return edges.flatMap(({ node }) => node.externalId ?? []);
  }
});

describe('people whom one administrator names in a day', () => {
  it('are as many as they may be, in all their organizations, known or not; the next day there are more', async () => {
    const [ann, id] = await founded();
    const second = await create(ann);
    const [ben, cat] = (await people(2)) as [Person, Person];
    const names = [ben.externalId, cat.externalId, ...Array.from({ length: 6 }, newcomer)];
    const attempts = names.map((name, index) => set(ann, index % 2 === 0 ? id : second, name, { index: index >> 1 }));
    expect(await tally(attempts)).toEqual({ done: 5, RATE_LIMITED: 3 });
    await installation.behindItsBack(`delete from membership where billing_entity_id = '${id}' and status = 'INVITED'`);
    const refusals = await Promise.all(
      [ben.externalId, newcomer()].map((name) => set(ann, id, name).catch((error: unknown) => error as Refusal)),
    );
    // It is noon; and whoever is known is refused as who is not.
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 12 * 3_600_000 });
    }
    expect((refusals[0] as Refusal).message).toBe((refusals[1] as Refusal).message);
    const [other, elsewhere] = await founded();
    expect(await codeOf(set(other, elsewhere, newcomer()))).toBe('done');

    installation.clock.set('2026-03-11T00:00:00.000Z');
    expect(await codeOf(set(ann, id, newcomer()))).toBe('done');
    // A process whose clock is behind begins no day anew.
    installation.clock.set('2026-03-10T23:59:59.000Z');
    for (let named = 1; named < BOUNDS.newPeopleADay; named += 1) {
      const left = (
        await installation.one.members.list(id, { first: 9, after: null }, { search: 'newcomer', onlyUserId: null })
      ).edges;
      for (const { node } of left) await remove(ann, id, node.externalId as string);
      expect(await codeOf(set(ann, id, newcomer()))).toBe('done');
    }
    expect(await codeOf(set(ann, id, newcomer()))).toBe('RATE_LIMITED');
    installation.clock.set('2026-03-11T12:00:00.000Z');
    expect(await codeOf(set(ann, id, newcomer()))).toBe('RATE_LIMITED');
  });

  it('are not counted where nobody was invited', async () => {
    const [ann, id] = await founded();
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const change = {
        billingEntityId: id,
        userExternalId: newcomer(),
        role: 'MEMBER',
        status: 'ACTIVE',
        reason: null,
      } as const;
      expect(await codeOf(installation.one.members.set(ann, change))).toBe('CONFLICT');
    }
    for (const name of [newcomer(), newcomer(), newcomer(), newcomer()]) await set(ann, id, name);
    // The bound of invitations refuses, and takes its count along.
    for (let attempt = 0; attempt < 3; attempt += 1) expect(await codeOf(set(ann, id, newcomer()))).toBe('CONFLICT');
    const second = await create(ann);
    expect(await codeOf(set(ann, second, newcomer()))).toBe('done');
    expect(await codeOf(set(ann, second, newcomer()))).toBe('RATE_LIMITED');
  });
});

/** Whoever is invited is nobody to the organization until they accept: every place that asks for a membership is walked. */
import { glob, readFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { inviteeIdOf } from '../../src/billing-entities/invitee.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';

let installation: Installation;
let owner: Person;

beforeAll(async () => {
  installation = await Installation.open();
  owner = await installation.person(100n);
});

afterAll(() => installation.close());

async function organization(visibility: 'PRIVATE' | 'PUBLIC'): Promise<{ id: string; externalId: string }> {
  const input = { externalId: null, name: 'Acme', visibility, ownerExternalId: null };
  const { billingEntityId: id, externalId } = await installation.one.organizations.create(owner.principal, input);
  await installation.grant(id, 1_000n);
  return { id, externalId };
}

const invite = (billingEntityId: string, { externalId }: Person, by: Principal = owner.principal) =>
  installation.one.members.set(by, { billingEntityId, userExternalId: externalId, role: 'OWNER', reason: null });

const NO_FILTER = {
  from: null,
  to: null,
  recordedFrom: null,
  recordedTo: null,
  resources: null,
  userExternalIds: null,
  billingModes: null,
  features: null,
  apiKeyIds: null,
  organizationExternalIds: null,
  models: null,
};

/** What it came to, without what is new each time. */
async function outcomeOf(attempt: () => Promise<unknown>): Promise<unknown> {
  try {
    const result = await attempt();
    return typeof result === 'object' && result !== null && 'kind' in result ? result.kind : result;
  } catch (error) {
    const { code, message } = error as Partial<Refusal>;
    return code === undefined ? String(error) : `${code}: ${message}`;
  }
}

/** Everything in which it could matter whether the person belongs to the organization, under any id of theirs. */
function places(
  { id, externalId: organizationExternalId }: { id: string; externalId: string },
  person: Person,
  keyOfPool: string,
): Record<string, () => Promise<unknown>> {
  const { one } = installation;
  const entityOf = async () => (await one.entities.byIds([id])).get(id) as never;
  const there = { organizationExternalId };
  const transfer = (by: Principal, from: string, to: string) => () =>
    one.transfers.transfer(by, {
      idempotencyKey: installation.key(),
      fromBillingEntityId: from,
      toBillingEntityId: to,
      amount: 1n,
      reason: null,
    });
  const keyBearer: Principal = {
    kind: 'API_KEY',
    subject: 'key',
    billingEntityId: id,
    apiKeyId: keyOfPool,
    expiresAt: new Date('2100-01-01'),
  };
  const set = (userExternalId: string) => () =>
    one.members.set(person.principal, { billingEntityId: id, userExternalId, role: 'MEMBER', reason: null });
  return {
    'consume by themselves': () => one.consumption.consume(person.principal, installation.use(person, 10, there)),
    'consume by a service': () => one.consumption.consume(SERVICE, installation.use(person, 10, there)),
    'consume on the pool’s key': () => one.consumption.consume(keyBearer, installation.use(person, 10)),
    check: async () => (await one.consumption.check(SERVICE, installation.use(person, 10, there))).allowed,
    reserve: () => one.reservations.reserve(SERVICE, installation.reservation(person, 10, there)),
    'provider secret': () =>
      one.providerSecrets.read(SERVICE, {
        provider: 'OPENAI',
        userExternalId: person.externalId,
        organizationExternalId,
        apiKeyId: null,
        failClosed: false,
      }),
    'from the pool': transfer(owner.principal, id, person.id),
    'from the pool to the made-up id': transfer(owner.principal, id, inviteeIdOf(id, person.externalId)),
    'back to the pool': transfer(owner.principal, person.id, id),
    'their own to the pool': transfer(person.principal, person.id, id),
    'the pool’s to themselves': transfer(person.principal, id, person.id),
    'what they are': async () => one.members.relation(person.principal, await entityOf()),
    'their membership': () => one.members.byKeys([{ organizationId: id, userId: person.id }]),
    'the made-up membership': () =>
      one.members.byKeys([{ organizationId: id, userId: inviteeIdOf(id, person.externalId) }]),
    'their memberships': () => one.members.ofUser(person.id),
    'inviting others': set('somebody-else'),
    'accepting for themselves by setting': set(person.externalId),
    removing: () => one.members.remove(person.principal, { billingEntityId: id, userExternalId: owner.externalId }),
    leaving: () => one.members.remove(person.principal, { billingEntityId: id, userExternalId: person.externalId }),
    renaming: () => one.organizations.update(person.principal, { billingEntityId: id, name: 'Mine' }),
    'another external id': () =>
      one.organizations.setExternalId(person.principal, { billingEntityId: id, externalId: null, reason: 'mine' }),
    'a file': async () =>
      one.exports
        .createLink(person.principal, await entityOf(), { kind: 'USAGE', filter: NO_FILTER })
        .then(() => 'a link'),
    'the last owner goes': () =>
      one.members.remove(owner.principal, { billingEntityId: id, userExternalId: owner.externalId }),
    'the last owner steps down': () =>
      one.members.set(owner.principal, {
        billingEntityId: id,
        userExternalId: owner.externalId,
        role: 'MEMBER',
        reason: null,
      }),
  };
}

async function walk(pool: { id: string; externalId: string }, person: Person): Promise<Record<string, unknown>> {
  const { apiKey } = await installation.one.apiKeys.create(owner.principal, pool.id, {
    name: 'a key',
    type: 'PLATFORM',
    provider: 'OPENAI',
    billingMode: null,
    secret: null,
    creditLimit: null,
    expiresAt: null,
  });
  const outcomes: Record<string, unknown> = {};
  for (const [name, attempt] of Object.entries(places(pool, person, apiKey.id))) {
    outcomes[name] = await outcomeOf(attempt);
  }
  return outcomes;
}

describe.each(['PRIVATE', 'PUBLIC'] as const)('in a %s organization', (visibility) => {
  it('whoever is invited as its owner is what a stranger is, everywhere', async () => {
    const pool = await organization(visibility);
    const [stranger, invited] = await Promise.all([installation.person(100n), installation.person(100n)]);
    await invite(pool.id, invited);
    const asStranger = await walk(pool, stranger);
    // A walk that fails everywhere for a reason of its own would show nothing.
    expect(asStranger).toMatchObject({
      'consume by a service': visibility === 'PUBLIC' ? 'success' : expect.stringMatching(/^NOT_FOUND/),
      'what they are': 'STRANGER',
      'from the pool': expect.stringMatching(/^NOT_FOUND/) as string,
      'a file': expect.stringMatching(/^NOT_FOUND/) as string,
      'the last owner goes': expect.stringMatching(/^CONFLICT/) as string,
    });
    expect(await walk(pool, invited)).toEqual(asStranger);

    // Also if the row lay under their own id: no statement takes it for a membership.
    const misplaced = await installation.person(100n);
    await installation.behindItsBack(
      `insert into membership (billing_entity_id, user_id, role, status, joined_at, external_id)
       values ('${pool.id}', '${misplaced.id}', 'OWNER', 'INVITED', now(), '${misplaced.externalId}')`,
      `insert into user_organization values ('${misplaced.id}', '${pool.id}', false)`,
    );
    expect({ ...(await walk(pool, misplaced)), 'what they are': 'STRANGER' }).toEqual(asStranger);
  });
});

it('a member, for comparison, is not', async () => {
  const pool = await organization('PRIVATE');
  const member = await installation.person(100n);
  await invite(pool.id, member);
  await installation.two.invitations.accept(member.principal, pool.id);
  expect(await walk(pool, member)).toMatchObject({
    'consume by a service': 'success',
    'what they are': 'OWNER',
    'from the pool': 'success',
    'accepting for themselves by setting': { role: 'MEMBER', status: 'ACTIVE' },
    leaving: true,
  });
});

it('a transfer reaches no member who is suspended, and what they have of the pool comes back', async () => {
  const pool = await organization('PRIVATE');
  const member = await installation.person(0n);
  await invite(pool.id, member, OPERATOR);
  const move = (fromBillingEntityId: string, toBillingEntityId: string): Promise<unknown> =>
    outcomeOf(() =>
      installation.one.transfers.transfer(owner.principal, {
        idempotencyKey: installation.key(),
        fromBillingEntityId,
        toBillingEntityId,
        amount: 5n,
        reason: null,
      }),
    );
  expect(await move(pool.id, member.id)).toBe('success');
  await installation.one.members.set(OPERATOR, {
    billingEntityId: pool.id,
    userExternalId: member.externalId,
    role: 'MEMBER',
    status: 'SUSPENDED',
    reason: null,
  });
  expect(await move(pool.id, member.id)).toBe('CONFLICT: the membership is suspended');
  expect(await move(member.id, pool.id)).toBe('success');
});

it('whatever races for an invitation, one of them has it, and nobody is there twice', async () => {
  for (let round = 0; round < 6; round += 1) {
    const { id } = await organization('PRIVATE');
    const person = await installation.person(0n);
    const by = (index: number) => installation.either(index);
    const who = { billingEntityId: id, userExternalId: person.externalId };
    await invite(id, person);
    const attempts = [
      () => by(0).invitations.accept(person.principal, id),
      () => by(1).invitations.accept(person.principal, id),
      () => by(1).invitations.decline(person.principal, id),
      () => by(0).members.remove(owner.principal, who),
      () => by(1).members.set(OPERATOR, { ...who, role: 'MEMBER', status: 'ACTIVE', reason: null }),
      () => by(0).members.set(owner.principal, { ...who, role: 'ADMIN', reason: null }),
    ];
    const turned = [...attempts.slice(round), ...attempts.slice(0, round)];
    await Promise.all(turned.map(outcomeOf));
    const { rows } = await installation.admin.query<{ status: string; user_id: string; is_invited: boolean }>(
      `select m.status, m.user_id, o.invited as is_invited from membership m
       left join user_organization o on o.organization_id = m.billing_entity_id and o.billing_entity_id = $2
       where m.billing_entity_id = $1 and m.role <> 'OWNER' or m.billing_entity_id = $1 and m.user_id <> $3`,
      [id, person.id, owner.id],
    );
    expect(rows.length).toBeLessThanOrEqual(1);
    for (const row of rows) {
      expect(row).toEqual(
        row.status === 'INVITED'
          ? { status: 'INVITED', user_id: inviteeIdOf(id, person.externalId), is_invited: true }
          : { status: 'ACTIVE', user_id: person.id, is_invited: false },
      );
    }
    const seen = [
      ...(await installation.one.members.ofUser(person.id)),
      ...(await installation.one.invitations.ofPrincipal(person.principal)),
    ];
    expect(seen).toHaveLength(rows.length);
  }
});

it('is listed after the members, in pages that hold while people are named', async () => {
  const { id } = await organization('PRIVATE');
  const names = Array.from({ length: 7 }, (_, index) => `Listed-${index}`);
  for (const userExternalId of names) {
    await installation.one.members.set(owner.principal, {
      billingEntityId: id,
      userExternalId,
      role: 'MEMBER',
      reason: null,
    });
  }
  const late = await installation.person(0n);
  await invite(id, late, OPERATOR);
  const pages = async (search: string | null): Promise<string[]> => {
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await installation.two.members.list(id, { first: 2, after }, { search, onlyUserId: null });
      seen.push(...page.edges.map(({ node }) => node.externalId ?? node.userId));
      if (!page.pageInfo.hasNextPage) return seen;
      after = page.pageInfo.endCursor;
    }
  };
  const all = await pages(null);
  expect(all.slice(0, 2)).toEqual([owner.id, late.id]);
  expect(all.slice(2).toSorted()).toEqual(names);
  expect(await pages('listed-')).toEqual(all.slice(2));
  expect(await pages('LISTED-3')).toEqual(['Listed-3']);
  expect(await pages('%')).toEqual([]);
});

it('an invitation lies under nobody’s id, and a made-up id is always the same', async () => {
  const { rows } = await installation.admin.query(
    `select 1 from membership m join entity_key k on k.billing_entity_id = m.user_id
     where m.status = 'INVITED' and m.invitee_id is not null`,
  );
  expect(rows).toEqual([]);
  const [organizationId, other] = [uuidv7(), uuidv7()];
  expect(inviteeIdOf(organizationId, 'ann')).toBe(inviteeIdOf(organizationId, 'ann'));
  const ids = [inviteeIdOf(organizationId, 'ann'), inviteeIdOf(organizationId, 'ben'), inviteeIdOf(other, 'ann')];
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^ff[0-9a-f]{6}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

/** How each file deals with who is invited. One that is not here has not been thought about. */
const ASKING: Readonly<Record<string, string>> = {
  'alerts/mail/recipients.ts': 'passes them over',
  'api-keys/provider-secrets.ts': 'passes them over',
  'billing-entities/bounds.ts': 'counts them, or passes them over',
  'billing-entities/invitations.ts': 'is for them',
  'billing-entities/member-pages.ts': 'lists them after the members',
  'billing-entities/members.ts': 'invites them; passes them over',
  'billing-entities/membership.entity.ts': 'is the table',
  'billing-entities/membership.repository.ts': 'writes and finds them, each function as it says',
  'billing-entities/organizations.ts': 'finds none under a user’s id, and INVITED may do nothing there',
  'ledger/store/earlier-effects.ts': 'passes them over',
  'ledger/store/load-statements.ts': 'passes them over',
  'ledger/store/usage-context.ts': 'passes them over',
  'persistence/entities.ts': 'names the table',
};

it('every place in the source that asks for a membership is known, and each statement says what it makes of who is invited', async () => {
  const found = new Set<string>();
  const silent: string[] = [];
  for await (const file of glob('src/**/*.ts')) {
    const text = await readFile(file, 'utf8');
    const name = file.replace(/^src\//, '');
    if (
      /\bMembershipRow\b(?! \{)|\/membership\.repository\.ts'|\b(from|join|into|update) (membership|user_organization)\b/.test(
        text,
      ) ||
      /\btable: '(membership|user_organization)'/.test(text)
    ) {
      found.add(name);
    }
    for (const [statement] of text.matchAll(
      /`[^`]*\b(?:from|join|into|update) (?:membership|user_organization)\b[^`]*`/g,
    )) {
      const isOfAll = name === 'billing-entities/member-pages.ts';
      if (!isOfAll && !/'INVITED'|\bo\.invited\b/.test(statement)) silent.push(`${name}: ${statement}`);
    }
    if (name !== 'billing-entities/membership.repository.ts') continue;
    const functions = text.split(/^(?=\/\*\*)/m).filter((each) => /\b(MembershipRow|UserOrganizationRow)\b/.test(each));
    silent.push(...functions.filter((each) => !/'INVITED'|\binvit/i.test(each)));
    expect(functions.length).toBeGreaterThan(5);
  }
  expect([...found].toSorted()).toEqual(Object.keys(ASKING).toSorted());
  expect(silent).toEqual([]);
});

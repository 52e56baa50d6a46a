/** Nobody becomes a member unasked: who is invited accepts or declines, and until then it is as if nothing were. */
import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';

const SET = `mutation ($input: SetMemberInput!) { setMember(input: $input) {
  id role status creditLimit usedThisPeriod drawnThisPeriod joinedAt user { id type externalId name } } }`;
const ACCEPT = `mutation ($id: ID!) { acceptInvitation(billingEntityId: $id) { id role status creditLimit user { id externalId } organization { id } } }`;
const DECLINE = `mutation ($id: ID!) { declineInvitation(billingEntityId: $id) }`;
const REMOVE = `mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }`;
const VIEWER = `{ viewer { memberships { role } invitations { role invitedAt organization { id type externalId name } } } }`;
const MEMBERS = `query ($id: ID!, $search: String) { billingEntity(id: $id) { members(first: 100, search: $search) {
  edges { node { id status role user { id externalId name } } } } } }`;

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly role: string;
  readonly joinedAt: string;
  readonly user: { readonly id: string; readonly externalId: string; readonly name: string };
}

let bench: Bench;
let app: TestApp;
let owner: string;
let operator: string;
let made = 0;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  [owner, operator] = await Promise.all([tokenOf('owner'), tokenOf('root', { scope: 'billing:operator' })]);
});

afterAll(() => bench.close());

const outcome = ({ data, errors }: GraphqlAnswer): unknown =>
  errors[0]?.extensions['code'] ?? Object.values(data ?? {})[0];
const ask = async <T>(token: string, document: string, variables: object = {}): Promise<T> =>
  outcome(await send(app.url, token, document, { ...variables })) as T;

async function organization(): Promise<string> {
  const input = { externalId: `club-${(made += 1)}`, name: 'The Club' };
  const create = `mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id } }`;
  return (await ask<{ id: string }>(owner, create, { input })).id;
}

const set = <T = Shown>(token: string, id: string, userExternalId: string, terms: object = {}): Promise<T> =>
  ask<T>(token, SET, { input: { billingEntityId: id, userExternalId, role: 'MEMBER', ...terms } });
const remove = (token: string, id: string, userExternalId: string): Promise<unknown> =>
  ask(token, REMOVE, { input: { billingEntityId: id, userExternalId } });
const members = async (id: string, search: string | null = null): Promise<Shown[]> =>
  (await ask<{ members: { edges: { node: Shown }[] } }>(owner, MEMBERS, { id, search })).members.edges.map(
    ({ node }) => node,
  );
const invitations = async (token: string): Promise<unknown[]> =>
  (await ask<{ invitations: unknown[] }>(token, VIEWER)).invitations;

interface Audited extends Record<'actor' | 'action' | 'subject', string> {
  readonly before: { readonly status?: string } | null;
  readonly after: { readonly status?: string } | null;
}

async function audited(id: string): Promise<string[]> {
  const { auditLog } = await ask<{ auditLog: { edges: { node: Audited }[] } }>(
    owner,
    'query ($id: ID!) { billingEntity(id: $id) { auditLog { edges { node { actor action subject before after } } } } }',
    { id },
  );
  const status = (state: Audited['before']): string => state?.status ?? '-';
  return auditLog.edges.map(
    ({ node }) => `${node.actor} ${node.action} ${node.subject} ${status(node.before)} ${status(node.after)}`,
  );
}

describe('whom an administrator names', () => {
  it('is invited, accepts, and only then belongs to it', async () => {
    const id = await organization();
    const mia = await tokenOf('mia', { name: 'Mia' });
    const invited = await set(owner, id, 'mia', { role: 'BILLING', creditLimit: 50 });
    expect(invited).toMatchObject({
      role: 'BILLING',
      status: 'INVITED',
      creditLimit: 50,
      usedThisPeriod: 0,
      drawnThisPeriod: 0,
      user: { type: 'USER', externalId: 'mia', name: 'mia' },
    });
    expect(await ask(mia, VIEWER)).toEqual({
      memberships: [],
      invitations: [
        {
          role: 'BILLING',
          invitedAt: invited.joinedAt,
          organization: { id, type: 'ORGANIZATION', externalId: `club-${made}`, name: 'The Club' },
        },
      ],
    });
    expect(await ask(mia, '{ viewer { user { credits { available } } } }')).toEqual({
      user: { credits: { available: 10_000 } },
    });
    const accepted = await ask<Shown>(mia, ACCEPT, { id });
    expect(accepted).toMatchObject({
      id: invited.id,
      role: 'BILLING',
      status: 'ACTIVE',
      creditLimit: 50,
      organization: { id },
    });
    expect(accepted.user.id).not.toBe(invited.user.id);
    // An answer that was lost is had again.
    expect(await ask(mia, ACCEPT, { id })).toEqual(accepted);
    expect(await ask(mia, VIEWER)).toEqual({ memberships: [{ role: 'BILLING' }], invitations: [] });
    expect((await members(id, 'MIA')).map(({ user }) => user)).toEqual([{ ...accepted.user, name: 'Mia' }]);
    expect(await audited(id)).toEqual([
      'user:mia member.accept user:mia INVITED ACTIVE',
      'user:owner member.invite user:mia - INVITED',
      'user:owner organization.create organization:club-1 - -',
    ]);
  });

  it('declines, is withdrawn, and is invited anew, also after having been a member', async () => {
    const id = await organization();
    const ben = await tokenOf('ben');
    const first = await set(owner, id, 'ben');
    expect(await ask(ben, DECLINE, { id })).toBe(true);
    expect(await ask(ben, DECLINE, { id })).toBe('NOT_FOUND');
    expect(await ask(ben, ACCEPT, { id })).toBe('NOT_FOUND');
    expect(await members(id)).toMatchObject([{ user: { externalId: 'owner' } }]);
    expect((await set(owner, id, 'ben')).id).toBe(first.id);
    expect(await remove(owner, id, 'ben')).toBe(true);
    expect(await remove(owner, id, 'ben')).toBe(false);
    expect(await ask(ben, ACCEPT, { id })).toBe('NOT_FOUND');
    await set(owner, id, 'ben');
    await ask(ben, ACCEPT, { id });
    expect(await ask(ben, DECLINE, { id })).toBe(false);
    expect(await remove(owner, id, 'ben')).toBe(true);
    expect(await set(owner, id, 'ben')).toMatchObject({ id: first.id, status: 'INVITED', user: first.user });
    expect(
      (await audited(id))
        .map((line) => line.split(' ')[1])
        .toReversed()
        .slice(1),
    ).toEqual([
      'member.invite',
      'member.decline',
      'member.invite',
      'member.withdraw',
      'member.invite',
      'member.accept',
      'member.remove',
      'member.invite',
    ]);
  });

  it('keeps the terms that may be changed until they answer; the status is theirs, or an operator’s', async () => {
    const id = await organization();
    const cat = await tokenOf('cat');
    for (const status of ['ACTIVE', 'SUSPENDED']) expect(await set(owner, id, 'cat', { status })).toBe('CONFLICT');
    expect(await members(id)).toHaveLength(1);
    for (const token of [owner, operator]) {
      expect(await set(token, id, 'cat', { status: 'INVITED' })).toBe('BAD_USER_INPUT');
    }
    const invited = await set(owner, id, 'cat', { creditLimit: 5 });
    expect(await set(owner, id, 'cat', { role: 'ADMIN' })).toEqual({ ...invited, role: 'ADMIN' });
    for (const status of ['ACTIVE', 'SUSPENDED']) expect(await set(owner, id, 'cat', { status })).toBe('CONFLICT');
    // Absent is unchanged, for an operator too.
    expect(await set(operator, id, 'cat', { role: 'BILLING' })).toEqual({ ...invited, role: 'BILLING' });
    expect(await set(operator, id, 'cat', { status: 'SUSPENDED' })).toMatchObject({
      id: invited.id,
      status: 'SUSPENDED',
      creditLimit: 5,
    });
    expect(await invitations(cat)).toEqual([]);
    expect(await ask(cat, '{ viewer { memberships { status } } }')).toEqual({ memberships: [{ status: 'SUSPENDED' }] });
    expect(await set(operator, id, 'dan')).toMatchObject({ status: 'ACTIVE', user: { externalId: 'dan' } });
    expect(await invitations(await tokenOf('dan'))).toEqual([]);
    expect(await set(operator, id, 'eva', { status: 'SUSPENDED' })).toMatchObject({ status: 'SUSPENDED' });
  });

  it('is no owner until they accept: the last active one stays, and administrators invite none', async () => {
    const id = await organization();
    const [ada, fay] = await Promise.all([tokenOf('ada'), tokenOf('fay')]);
    await set(owner, id, 'ada', { role: 'ADMIN' });
    await ask(ada, ACCEPT, { id });
    expect(await set(ada, id, 'fay', { role: 'OWNER' })).toBe('FORBIDDEN');
    await set(owner, id, 'fay', { role: 'OWNER' });
    expect(await remove(owner, id, 'owner')).toBe('CONFLICT');
    expect(await set(owner, id, 'owner', { role: 'MEMBER' })).toBe('CONFLICT');
    for (const attempt of [set(ada, id, 'fay', { role: 'MEMBER' }), remove(ada, id, 'fay')]) {
      expect(await attempt).toBe('FORBIDDEN');
    }
    await ask(fay, ACCEPT, { id });
    expect(await remove(owner, id, 'owner')).toBe(true);
    expect(await remove(fay, id, 'fay')).toBe('CONFLICT');
  });

  it('may have been here before or not: nothing tells', async () => {
    const id = await organization();
    await ask(await tokenOf('known', { name: 'Kay Known' }), '{ viewer { kind } }');
    const known = await ask<{ id: string }>(
      operator,
      '{ billingEntityByExternalId(type: USER, externalId: "known") { id } }',
    );
    const [one, two] = [await set(owner, id, 'known'), await set(owner, id, 'unknown')];
    const shape = ({ id: _id, joinedAt: _at, user, ...rest }: Shown): unknown => ({
      ...rest,
      user: { ...user, id: user.id.replace(/[0-9a-f]/g, 'x'), externalId: '', name: user.name === user.externalId },
    });
    expect(shape(one)).toEqual(shape(two));
    // Neither in what the ids are made of.
    const digits = known.id.replaceAll('-', '');
    for (const text of [one.id, one.user.id]) {
      expect(`${text} ${Buffer.from(text.replace('mem_', ''), 'base64url').toString('hex')}`).not.toContain(digits);
    }
    expect((await members(id, 'kay')).map(({ user }) => user)).toEqual([]);
    expect((await members(id, 'KNOWN')).map(({ user }) => user.name).toSorted()).toEqual(['known', 'unknown']);
    // Nobody was made, and what was made up leads nowhere.
    expect(await ask(operator, '{ billingEntityByExternalId(type: USER, externalId: "unknown") { id } }')).toBeNull();
    for (const madeUp of [one.user.id, two.user.id]) {
      expect(await ask(operator, `{ billingEntity(id: "${madeUp}") { id } }`)).toBeNull();
      const transfer = `mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) { __typename } }`;
      const [there, back] = [
        [id, madeUp],
        [madeUp, id],
      ];
      for (const [fromBillingEntityId, toBillingEntityId] of [there, back] as string[][]) {
        const input = { idempotencyKey: `t-${madeUp}`, fromBillingEntityId, toBillingEntityId, amount: 1 };
        for (const token of [owner, operator]) expect(await ask(token, transfer, { input })).toBe('NOT_FOUND');
      }
    }
    // Whoever was named before they ever came finds it at their first sign-in, with a trial of their own.
    expect(
      await ask(await tokenOf('unknown'), '{ viewer { user { credits { available } } invitations { role } } }'),
    ).toEqual({
      user: { credits: { available: 10_000 } },
      invitations: [{ role: 'MEMBER' }],
    });
  });
});

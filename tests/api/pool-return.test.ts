/** What a pool gave to a member comes back, whoever had given it to the pool, also from somebody who has left (rule 23). */
import { GRANT_COLUMNS, grantChecksum, type GrantRow, toGrant } from '../../src/ledger/store/tables.ts';
import { Database } from '../../src/db/database.ts';
import type { DomainServices } from '../../src/services.ts';
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import {
  type Answer,
  type Ask,
  asker,
  Clients,
  codeOf,
  CONSUME,
  RESERVE,
  tokensFor,
  UPDATE_ORGANIZATION,
} from '../support/organizations.ts';

let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
let services: DomainServices;
let database: Database;
const clock = new TestClock();

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ clock });
  services = await bench.services({ clock });
  bench.onClose(() => services.stop());
  database = new Database(bench.database.adminUrl, { max: 1, onIdleError: () => undefined });
  bench.onClose(() => database.end());
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
});

afterAll(() => bench.close());

type Organization = Awaited<ReturnType<Clients['organization']>>;
type User = Awaited<ReturnType<Clients['user']>>;

const TRANSFER = `mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) {
  ... on TransferCreditsSuccess { from { available } to { available } replayed }
  ... on InsufficientCredits { required available }
} }`;
const GRANT = 'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { balance { available } } }';
const GRANTS = `query ($id: ID!) { billingEntity(id: $id) { grants(first: 100) { edges { node {
  source remaining priority expiresAt
} } } } }`;
const REMOVE = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }';
const INVITE = 'mutation ($input: SetMemberInput!) { setMember(input: $input) { status } }';
const RELEASE = 'mutation ($id: ID!) { releaseReservation(id: $id) { status } }';
const REFUND = `mutation ($key: String!, $id: ID!) {
  refundUsage(idempotencyKey: $key, recordId: $id, reason: "it failed") { entry { amount } }
}`;

interface Moved {
  readonly from?: { readonly available: number } | null;
  readonly to?: { readonly available: number } | null;
  readonly replayed?: boolean;
  readonly available?: number;
}
interface Side {
  readonly id: string;
}

/** What a transfer comes to: `done`, how much there was, or the code of the error. */
async function move(token: string, from: Side, to: Side, amount: number, key = clients.next()): Promise<unknown> {
  const input = { idempotencyKey: key, fromBillingEntityId: from.id, toBillingEntityId: to.id, amount };
  const code = await codeOf(app.url, token, TRANSFER, { input });
  if (code !== undefined) return code;
  // The key has its effect already: this is its answer, in full.
  const { available, replayed } = await ask<Moved>(token, TRANSFER, { input });
  return replayed === undefined ? `only ${available}` : 'done';
}

async function creditsOf({ id }: Side): Promise<number> {
  const query = 'query ($id: ID!) { billingEntity(id: $id) { credits { available } } }';
  return (await ask<{ credits: { available: number } }>(clients.operator, query, { id })).credits.available;
}

async function buy({ id: billingEntityId }: Side, amount: number, terms = {}): Promise<void> {
  const input = { billingEntityId, amount, source: 'PURCHASE', reason: 'paid', ...terms };
  await ask(clients.operator, GRANT, { input: { idempotencyKey: clients.next(), ...input } });
}

async function expectProven(...sides: readonly Side[]): Promise<void> {
  for (const { id } of sides) {
    const query = 'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }';
    expect(await ask(clients.operator, query, { id })).toEqual({ consistent: true, problems: [] });
  }
}

const join = (club: Organization, { externalId }: User, terms = {}): Promise<void> =>
  clients.setMember(clients.operator, club.id, externalId, terms);
const remove = (token: string, club: Organization, { externalId: userExternalId }: User): Promise<unknown> =>
  ask(token, REMOVE, { input: { billingEntityId: club.id, userExternalId } });

interface World {
  readonly club: Organization;
  readonly giver: User;
  readonly member: User;
}

/** A pool that has nothing but 100 credits of a member, and another member with 50 of their own. */
async function world(): Promise<World> {
  const [club, giver, member] = [await clients.organization('PRIVATE'), await clients.user(0), await clients.user(0)];
  for (const user of [giver, member]) await join(club, user);
  await buy(giver, 100);
  await buy(member, 50);
  expect(await move(giver.token, giver, club, 100)).toBe('done');
  return { club, giver, member };
}

/** What may become of a member, or of who gave to the pool, before credits are taken back. */
const FATES: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  nothing: async () => undefined,
  'the member leaves': ({ club, member }) => remove(member.token, club, member),
  'the member is removed': ({ club, member }) => remove(club.owner, club, member),
  'the member is removed and invited again': async ({ club, member }) => {
    await remove(club.owner, club, member);
    const input = { billingEntityId: club.id, userExternalId: member.externalId, role: 'ADMIN' };
    await ask(club.owner, INVITE, { input });
  },
  'the member leaves and comes back': async ({ club, member }) => {
    await remove(member.token, club, member);
    await join(club, member);
  },
  'the membership is suspended': ({ club, member }) => join(club, member, { status: 'SUSPENDED' }),
  'who gave to the pool leaves': ({ club, giver }) => remove(giver.token, club, giver),
  'all of them leave, and the organization turns PUBLIC': async ({ club, giver, member }) => {
    await remove(giver.token, club, giver);
    await remove(member.token, club, member);
    await ask(club.owner, UPDATE_ORGANIZATION, { input: { billingEntityId: club.id, visibility: 'PUBLIC' } });
  },
};

describe('what a pool gave to a member', () => {
  it.each(Object.entries(FATES))('comes back whoever had given it to the pool, after this: %s', async (_, fate) => {
    const made = await world();
    const { club, giver, member } = made;
    const admin = await clients.user(0);
    await join(club, admin, { role: 'ADMIN' });
    expect(await move(club.owner, club, member, 30)).toBe('done');
    await fate(made);
    expect(await move(club.owner, member, club, 31)).toBe('only 30');
    expect(await move(admin.token, member, club, 10)).toBe('done');
    expect(await move(club.owner, member, club, 20)).toBe('done');
    expect(await move(club.owner, member, club, 1)).toBe('only 0');
    // Not one credit of their own, nor of who gave to the pool and was given nothing.
    expect([await creditsOf(member), await creditsOf(club)]).toEqual([50, 100]);
    expect(await move(club.owner, giver, club, 1)).toBe(
      _.includes('gave') || _.startsWith('all') ? 'NOT_FOUND' : 'only 0',
    );
    await expectProven(club, giver, member);
  });

  it('shows nobody’s balance to who takes it back, and one key takes it back once', async () => {
    const { club, member } = await world();
    await move(club.owner, club, member, 30);
    await remove(member.token, club, member);
    const ids = { fromBillingEntityId: member.id, toBillingEntityId: club.id };
    const input = { idempotencyKey: clients.next(), ...ids, amount: 30 };
    expect(await ask(club.owner, TRANSFER, { input })).toEqual({ from: null, to: { available: 100 }, replayed: false });
    expect(await ask(club.owner, TRANSFER, { input })).toEqual({ from: null, to: { available: 100 }, replayed: true });
    expect(await creditsOf(member)).toBe(50);
  });

  it('is taken back by an OWNER or ADMIN of that pool alone, and who never had anything of it stays unknown', async () => {
    const { club, giver, member } = await world();
    const [clerk, plain, stranger] = [await clients.user(0), await clients.user(0), await clients.user(0)];
    const gone = await clients.user(0);
    await join(club, clerk, { role: 'BILLING' });
    for (const user of [plain, gone]) await join(club, user);
    await remove(gone.token, club, gone);
    const other = await clients.organization('PRIVATE', 10);
    await join(other, stranger);
    await move(other.owner, other, stranger, 10);
    await move(club.owner, club, member, 30);
    await remove(member.token, club, member);
    for (const { token } of [clerk, plain, giver, stranger]) {
      expect(await move(token, member, club, 1)).toBe('NOT_FOUND');
    }
    expect(await move(other.owner, member, club, 1)).toBe('NOT_FOUND');
    expect(await move(other.owner, member, other, 1)).toBe('NOT_FOUND');
    expect(await move(member.token, club, member, 1)).toBe('NOT_FOUND');
    // Nothing new reaches somebody who has left.
    expect(await move(club.owner, club, member, 1)).toBe('NOT_FOUND');
    for (const unknown of [gone, stranger, other]) expect(await move(club.owner, unknown, club, 1)).toBe('NOT_FOUND');
    expect(await move(club.owner, club, club, 1)).toBe('BAD_USER_INPUT');
    expect(await move(club.owner, member, club, 30)).toBe('done');
  });

  it('keeps what a hold has of it, until that ends', async () => {
    const { club, member } = await world();
    await buy(club, 40, { priority: 10 });
    await move(club.owner, club, member, 40);
    const line = { lines: tokensFor(25), userExternalId: member.externalId };
    const { reservation } = await ask<{ reservation: Side }>(clients.service, RESERVE, {
      input: { idempotencyKey: clients.next(), ...line },
    });
    await remove(member.token, club, member);
    expect(await move(club.owner, member, club, 16)).toBe('only 15');
    expect(await move(club.owner, member, club, 15)).toBe('done');
    await ask(clients.service, RELEASE, { id: reservation.id });
    expect(await move(club.owner, member, club, 25)).toBe('done');
    expect(await creditsOf(member)).toBe(50);
    await expectProven(club, member);
  });

  it('keeps its priority and end on the way there and back; expired, it is gone, and a refund of it comes back', async () => {
    const { club, giver, member } = await world();
    const expiresAt = new Date(clock.now().getTime() + 86_400_000).toISOString();
    await buy(giver, 20, { priority: 7, expiresAt });
    await move(giver.token, giver, club, 20);
    expect(await move(club.owner, club, member, 15)).toBe('done');
    const { records } = await ask<Answer>(clients.service, CONSUME, {
      input: { idempotencyKey: clients.next(), lines: tokensFor(4), userExternalId: member.externalId },
    });
    expect(await move(club.owner, member, club, 5)).toBe('done');
    const { grants } = await ask<{ grants: { edges: { node: object }[] } }>(club.owner, GRANTS, { id: club.id });
    const back = { source: 'TRANSFER', priority: 7, expiresAt };
    expect(grants.edges.slice(0, 2).map(({ node }) => node)).toEqual([
      { ...back, remaining: 5 },
      { ...back, remaining: 5 },
    ]);
    clock.forwardMs(86_400_000);
    expect(await move(club.owner, member, club, 1)).toBe('only 0');
    await ask(clients.operator, REFUND, { key: clients.next(), id: records?.[0]?.['id'] });
    expect(await creditsOf(member)).toBe(54);
    expect(await move(club.owner, member, club, 5)).toBe('only 4');
    expect(await move(club.owner, member, club, 4)).toBe('done');
    await expectProven(club, giver, member);
  });

  it('that moved on was transferred by who moved it: it is the next pool’s, unless its root is in the first', async () => {
    const { club, member } = await world();
    const [next, friend] = [await clients.organization('PRIVATE'), await clients.user(0)];
    for (const user of [member, friend]) await join(next, user);
    await join(club, friend);
    await buy(club, 40, { priority: 10 });
    // 40 with their root in the first pool, 60 with theirs in the one who gave them to it.
    await move(club.owner, club, member, 100);
    await remove(member.token, club, member);
    expect(await move(member.token, member, next, 150)).toBe('done');
    expect(await move(club.owner, member, club, 1)).toBe('only 0');
    expect(await move(next.owner, next, friend, 150)).toBe('done');
    expect(await move(club.owner, friend, club, 41)).toBe('only 40');
    expect(await move(club.owner, friend, club, 40)).toBe('done');
    expect(await move(next.owner, friend, next, 111)).toBe('only 110');
    expect(await move(next.owner, friend, next, 110)).toBe('done');
    await expectProven(club, next, member, friend);
  });

  it('is clawed back wherever it is by then, and nothing is left to take back', async () => {
    const { club, giver, member } = await world();
    await move(club.owner, club, member, 70);
    await move(club.owner, member, club, 20);
    await remove(member.token, club, member);
    const { rows } = await database.query<Side>(
      `select id from credit_grant where billing_entity_id = $1 and source = 'PURCHASE'`,
      [giver.id],
    );
    const grantId = rows[0]?.id as string;
    await services.transfers.clawBack({
      billingEntityId: giver.id,
      grantId,
      target: 60n,
      actor: 'system',
      reason: 'dispute',
    });
    // 30 had stayed in the pool and 20 had come back to it; the rest is taken from who has left.
    expect(await creditsOf(club)).toBe(0);
    expect(await creditsOf(member)).toBe(90);
    expect(await move(club.owner, member, club, 41)).toBe('only 40');
    await services.transfers.clawBack({
      billingEntityId: giver.id,
      grantId,
      target: 100n,
      actor: 'system',
      reason: 'dispute',
    });
    expect(await move(club.owner, member, club, 1)).toBe('only 0');
    expect([await creditsOf(giver), await creditsOf(member)]).toEqual([0, 50]);
    await expectProven(club, giver, member);
  });

  it('goes by its root alone where the release before had joined it, and nothing joins it any more', async () => {
    const { club, giver, member } = await world();
    await buy(club, 40, { priority: 10 });
    await move(club.owner, club, member, 70);
    await forgetWhoTransferred(member);
    await expectProven(member);
    await move(club.owner, club, member, 5);
    // 40 with their root in the pool, and the 5 of now; the 30 before that came to the pool from a person stay where they are.
    expect(await move(club.owner, member, club, 46)).toBe('only 45');
    await remove(member.token, club, member);
    expect(await move(club.owner, member, club, 45)).toBe('done');
    expect(await move(club.owner, member, club, 1)).toBe('only 0');
    expect(await creditsOf(member)).toBe(80);
    // Nor are they the giver's to take, who may give them as ever.
    expect(await move(member.token, member, giver, 30)).toBe('NOT_FOUND');
    expect(await move(clients.operator, member, giver, 80)).toBe('done');
    await expectProven(club, giver, member);
  });
});

it('an operator moves anything anywhere, and what a pool gave by that comes back to it as well', async () => {
  const { club, giver, member } = await world();
  const other = await clients.organization('PRIVATE');
  expect(await move(clients.operator, club, member, 60)).toBe('done');
  await remove(member.token, club, member);
  expect(await move(clients.operator, member, other, 20)).toBe('done');
  expect(await move(clients.operator, other, giver, 20)).toBe('done');
  // Their own are older, so those went on.
  expect(await move(club.owner, member, club, 61)).toBe('only 60');
  expect(await move(club.owner, member, club, 60)).toBe('done');
  expect(await move(club.owner, member, club, 1)).toBe('only 0');
  expect(await move(club.owner, giver, club, 1)).toBe('only 0');
  await expectProven(club, other, giver, member);
});

it('a row that names another account as who transferred it is found out, also with a checksum that fits', async () => {
  const { club, giver, member } = await world();
  await move(club.owner, club, member, 30);
  await rewrite(member, (row) => ({ ...row, transferred_by: giver.id }));
  const query = 'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }';
  expect(await ask(clients.operator, query, { id: member.id })).toEqual({
    consistent: false,
    problems: [expect.stringMatching(`^grant .*: transferred by is ${giver.id}, the ledger says ${club.id}$`)],
  });
});

/** Makes the transferred grants of an account what the release before wrote. */
function forgetWhoTransferred(side: Side): Promise<void> {
  return rewrite(side, (row) => ({ ...row, transferred_by: null }));
}

/** Rewrites the transferred grants of an account, checksum and all. */
async function rewrite({ id }: Side, change: (row: GrantRow) => GrantRow): Promise<void> {
  const { rows } = await database.query<GrantRow>(
    `select ${GRANT_COLUMNS} from credit_grant g where g.billing_entity_id = $1 and g.source = 'TRANSFER'`,
    [id],
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows.map(change)) {
    await database.query(
      'update credit_grant set transferred_by = $3, checksum = $4 where billing_entity_id = $1 and id = $2',
      [id, row.id, row.transferred_by, grantChecksum(toGrant(row))],
    );
  }
}

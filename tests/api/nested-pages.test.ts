/** Pages under a list: the same answers as each page by itself, in a few statements however long the list is. */
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Clients, tokensFor } from '../support/organizations.ts';

let bench: Bench;
let app: TestApp;
let clients: Clients;
let owner: string;
let member: string;
const ORGANIZATIONS = 7;

async function ask<T>(token: string, query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const { data, errors } = await send(app.url, token, query, variables);
  expect(errors).toEqual([]);
  return Object.values(data as Record<string, T>)[0] as T;
}

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ env: { OPERATION_COST: '1000000' } });
  clients = await Clients.open(ask);
  [owner, member] = await Promise.all([tokenOf('owner'), tokenOf('member')]);
  await ask(member, '{ viewer { kind } }');
  for (let at = 0; at < ORGANIZATIONS; at += 1) await populate(`o${at}`, at);
});

afterAll(() => bench.close());

/** An organization that has more of everything the later it comes; the first has next to nothing. */
async function populate(externalId: string, size: number): Promise<void> {
  const { id } = await ask<{ id: string }>(
    owner,
    'mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id } }',
    { input: { externalId, name: externalId } },
  );
  await clients.setMember(owner, id, 'member', { role: 'MEMBER' });
  for (let at = 0; at < size; at += 1) {
    await clients.setMember(owner, id, `member-${at}`, { role: 'MEMBER' });
    await clients.createKey(owner, id);
    const grant = {
      idempotencyKey: clients.next(),
      billingEntityId: id,
      amount: 100 + at,
      source: 'PROMOTION',
      reason: 'test',
    };
    await ask(
      clients.operator,
      'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { grant { id } } }',
      {
        input: grant,
      },
    );
    const use = { userExternalId: 'member', organizationExternalId: externalId, lines: tokensFor(1) };
    await ask(
      clients.service,
      'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }',
      {
        input: { ...use, idempotencyKey: clients.next() },
      },
    );
    await ask(
      clients.service,
      'mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) { __typename } }',
      {
        input: { ...use, idempotencyKey: clients.next() },
      },
    );
  }
}

const PAGE_INFO = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
const pagesOf = (terms: string): string => `
  id
  ledger(${terms}) { edges { cursor node { id kind amount } } ${PAGE_INFO} }
  some: ledger(${terms}, filter: { kinds: [CONSUMPTION, GRANT] }) { edges { node { id kind } } ${PAGE_INFO} }
  seldom: ledger(${terms}, filter: { kinds: [GRANT] }) { edges { node { id kind } } ${PAGE_INFO} }
  since: ledger(${terms}, filter: { from: "2020-01-01T00:00:00Z" }) { edges { node { id } } ${PAGE_INFO} }
  grants(${terms}) { edges { cursor node { id amount } } ${PAGE_INFO} }
  members(${terms}) { edges { cursor node { id role user { externalId } } } ${PAGE_INFO} }
  apiKeys(${terms}) { edges { cursor node { id name } } ${PAGE_INFO} }
  reservations(${terms}) { edges { cursor node { id status } } ${PAGE_INFO} }
  auditLog(${terms}) { edges { cursor node { id action subject } } ${PAGE_INFO} }
  usage(${terms}) { edges { cursor node { id } } ${PAGE_INFO} }`;

interface Organization {
  readonly id: string;
  readonly members: { readonly edges: readonly unknown[] };
}

async function nested(token: string, terms: string): Promise<Organization[]> {
  const query = `{ viewer { memberships { organization { ${pagesOf(terms)} } } } }`;
  const { memberships } = await ask<{ memberships: { organization: Organization }[] }>(token, query);
  return memberships.map(({ organization }) => organization);
}

const byItself = (token: string, id: string, terms: string): Promise<Organization> =>
  ask(token, `query ($id: ID!) { billingEntity(id: $id) { ${pagesOf(terms)} } }`, { id });

describe('pages of several organizations', () => {
  it.each(['first: 2', 'first: 1', 'first: 100'])('are those of each by itself (%s)', async (terms) => {
    for (const token of [owner, member]) {
      const all = await nested(token, terms);
      expect(all).toHaveLength(ORGANIZATIONS);
      for (const each of all) expect(each).toEqual(await byItself(token, each.id, terms));
    }
    const sizes = (await nested(owner, 'first: 100')).map(({ members }) => members.edges.length);
    expect(new Set(sizes).size).toBe(ORGANIZATIONS);
    for (const { members } of await nested(member, terms)) expect(members.edges).toHaveLength(1);
  });

  it('go on behind a cursor', async () => {
    const cursors = (of: Organization): string[] =>
      Object.values(of).flatMap((page) =>
        typeof page === 'object' && page !== null && 'pageInfo' in page
          ? [(page as unknown as { pageInfo: { endCursor: string } }).pageInfo.endCursor]
          : [],
      );
    const [{ id }] = (await nested(owner, 'first: 1')).slice(-1) as [Organization];
    const [ledger = ''] = cursors(await byItself(owner, id, 'first: 2'));
    const page = `id ledger(first: 2, after: "${ledger}") { edges { cursor node { id } } ${PAGE_INFO} }`;
    const { memberships } = await ask<{ memberships: { organization: { id: string } }[] }>(
      owner,
      `{ viewer { memberships { organization { ${page} } } } }`,
    );
    for (const { organization } of memberships) {
      const alone = await ask(owner, `query ($id: ID!) { billingEntity(id: $id) { ${page} } }`, {
        id: organization.id,
      });
      expect(organization).toEqual(alone);
    }
  });

  it('are read together', async () => {
    const calls: string[] = [];
    const { history, members, apiKeys, reservations, auditLog } = app.services;
    const watched = { history, members, apiKeys, reservations, auditLog };
    for (const [name, service] of Object.entries(watched)) {
      for (const method of ['ledger', 'ledgers', 'grants', 'grantsOfEach', 'list', 'lists']) {
        const read: unknown = Reflect.get(service, method);
        if (typeof read !== 'function') continue;
        Reflect.set(service, method, (...args: unknown[]): unknown => {
          calls.push(`${name}.${method}`);
          return Reflect.apply(read as (...args: unknown[]) => unknown, service, args);
        });
      }
    }
    await nested(owner, 'first: 3');
    for (const service of Object.values(watched)) {
      for (const method of Object.keys(service)) Reflect.deleteProperty(service, method);
    }
    expect(calls.toSorted()).toEqual([
      'apiKeys.lists',
      'auditLog.lists',
      'history.grantsOfEach',
      ...Array.from({ length: 4 }, () => 'history.ledgers'),
      'members.lists',
      'reservations.lists',
    ]);
  });

  it('that are wrong disturb no others', async () => {
    const query = `{ viewer { memberships { organization {
      ledger(first: 2, after: "nonsense") { edges { node { id } } } grants(first: 2) { edges { node { id } } } } } } }`;
    const { data, errors } = await send(app.url, owner, query);
    expect(errors).toHaveLength(ORGANIZATIONS);
    expect(new Set(errors.map(({ extensions }) => extensions['code']))).toEqual(new Set(['BAD_USER_INPUT']));
    const { memberships } = (data as never as { viewer: { memberships: { organization: Organization }[] } }).viewer;
    for (const { organization } of memberships) expect(organization).toMatchObject({ ledger: null, grants: {} });
  });
});

/** What a document leaves open stays open, however often the document was seen: asked of the whole application. */
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';

let bench: Bench;
let client: Client;
let app: TestApp;
let owner: string;
let organization: string;

/** More often than any executor would wait before it takes another way. */
const TIMES = [1, 2, 3, 4, 5];

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  client = new Client({ connectionString: bench.database.url });
  await client.connect();
  owner = await tokenOf('owner');
  const { id } = await done<{ id: string }>(
    'mutation { createOrganization(input: { externalId: "acme", name: "Acme" }) { id } }',
  );
  organization = id;
  // Whom an administrator names is only invited: an operator makes them members.
  const operator = await tokenOf('root', { scope: 'billing:operator' });
  for (const userExternalId of ['ann', 'ben']) {
    const input = { billingEntityId: organization, userExternalId, role: 'MEMBER' };
    const made = await send(
      app.url,
      operator,
      'mutation ($input: SetMemberInput!) { setMember(input: $input) { status } }',
      { input },
    );
    expect(made.data).toEqual({ setMember: { status: 'ACTIVE' } });
  }
});

afterAll(async () => {
  await client.end();
  await bench.close();
});

function ask(query: string, variables: Record<string, unknown> = {}): Promise<GraphqlAnswer> {
  return send(app.url, owner, query, variables);
}

async function done<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const { data, errors } = await ask(query, variables);
  expect(errors).toEqual([]);
  return Object.values(data as Record<string, T>)[0] as T;
}

const use = (idempotencyKey: string): Record<string, unknown> => ({
  idempotencyKey,
  lines: [{ resource: 'AI_TOKENS', quantity: 10 }],
});

describe('a variable that is not sent', () => {
  const SET_MEMBER = `mutation ($org: ID!, $u: String!, $role: MemberRole!, $limit: Credits, $status: MembershipStatus) {
    setMember(input: { billingEntityId: $org, userExternalId: $u, role: $role, creditLimit: $limit, status: $status }) {
      creditLimit status
    }
  }`;

  it.each(TIMES)('leaves a member’s limit and status as they are (%i)', async () => {
    const member = { org: organization, u: 'ann', role: 'MEMBER' };
    await done(SET_MEMBER, { ...member, limit: 10, status: 'SUSPENDED' });
    expect(await done(SET_MEMBER, member)).toEqual({ creditLimit: 10, status: 'SUSPENDED' });
    expect(await done(SET_MEMBER, { ...member, limit: null })).toEqual({ creditLimit: null, status: 'SUSPENDED' });
  });

  const UPDATE_KEY = `mutation ($id: ID!, $name: String, $limit: Credits, $expiresAt: DateTime, $mode: BillingMode) {
    updateApiKey(input: { id: $id, name: $name, creditLimit: $limit, expiresAt: $expiresAt, billingMode: $mode }) {
      name creditLimit expiresAt
    }
  }`;

  it('leaves limit and end of a key that is only given a name', async () => {
    const terms = { creditLimit: 25, expiresAt: '2099-01-01T00:00:00.000Z' };
    const { apiKey } = await done<{ apiKey: { id: string } }>(
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }',
      { input: { billingEntityId: organization, name: 'a key', type: 'PLATFORM', provider: 'OPENAI', ...terms } },
    );
    for (const time of TIMES) {
      const name = `name ${time}`;
      expect(await done(UPDATE_KEY, { id: apiKey.id, name })).toEqual({ name, ...terms });
    }
  });

  it('had taken limits away, which the statement of the changes’ list finds', async () => {
    const changes = await readFile(new URL('../../CHANGELOG.md', import.meta.url), 'utf8');
    const [, statement = ''] = /```sql\n(.*?)```/s.exec(changes) ?? [];
    const found = async (): Promise<string[]> => {
      const { rows } = await client.query<{ action: string; before: object; after: object }>(statement);
      return rows.map(({ action, before, after }) => JSON.stringify([action, before, after]));
    };
    const before = await found();
    const member = { org: organization, u: 'ben', role: 'MEMBER' };
    await done(SET_MEMBER, { ...member, limit: 10 });
    await done(SET_MEMBER, { ...member, limit: 20 });
    await done(SET_MEMBER, { ...member, role: 'BILLING' });
    expect(await found()).toEqual(before);
    await done(SET_MEMBER, { ...member, limit: null });
    const [lost, ...more] = (await found()).slice(before.length);
    expect(more).toEqual([]);
    expect(lost).toMatch(/member.set.*"creditLimit":20.*"creditLimit":null/);
  });

  it('leaves the defaults of inputs', async () => {
    const query = `mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) {
      ... on ReserveCreditsSuccess { reservation { createdAt expiresAt } }
    } }`;
    const literal = `mutation ($key: String!, $lines: [UsageLineInput!]!, $ttl: Int) {
      reserveCredits(input: { idempotencyKey: $key, lines: $lines, ttlSeconds: $ttl }) {
        ... on ReserveCreditsSuccess { reservation { createdAt expiresAt } }
      }
    }`;
    const lines = [{ resource: 'AI_TOKENS', quantity: 10 }];
    const lasting = ({ reservation }: { reservation: { createdAt: string; expiresAt: string } }): number =>
      Date.parse(reservation.expiresAt) - Date.parse(reservation.createdAt);
    const spans = new Set<number>();
    for (const time of TIMES) {
      spans.add(lasting(await done(query, { input: { idempotencyKey: `r-${time}`, lines } })));
      spans.add(lasting(await done(literal, { key: `l-${time}`, lines })));
    }
    expect([...spans]).toHaveLength(1);
    expect([...spans][0]).toBeGreaterThanOrEqual(60_000);
  });
});

describe('directives', () => {
  it('on fragments leave out what they say, and nothing else, and never a mutation', async () => {
    const query = `
      mutation Use($input: ConsumeCreditsInput!, $more: Boolean!) {
        ...Consume @include(if: true)
        ... on Mutation @skip(if: $more) { second: consumeCredits(input: $input) { ...Success } }
      }
      query Look($more: Boolean!) { viewer { ...Who @include(if: $more) kind } }
      fragment Who on Viewer { subject user { ... @skip(if: $more) { name } type } }
      fragment Consume on Mutation { consumeCredits(input: $input) { ...Success ... @include(if: $more) { __typename } } }
      fragment Success on ConsumeCreditsResult { ... on ConsumeCreditsSuccess { credits replayed @include(if: $more) } }`;
    const run = async (operationName: string, variables: Record<string, unknown>): Promise<unknown> => {
      const response = await fetch(app.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${owner}` },
        body: JSON.stringify({ query, operationName, variables }),
      });
      return response.json();
    };
    for (const time of TIMES) {
      expect(await run('Use', { input: use(`d-${time}`), more: true })).toEqual({
        data: { consumeCredits: { credits: 1, replayed: false, __typename: 'ConsumeCreditsSuccess' } },
      });
      expect(await run('Use', { input: use(`d-${time}`), more: false })).toEqual({
        data: { consumeCredits: { credits: 1 }, second: { credits: 1 } },
      });
      expect(await run('Look', { more: true })).toEqual({
        data: { viewer: { subject: 'owner', user: { type: 'USER' }, kind: 'USER' } },
      });
      expect(await run('Look', { more: false })).toEqual({ data: { viewer: { kind: 'USER' } } });
    }
  });
});

describe('several mutations of one document', () => {
  it('run all, one after the other, however often the document was seen', async () => {
    const query = `mutation ($one: ConsumeCreditsInput!, $two: ConsumeCreditsInput!) {
      one: consumeCredits(input: $one) { ...Now } two: consumeCredits(input: $two) { ...Now }
    }
    fragment Now on ConsumeCreditsSuccess { credits balance { version } }`;
    for (const time of TIMES) {
      const { data, errors } = await ask(query, { one: use(`one-${time}`), two: use(`two-${time}`) });
      expect(errors).toEqual([]);
      const { one, two } = data as never as Record<'one' | 'two', { credits: number; balance: { version: number } }>;
      expect([one.credits, two.credits]).toEqual([1, 1]);
      expect(two.balance.version).toBeGreaterThan(one.balance.version);
    }
  });

  it('run on after one that fails', async () => {
    const query = `mutation ($no: ID!, $two: ConsumeCreditsInput!) {
      no: providerSecret(input: { provider: OPENAI, apiKeyId: $no }) { secret }
      two: consumeCredits(input: $two) { ... on ConsumeCreditsSuccess { credits } }
    }`;
    for (const time of TIMES) {
      const { data, errors } = await ask(query, { no: 'nothing', two: use(`after-${time}`) });
      expect(errors).toHaveLength(1);
      expect(data).toEqual({ no: null, two: { credits: 1 } });
    }
  });
});

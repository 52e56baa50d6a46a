/** What an API key reads: its own use, and nothing that is empty only because it may not be read. */
import {
  getNamedType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { Events } from '../support/live-client.ts';
import { type Answer, type Ask, type Clients, CONSUME, codeOf, RESERVE, tokensFor } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { waitFor } from '../support/wait-for.ts';

let servers: TwoServers;
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ ask, clients } = servers);
});

afterAll(() => servers.stop());

const consume = async (token: string, input: Readonly<Record<string, unknown>> = {}): Promise<string> => {
  const use = { idempotencyKey: clients.next(), lines: tokensFor(1), ...input };
  const answer = await ask<Answer>(token, CONSUME, { input: use });
  return answer.records?.[0]?.['id'] as string;
};

interface World {
  readonly id: string;
  /** The token of whose the entity is. */
  readonly owner: string;
  readonly key: string;
  /** Records on the key. */
  readonly own: readonly string[];
  /** All others of the entity. */
  readonly others: readonly string[];
  /** One more use on the key, and one that is not. */
  readonly use: (onKey: boolean) => Promise<string>;
}

/** A person whose key used something, and they themselves, and another key of theirs. */
async function person(): Promise<World> {
  const user = await clients.user(1_000);
  const key = (await clients.createKey(user.token, user.id)).secret as string;
  const other = (await clients.createKey(user.token, user.id)).secret as string;
  const use = (onKey: boolean): Promise<string> => consume(onKey ? key : user.token);
  const own = [await use(true), await use(true)];
  return { id: user.id, owner: user.token, key, own, others: [await use(false), await consume(other)], use };
}

/** An organization whose key used something for members and, where its pool pays, for nobody. */
async function organization(visibility: 'PRIVATE' | 'PUBLIC'): Promise<World> {
  const club = await clients.organization(visibility, 1_000);
  const key = (await clients.createKey(club.owner, club.id)).secret as string;
  const other = (await clients.createKey(club.owner, club.id)).secret as string;
  const user = await clients.user(1_000);
  await clients.setMember(club.owner, club.id, user.externalId);
  const named = { userExternalId: user.externalId };
  const use = (onKey: boolean): Promise<string> =>
    onKey ? consume(key, named) : consume(user.token, { organizationExternalId: club.externalId });
  const own = [await use(true), await use(true)];
  if (visibility === 'PRIVATE') own.push(await consume(key));
  return { id: club.id, owner: club.owner, key, own, others: [await use(false), await consume(other, named)], use };
}

const KINDS = {
  'a person': person,
  'a PRIVATE organization': () => organization('PRIVATE'),
  'a PUBLIC organization': () => organization('PUBLIC'),
} as const;

const EVER = 'from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z"';

describe.each(Object.entries(KINDS))('the key of %s', (_what, make) => {
  it('reads its own use in lists, one by one and in sums, and no other', async () => {
    const { id, owner, key, own, others } = await make();
    const READ = `query ($id: ID!, $first: Int!, $after: String) { billingEntity(id: $id) {
      viewerPermissions
      usage(first: $first, after: $after) { edges { node { id apiKey { id } } } pageInfo { endCursor hasNextPage } }
      usageSummary(${EVER}, interval: TOTAL, groupBy: [API_KEY]) { records credits apiKey { id } }
    } }`;
    interface Read {
      viewerPermissions: string[];
      usage: { edges: { node: { id: string } }[]; pageInfo: { endCursor: string; hasNextPage: boolean } };
      usageSummary: { records: number; credits: number; apiKey: unknown }[];
    }
    const { apiKey } = await ask<{ apiKey: { id: string } }>(key, '{ viewer { apiKey { id } } }');
    const all = await ask<Read>(key, READ, { id, first: 100 });
    expect(all.usage.edges.map(({ node }) => node)).toEqual(own.toReversed().map((record) => ({ id: record, apiKey })));
    expect(all.usageSummary).toEqual([{ records: own.length, credits: own.length, apiKey }]);
    expect(all.viewerPermissions).toContain('usage.read');
    const paged: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const { usage }: Read = await ask<Read>(key, READ, { id, first: 1, after });
      paged.push(...usage.edges.map(({ node }) => node.id));
      ({ endCursor: after, hasNextPage: more } = usage.pageInfo);
    }
    expect(paged).toEqual(own.toReversed());
    for (const record of [...own, ...others]) {
      const ONE = 'query ($id: ID!, $record: ID!) { billingEntity(id: $id) { usageRecord(id: $record) { id } } }';
      const expected = { usageRecord: own.includes(record) ? { id: record } : null };
      expect(await ask(key, ONE, { id, record })).toEqual(expected);
      expect(await ask(owner, ONE, { id, record })).toEqual({ usageRecord: { id: record } });
    }
  });

  it('is shown nothing else by any filter', async () => {
    const { id, owner, key, own } = await make();
    const KEYS = 'query ($id: ID!) { billingEntity(id: $id) { apiKeys { edges { node { id } } } } }';
    const { apiKeys } = await ask<{ apiKeys: { edges: { node: { id: string } }[] } }>(owner, KEYS, { id });
    const FILTERED = `query ($id: ID!, $keys: [ID!]!) { billingEntity(id: $id) {
      usage(filter: { apiKeyIds: $keys }) { edges { node { id } } }
      usageSummary(${EVER}, interval: TOTAL, filter: { apiKeyIds: $keys }) { records }
    } }`;
    const of = async (keys: readonly string[]): Promise<unknown[]> => {
      const { usage, usageSummary } = await ask<{ usage: { edges: unknown[] }; usageSummary: { records: number }[] }>(
        key,
        FILTERED,
        { id, keys },
      );
      return [usage.edges.length, ...usageSummary.map(({ records }) => records)];
    };
    const { apiKey: mine } = await ask<{ apiKey: { id: string } }>(key, '{ viewer { apiKey { id } } }');
    const names = apiKeys.edges.map(({ node }) => node.id);
    expect(await of(names)).toEqual([own.length, own.length]);
    expect(await of(names.filter((name) => name !== mine.id))).toEqual([0]);
  });

  it('hears of its own use as it is recorded, and of no other', async () => {
    const { id, key, use } = await make();
    const WATCH =
      'subscription ($id: ID!) { usageRecorded(billingEntityId: $id, atOnce: true) { records { id } skipped } }';
    const streams = servers
      .sockets(key)
      .map((socket) => new Events<{ records: { id: string }[] }>(socket, WATCH, { id }));
    await Promise.all(streams.map((events) => events.first(() => true)));
    const other = await use(false);
    const own = [await use(true), await use(true)];
    for (const events of streams) {
      const heard = (): string[] => events.all.flatMap(({ records }) => records.map((record) => record.id));
      await waitFor(() => own.every((record) => heard().includes(record)), 'its own use to be heard');
      expect(heard()).not.toContain(other);
      await events.stop();
    }
  });

  it('administers nothing, and makes no file of it', async () => {
    const { id, key } = await make();
    const EXPORT = 'mutation ($id: ID!) { createExport(input: { billingEntityId: $id, kind: USAGE }) { url } }';
    expect(await codeOf(servers.url(), key, EXPORT, { id })).toBe('FORBIDDEN');
  });

  it('gets no empty list for «you may not»: what its owner sees in a list it sees its own of, or null', async () => {
    const { id, owner, key } = await make();
    await ask(key, RESERVE, {
      input: {
        idempotencyKey: clients.next(),
        lines: tokensFor(1),
        ttlSeconds: 600,
        userExternalId: await anyUser(id, owner),
      },
    });
    const schema = await buildTollgateSchema();
    const entity = schema.getType('BillingEntity') as GraphQLObjectType;
    const lists = listsOf(entity);
    expect(lists.length).toBeGreaterThan(5);
    const document = `query ($id: ID!) { billingEntity(id: $id) { ${lists.map(({ ask: text }) => text).join(' ')} } }`;
    const [seen, shown] = await Promise.all(
      [owner, key].map((token) => ask<Record<string, unknown>>(token, document, { id })),
    );
    const size = (value: unknown): number | null => {
      if (value === null || value === undefined) return null;
      return Array.isArray(value) ? value.length : (value as { edges: unknown[] }).edges.length;
    };
    const wrong = lists
      .map(({ name }) => ({ name, owner: size(seen?.[name]), key: size(shown?.[name]) }))
      .filter((each) => (each.owner ?? 0) > 0 && each.key === 0);
    expect(wrong).toEqual([]);
    const drawn =
      'query ($id: ID!) { billingEntity(id: $id) { usage { edges { node { billingEntity { id } draws { credits } } } } } }';
    const { usage } = await ask<{ usage: { edges: { node: { billingEntity: { id: string }; draws: unknown[] } }[] } }>(
      key,
      drawn,
      { id },
    );
    // What another account paid was drawn from grants that are none of its account's.
    for (const { node } of usage.edges) expect(node.draws).toHaveLength(node.billingEntity.id === id ? 1 : 0);
  });
});

/** External id of a user whom the entity's key may name. */
async function anyUser(id: string, owner: string): Promise<string> {
  const QUERY = `query ($id: ID!) { billingEntity(id: $id) { type externalId members { edges { node { role user { externalId } } } } } }`;
  const { type, externalId, members } = await ask<{
    type: string;
    externalId: string;
    members: { edges: { node: { role: string; user: { externalId: string } } }[] } | null;
  }>(owner, QUERY, { id });
  if (type === 'USER') return externalId;
  return members?.edges.find(({ node }) => node.role === 'MEMBER')?.node.user.externalId as string;
}

/** How the lists are asked for that need to be told something. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  usageSummary: `(${EVER}, interval: TOTAL)`,
};
/** These ask the payment provider, which is not here. */
const AWAY = ['invoices'];

function listsOf(type: GraphQLObjectType): { name: string; ask: string }[] {
  return Object.values(type.getFields()).flatMap(({ name, type: of }) => {
    if (AWAY.includes(name)) return [];
    const bare: GraphQLOutputType = isNonNullType(of) ? (of.ofType as GraphQLOutputType) : of;
    const given = ARGUMENTS[name] ?? '';
    if (isListType(bare)) {
      return [{ name, ask: `${name}${given}${isObjectType(getNamedType(bare)) ? ' { __typename }' : ''}` }];
    }
    const isConnection = isObjectType(bare) && bare.name.endsWith('Connection');
    return isConnection ? [{ name, ask: `${name}${given} { edges { cursor } }` }] : [];
  });
}

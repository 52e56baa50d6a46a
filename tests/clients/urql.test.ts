/** urql with its normalised cache, as the guide sets it up. */
import { type Client as UrqlClient, gql } from '@urql/core';
import { type GraphQLSchema, type IntrospectionQuery, introspectionFromSchema, isObjectType } from 'graphql';
import type { Client } from 'graphql-ws';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { waitFor } from '../support/wait-for.ts';
import { Stage } from './stage.ts';

type Make = (options: {
  url: string;
  token: () => Promise<string>;
  socket: Client;
  schema: IntrospectionQuery;
}) => UrqlClient;

let stage: Stage;
let urql: Make;
let keys: Readonly<Record<string, unknown>>;
let socket: Client;
let client: UrqlClient;
const { warn, error } = console;
let complaints: string[];
let schema: GraphQLSchema;

beforeAll(async () => {
  [stage, schema] = await Promise.all([Stage.open(), buildTollgateSchema()]);
  ({ urql, keys } = await stage.guide.module<{ urql: Make; keys: Readonly<Record<string, unknown>> }>('urql.mjs'));
});

beforeEach(() => {
  socket = stage.socket();
  client = urql({ url: stage.url, token: stage.token, socket, schema: introspectionFromSchema(schema) });
  complaints = [];
  const note = (...said: unknown[]): void => void complaints.push(said.join(' '));
  console.warn = note;
  console.error = note;
});

afterEach(async () => {
  Object.assign(console, { warn, error });
  await socket.dispose();
  // The cache says so where it cannot tell what an object is.
  expect(complaints).toEqual([]);
});

afterAll(() => stage.close());

const HISTORY = gql`
  query ($id: ID!, $after: String) {
    viewer {
      kind
      user {
        id
        plan {
          code
          name
        }
      }
    }
    billingEntity(id: $id) {
      id
      status
      usage(first: 2, after: $after) {
        edges {
          node {
            id
            credits
            rate {
              units
              credits
            }
            draws {
              credits
              grant {
                id
              }
            }
            billingEntity {
              id
              name
            }
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`;
const BALANCE = gql`
  query ($id: ID!) {
    billingEntity(id: $id) {
      id
      credits {
        billingEntityId
        available
      }
    }
  }
`;
const UPDATED = gql`
  subscription ($id: ID!) {
    balanceUpdated(billingEntityId: $id) {
      billingEntityId
      available
    }
  }
`;

interface History {
  readonly billingEntity: {
    readonly status: string;
    readonly usage: { readonly edges: readonly { readonly node: { credits: number; billingEntity: object } }[] };
  };
}

it('knows each type of the schema by its id, by a key of the guide, or as a part of others', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const inUnions = /Success$|Payload$|^InsufficientCredits$|^UsageRejected$/;
  const nameless = Object.values(schema.getTypeMap()).filter(
    (type) =>
      isObjectType(type) &&
      !roots.includes(type) &&
      !/^__|Connection$|Edge$|^PageInfo$/.test(type.name) &&
      type.getFields()['id'] === undefined &&
      // Answers of mutations are no records: the cache keeps what is in them.
      !inUnions.test(type.name),
  );
  expect(Object.keys(keys).toSorted()).toEqual(nameless.map(({ name }) => name).toSorted());
});

it('keeps an organization and its Party apart, and puts pages together', async () => {
  for (const credits of [1, 2, 3]) await stage.use(credits);
  const { id } = stage.organization;
  const first = await client.query(HISTORY, { id }).toPromise();
  expect(first.error).toBeUndefined();
  const { endCursor: after } = first.data.billingEntity.usage.pageInfo;
  const second = await client.query(HISTORY, { id, after }).toPromise();
  const { status, usage } = (second.data as History).billingEntity;
  expect(status).toBe('ACTIVE');
  expect(usage.edges.map(({ node }) => node.credits)).toEqual([3, 2, 1]);
  expect(usage.edges[0]?.node.billingEntity).toEqual({ id, name: stage.organization.externalId });
});

it('writes an event where the query’s balance is', async () => {
  const { id } = stage.organization;
  const shown: number[] = [];
  const query = client.query(BALANCE, { id }).subscribe(({ data }) => {
    const available = data?.billingEntity.credits.available as number | undefined;
    if (available !== undefined && available !== shown.at(-1)) shown.push(available);
  });
  const live = client.subscription(UPDATED, { id }).subscribe(() => undefined);
  await waitFor(() => shown.length === 1, 'the balance');
  await stage.use(7);
  await waitFor(() => shown.length > 1, 'the event');
  expect((shown[0] as number) - (shown[1] as number)).toBe(7);
  live.unsubscribe();
  query.unsubscribe();
});

it('takes the balance of a mutation’s answer, and of a refusal’s, for the same balance', async () => {
  const { id, externalId } = stage.organization;
  const consume = gql`
    mutation ($input: ConsumeCreditsInput!) {
      consumeCredits(input: $input) {
        ... on ConsumeCreditsSuccess {
          credits
          balance {
            billingEntityId
            available
          }
        }
        ... on UsageRefused {
          reason
          balance {
            billingEntityId
            available
          }
        }
      }
    }
  `;
  const { data: before } = await client.query(BALANCE, { id }).toPromise();
  const input = (quantity: number) => ({
    idempotencyKey: `urql-${quantity}`,
    organizationExternalId: externalId,
    lines: [{ resource: 'AI_TOKENS', quantity }],
  });
  await client.mutation(consume, { input: input(50) }).toPromise();
  const refused = await client.mutation(consume, { input: input(1_000_000) }).toPromise();
  expect(refused.data.consumeCredits).toMatchObject({ reason: 'INSUFFICIENT_CREDITS' });
  const { data: after } = await client.query(BALANCE, { id }).toPromise();
  expect(before.billingEntity.credits.available - after.billingEntity.credits.available).toBe(5);
});

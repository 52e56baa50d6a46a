/** Apollo Client as the guide sets it up, over HTTP and the WebSocket. */
import { type ApolloClient, gql, type TypedDocumentNode } from '@apollo/client';
import type { Client } from 'graphql-ws';
import { waitFor } from '../support/wait-for.ts';
import { Stage } from './stage.ts';

type Make = (options: {
  url: string;
  token: () => Promise<string>;
  socket: Client;
  fetch?: typeof fetch;
}) => ApolloClient;

let stage: Stage;
let apollo: Make;
let socket: Client;
let client: ApolloClient;

beforeAll(async () => {
  stage = await Stage.open();
  ({ apollo } = await stage.guide.module<{ apollo: Make }>('apollo.mjs'));
});

beforeEach(() => {
  socket = stage.socket();
  client = apollo({ url: stage.url, token: stage.token, socket });
});

afterEach(async () => {
  client.stop();
  await socket.dispose();
});

afterAll(() => stage.close());

const BALANCE = gql`
  query Balance($id: ID!) {
    billingEntity(id: $id) {
      id
      credits {
        billingEntityId
        available
        version
      }
    }
  }
`;
const UPDATED = gql`
  subscription Updated($id: ID!) {
    balanceUpdated(billingEntityId: $id) {
      billingEntityId
      available
      version
    }
  }
`;
const HISTORY: TypedDocumentNode<History> = gql`
  query History($id: ID!, $first: Int!, $after: String) {
    billingEntity(id: $id) {
      id
      name
      status
      usage(first: $first, after: $after) {
        edges {
          node {
            id
            credits
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

interface Balance {
  readonly billingEntity: { readonly credits: { readonly available: number } };
}
interface History {
  readonly billingEntity: {
    readonly usage: {
      readonly edges: readonly { readonly node: { readonly credits: number } }[];
      readonly pageInfo: { readonly endCursor: string };
    };
  };
}

it('keeps an organization and its Party apart, and puts pages together', async () => {
  for (const credits of [1, 2, 3]) await stage.use(credits);
  const { id } = stage.organization;
  const first = await client.query({ query: HISTORY, variables: { id, first: 2 } });
  const after = first.data?.billingEntity.usage.pageInfo.endCursor;
  const history = client.watchQuery({ query: HISTORY, variables: { id, first: 2 } });
  const reading = history.subscribe(() => undefined);
  await history.fetchMore({ variables: { first: 2, after } });
  reading.unsubscribe();
  const all = client.readQuery({ query: HISTORY, variables: { id, first: 2 } });
  expect(all?.billingEntity.usage.edges.map(({ node }) => node.credits)).toEqual([3, 2, 1]);
  const records = client.cache.extract() as Record<string, { __typename: string }>;
  expect(records[`BillingEntity:${id}`]).toMatchObject({ __typename: 'BillingEntity', status: 'ACTIVE' });
  expect(records[`Party:${id}`]).toEqual({ __typename: 'Party', id, name: stage.organization.externalId });
});

it('puts together what two queries ask of the viewer', async () => {
  await client.query({
    query: gql`
      {
        viewer {
          kind
        }
      }
    `,
  });
  await client.query({
    query: gql`
      {
        viewer {
          subject
          user {
            id
            name
          }
        }
      }
    `,
  });
  expect(
    client.readQuery({
      query: gql`
        {
          viewer {
            kind
            subject
            user {
              name
            }
          }
        }
      `,
    }),
  ).toMatchObject({
    viewer: { kind: 'USER', user: { name: expect.any(String) } },
  });
});

it('finds a record again by its id alone', async () => {
  const { records } = (await stage.use(4)) as never as { records: { id: string }[] };
  const query = gql`
    query Node($id: ID!) {
      node(id: $id) {
        id
        ... on UsageRecord {
          credits
        }
      }
    }
  `;
  const { data } = await client.query({ query, variables: { id: records[0]?.id } });
  expect(data).toEqual({ node: { __typename: 'UsageRecord', id: records[0]?.id, credits: 4 } });
});

it('writes an event where the query’s balance is', async () => {
  const { id } = stage.organization;
  const shown: number[] = [];
  const query = client.watchQuery<Balance>({ query: BALANCE, variables: { id } });
  const watching = query.subscribe(({ data }) => {
    const available = data?.billingEntity?.credits?.available;
    if (available !== undefined && available !== shown.at(-1)) shown.push(available);
  });
  const live = client.subscribe({ query: UPDATED, variables: { id } }).subscribe(() => undefined);
  await waitFor(() => shown.length === 1, 'the balance');
  await stage.use(7);
  await waitFor(() => shown.length > 1, 'the event');
  expect((shown[0] as number) - (shown[1] as number)).toBe(7);
  live.unsubscribe();
  watching.unsubscribe();
});

it('brings all its subscriptions back after the server was replaced', async () => {
  const { id } = stage.organization;
  const events: number[] = [0, 0, 0];
  const ended: unknown[] = [];
  const live = [0, 1, 2].map((at) =>
    client.subscribe({ query: UPDATED, variables: { id } }).subscribe({
      next: () => void (events[at] = (events[at] ?? 0) + 1),
      error: (error: unknown) => ended.push(error),
      complete: () => ended.push('complete'),
    }),
  );
  await waitFor(() => events.every((count) => count > 0), 'their first events');
  // Nothing changes meanwhile, so that the old server has nothing more to send.
  const before = [...events];
  await stage.restart();
  // The state comes first to whoever subscribes, so each of them has subscribed again.
  await waitFor(() => events.every((count, at) => count > (before[at] ?? 0)), 'their events of the new server');
  expect(ended).toEqual([]);
  for (const each of live) each.unsubscribe();
});

it('sends headers that pass the preflight of a page', async () => {
  let headers: string[] = [];
  const seen: typeof fetch = (address, options) => {
    headers = [...new Headers(options?.headers).keys()];
    return fetch(address, options);
  };
  const page = apollo({ url: stage.url, token: stage.token, socket, fetch: seen });
  await page.query({
    query: gql`
      {
        viewer {
          kind
        }
      }
    `,
  });
  page.stop();
  expect(headers).toEqual(expect.arrayContaining(['apollographql-client-name', 'apollographql-client-version']));
  const { origin } = new URL(stage.url);
  const preflight = await fetch(stage.url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers.join(', '),
    },
  });
  await preflight.text();
  const allowed = (preflight.headers.get('access-control-allow-headers') ?? '').toLowerCase();
  expect(preflight.status).toBeLessThan(300);
  expect(headers.filter((name) => allowed !== '*' && !allowed.includes(name))).toEqual([]);
});

/** Relay: its own compiler against our schema, and its runtime against a running server, as the guide sets it up. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Client } from 'graphql-ws';
import relay from 'relay-runtime';
import { waitFor } from '../support/wait-for.ts';
import { Stage } from './stage.ts';

const { createOperationDescriptor, fetchQuery, getSingularSelector, requestSubscription } = relay;
type Environment = InstanceType<typeof relay.Environment>;
type Request = Parameters<typeof createOperationDescriptor>[0];
type Make = (options: { url: string; token: () => Promise<string>; socket: Client }) => Environment;

/** What an application would write in its components. */
const OPERATIONS = `
import { graphql } from 'relay-runtime';
graphql\`query sourceHistoryQuery($id: ID!) { billingEntity(id: $id) { ...source_history } }\`;
graphql\`
  fragment source_history on BillingEntity
  @refetchable(queryName: "sourceHistoryRefetchQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" }) {
    id
    status
    credits { billingEntityId available }
    usage(first: $first, after: $after) @connection(key: "source_usage") {
      edges { node { id credits billingEntity { id name } } }
    }
  }
\`;
graphql\`query sourceNodeQuery($id: ID!) { node(id: $id) { __typename id ... on UsageRecord { credits } } }\`;
graphql\`subscription sourceBalanceSubscription($id: ID!) {
  balanceUpdated(billingEntityId: $id) { billingEntityId available }
}\`;
`;

let stage: Stage;
let make: Make;
let socket: Client;
let environment: Environment;
const requests = new Map<string, Request>();
const of = (name: string): Request => requests.get(name) as Request;

beforeAll(async () => {
  stage = await Stage.open();
  await compile(join(stage.guide.folder, 'relay'));
  ({ relayEnvironment: make } = await stage.guide.module<{ relayEnvironment: Make }>('relay.mjs'));
});

beforeEach(() => {
  socket = stage.socket();
  environment = make({ url: stage.url, token: stage.token, socket });
});

afterEach(async () => {
  await socket.dispose();
});

afterAll(() => stage.close());

/** Compiles the operations with Relay's compiler, and loads what it made of them. */
async function compile(folder: string): Promise<void> {
  const artifacts = join(folder, 'artifacts');
  await mkdir(artifacts, { recursive: true });
  await writeFile(join(folder, 'source.js'), OPERATIONS);
  const config = {
    src: '.',
    schema: resolve('schema/schema.graphql'),
    language: 'javascript',
    artifactDirectory: './artifacts',
    eagerEsModules: true,
  };
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config));
  const compiler = createRequire(import.meta.url)('relay-compiler') as string;
  await promisify(execFile)(compiler, ['relay.config.json'], { cwd: folder });
  const names = (await readdir(artifacts)).filter((name) => name.endsWith('.graphql.js'));
  // A bundler finds them without their ending; Node wants the whole name.
  for (const name of names) {
    const code = await readFile(join(artifacts, name), 'utf8');
    await writeFile(
      join(artifacts, name.replace(/\.js$/, '.mjs')),
      code.replaceAll(/'(\.\/[^']*\.graphql)'/g, `'$1.mjs'`),
    );
  }
  for (const name of names) {
    const url = pathToFileURL(join(artifacts, name.replace(/\.js$/, '.mjs'))).href;
    requests.set(name.replace('.graphql.js', ''), ((await import(url)) as { default: Request }).default);
  }
}

interface History {
  readonly status: string;
  readonly usage: {
    readonly edges: readonly { readonly node: Readonly<Record<string, unknown>> | null }[];
    readonly pageInfo: { readonly endCursor: string; readonly hasNextPage: boolean };
  };
}

/** What the fragment of the history shows of the store. */
function shown(id: string): History {
  const { data } = environment.lookup(createOperationDescriptor(of('sourceHistoryQuery'), { id }).fragment);
  const fragment = of('source_history') as never as Parameters<typeof getSingularSelector>[0];
  const selector = getSingularSelector(fragment, (data as { billingEntity: never }).billingEntity);
  return environment.lookup(selector).data as never;
}

it('keeps an organization and its Party apart, pages a connection, and fetches it again as a node', async () => {
  for (const credits of [1, 2, 3]) await stage.use(credits);
  const { id, externalId } = stage.organization;
  const kept = environment.retain(createOperationDescriptor(of('sourceHistoryQuery'), { id }));
  await fetchQuery(environment, of('sourceHistoryQuery') as never, { id }).toPromise();
  const before = shown(id);
  expect(before).toMatchObject({ status: 'ACTIVE', usage: { edges: { length: 2 }, pageInfo: { hasNextPage: true } } });
  expect(before.usage.edges[0]?.node).toMatchObject({ credits: 3, billingEntity: { id, name: externalId } });

  const more = { id, first: 2, after: before.usage.pageInfo.endCursor };
  await fetchQuery(environment, of('sourceHistoryRefetchQuery') as never, more).toPromise();
  expect(shown(id).usage.edges.map(({ node }) => node?.['credits'])).toEqual([3, 2, 1]);

  const source = environment.getStore().getSource();
  expect(source.get(id)).toMatchObject({ __typename: 'BillingEntity' });
  expect(source.get(`party:${id}`)).toMatchObject({ __typename: 'Party', id });
  kept.dispose();
});

it('finds a record again by its id alone', async () => {
  const { records } = (await stage.use(4)) as never as { records: { id: string }[] };
  const id = records[0]?.id as string;
  const data = await fetchQuery(environment, of('sourceNodeQuery') as never, { id }).toPromise();
  expect(data).toEqual({ node: { __typename: 'UsageRecord', id, credits: 4 } });
});

it('writes an event where the query’s balance is', async () => {
  const { id } = stage.organization;
  const kept = environment.retain(createOperationDescriptor(of('sourceHistoryQuery'), { id }));
  await fetchQuery(environment, of('sourceHistoryQuery') as never, { id }).toPromise();
  const available = (): number => environment.getStore().getSource().get(`balance:${id}`)?.['available'] as number;
  const before = available();
  const subscription = of('sourceBalanceSubscription') as never;
  const live = requestSubscription(environment, { subscription, variables: { id } });
  await stage.use(7);
  await waitFor(() => available() === before - 7, 'the event');
  live.dispose();
  kept.dispose();
});

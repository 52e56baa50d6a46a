/** Webhooks as clients of the API meet them, on the whole application. */
import { send, type TestApp } from '../../support/app.ts';
import { Bench } from '../../support/bench.ts';
import { asker, type Ask, Clients, codeOf } from '../../support/organizations.ts';
import { waitFor } from '../../support/wait-for.ts';
import { Receiver, type Received, status } from './receiver.ts';
import { verified } from './world.ts';

const SET = `mutation ($input: SetWebhookEndpointInput!) { setWebhookEndpoint(input: $input) {
  secret endpoint { url enabled disabledAt disabledReason deliveries { edges { cursor } } } } }`;
const ROTATE =
  'mutation ($input: BillingEntityInput!) { rotateWebhookSecret(input: $input) { secret endpoint { url } } }';
const FIELDS = 'id eventType status attempts responseStatus error createdAt nextAttemptAt deliveredAt';
const TEST = `mutation ($input: BillingEntityInput!) { testWebhook(input: $input) { ${FIELDS} } }`;
const RESEND = `mutation ($id: ID!) { resendWebhookDelivery(id: $id) { ${FIELDS} } }`;
const SHOW = `query ($id: ID!, $first: Int!, $after: String) { billingEntity(id: $id) { webhookEndpoint { url enabled
  deliveries(first: $first, after: $after) { edges { cursor node { ${FIELDS} } } pageInfo { hasNextPage endCursor } } } } }`;

interface Delivery {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
}
interface Shown {
  readonly webhookEndpoint: {
    readonly url: string;
    readonly deliveries: {
      readonly edges: readonly { readonly node: Delivery }[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
    };
  } | null;
}

let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
let receiver: Receiver;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
});

beforeEach(async () => {
  receiver = await Receiver.open();
});

afterEach(() => receiver.close());
afterAll(() => bench.close());

const shown = (token: string, id: string, first = 20, after: string | null = null): Promise<Shown> =>
  ask(token, SHOW, { id, first, after });

it('an endpoint is set, tried, rotated, read in pages, sent to again, and removed', async () => {
  const { id, owner } = await clients.organization('PRIVATE', 50);
  const input = { billingEntityId: id };
  expect((await shown(owner, id)).webhookEndpoint).toBeNull();
  const made = await ask<{ secret: string }>(owner, SET, { input: { ...input, url: receiver.url } });
  expect(made).toMatchObject({
    secret: expect.stringMatching(/^whsec_[A-Za-z\d+/]{32,88}={0,2}$/) as string,
    endpoint: { url: receiver.url, enabled: true, disabledAt: null, disabledReason: null },
  });
  const queued = await ask<Delivery>(owner, TEST, { input });
  expect(queued).toMatchObject({ eventType: 'webhook.test', status: 'PENDING', attempts: 0, deliveredAt: null });
  await waitFor(() => receiver.received.length === 1, 'the test to arrive');
  const rotated = await ask<{ secret: string }>(owner, ROTATE, { input });
  await ask(owner, TEST, { input });
  await waitFor(() => receiver.received.length === 2, 'another test');
  const second = receiver.received[1] as Received;
  expect(verified(second, made.secret)).toEqual(verified(second, rotated.secret));

  const newest = async (): Promise<Delivery> =>
    (await shown(owner, id, 1)).webhookEndpoint?.deliveries.edges[0]?.node as Delivery;
  await waitFor(async () => (await newest()).status === 'DELIVERED', 'what came of it');
  const page = (await shown(owner, id, 1)).webhookEndpoint;
  expect(page?.deliveries.pageInfo.hasNextPage).toBe(true);
  const next = (await shown(owner, id, 1, page?.deliveries.pageInfo.endCursor)).webhookEndpoint;
  expect(next?.deliveries).toMatchObject({ edges: [{ node: { id: queued.id } }], pageInfo: { hasNextPage: false } });

  await ask(owner, RESEND, { id: queued.id });
  await waitFor(() => receiver.received.length === 3, 'the first one again');
  expect(receiver.ids[2]).toBe(queued.id);
  expect(await ask(owner, SET, { input: { ...input, url: null } })).toEqual({ secret: null, endpoint: null });
  expect((await shown(owner, id)).webhookEndpoint).toBeNull();
  expect(await codeOf(app.url, owner, TEST, { input })).toBe('CONFLICT');

  const log = await ask<{ auditLog: unknown }>(
    owner,
    'query ($id: ID!) { billingEntity(id: $id) { auditLog { edges { node { action actor before after } } } } }',
    { id },
  );
  const text = JSON.stringify(log);
  for (const act of ['set', 'test', 'rotateSecret', 'resend', 'remove']) expect(text).toContain(`webhook.${act}`);
  expect(text).not.toMatch(/whsec_/);
});

it('what fails is tried again by itself, and a redirect is not followed', async () => {
  const { id, owner } = await clients.organization('PRIVATE');
  const target = await Receiver.open();
  receiver.answer = (response) => {
    // The second attempt is five seconds later, which this machine's clock makes pass.
    if (receiver.received.length > 1) response.writeHead(200).end();
    else response.writeHead(308, { location: target.url }).end();
  };
  await ask(owner, SET, { input: { billingEntityId: id, url: receiver.url } });
  await ask(owner, TEST, { input: { billingEntityId: id } });
  await waitFor(() => receiver.received.length === 2, 'the second attempt');
  expect([new Set(receiver.ids).size, target.received.length]).toEqual([1, 0]);
  await target.close();
});

it('addresses that may not be are BAD_USER_INPUT, and in production this machine is one of them', async () => {
  const { id, owner } = await clients.organization('PRIVATE');
  const set = (url: string): Promise<unknown> => codeOf(app.url, owner, SET, { input: { billingEntityId: id, url } });
  expect(await set('https://10.0.0.1/')).toBe('BAD_USER_INPUT');
  expect(await set('http://example.com/')).toBe('BAD_USER_INPUT');
  expect(await set(receiver.url)).toBeUndefined();
  const strict = await bench.server({ env: { WEBHOOK_ALLOW_LOOPBACK: '0' } });
  const input = { billingEntityId: id, url: receiver.url };
  expect(await codeOf(strict.url, owner, SET, { input })).toBe('BAD_USER_INPUT');
});

it('410 disables it, and its deliveries cannot be sent until the same address is set again', async () => {
  const { id, owner } = await clients.organization('PRIVATE');
  const input = { billingEntityId: id };
  receiver.answer = status(410);
  await ask(owner, SET, { input: { ...input, url: receiver.url } });
  const queued = await ask<Delivery>(owner, TEST, { input });
  const isDisabled = async (): Promise<boolean> => {
    const { data } = await send(app.url, owner, SHOW, { id, first: 1 });
    return JSON.stringify(data).includes('"enabled":false');
  };
  await waitFor(isDisabled, 'the endpoint to be disabled');
  expect(await codeOf(app.url, owner, RESEND, { id: queued.id })).toBe('CONFLICT');
  receiver.answer = status(200);
  expect(await ask(owner, SET, { input: { ...input, url: receiver.url } })).toMatchObject({
    ...{ secret: null, endpoint: { enabled: true, disabledAt: null, disabledReason: null } },
  });
  await ask(owner, RESEND, { id: queued.id });
  await waitFor(() => receiver.received.length === 2, 'the delivery');
});

/** The part of the API guide on webhooks: the receiver that it shows takes what is sent, and what it says is so. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Webhook } from 'standardwebhooks';
import { RETRY_DELAYS_MS } from '../../src/alerts/webhooks/schedule.ts';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { isObjectType } from 'graphql';
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { freePort } from '../support/free-port.ts';
import { asker, type Ask, Clients, tokensFor } from '../support/organizations.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Block, blocksOf } from './blocks.ts';

const FILE = 'docs/api.md';
const SET = 'mutation ($input: SetWebhookEndpointInput!) { setWebhookEndpoint(input: $input) { secret } }';
const PREFER = 'mutation ($input: SetAlertPreferencesInput!) { setAlertPreferences(input: $input) { id } }';
const CONSUME = 'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }';
const DELIVERIES = `query ($id: ID!) { billingEntity(id: $id) { webhookEndpoint { deliveries {
  edges { node { id status attempts eventType } } } } } }`;
const RESEND = 'mutation ($id: ID!) { resendWebhookDelivery(id: $id) { status } }';

interface Delivery {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly eventType: string;
}

interface Message {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

let guide: string;
let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
let user: Awaited<ReturnType<Clients['user']>>;
let secret: string;
let address: string;
let receiver: ChildProcess;
let printed = '';

beforeAll(async () => {
  guide = await readFile(FILE, 'utf8');
  bench = await Bench.open();
  app = await bench.server();
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
  user = await clients.user(100);
  const port = await freePort();
  address = `http://127.0.0.1:${port}/hooks`;
  ({ secret } = await ask<{ secret: string }>(user.token, SET, { input: { billingEntityId: user.id, url: address } }));
  const code = shown('js', 'standardwebhooks').text.replace(
    'listen(3000)',
    `listen(${port}, () => console.log('ready'))`,
  );
  receiver = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    env: { PATH: process.env['PATH'], TOLLGATE_WEBHOOK_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  receiver.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await waitFor(() => printed.includes('ready\n'), 'the receiver');
});

afterAll(async () => {
  const ended = once(receiver, 'close');
  receiver.kill();
  await ended;
  await bench.close();
});

/** The guide's block of this language that holds this text. */
function shown(language: string, text: string): Block {
  const block = blocksOf(FILE, guide).find((each) => each.language === language && each.text.includes(text));
  if (block === undefined) throw new Error(`the guide shows no ${language} with ${text}`);
  return block;
}

async function deliveries(): Promise<Delivery[]> {
  const { webhookEndpoint } = await ask<{
    webhookEndpoint: { deliveries: { edges: readonly { readonly node: Delivery }[] } };
  }>(user.token, DELIVERIES, { id: user.id });
  return webhookEndpoint.deliveries.edges.map(({ node }) => node);
}

it('the receiver of the guide takes an alert once, also when it is sent again, and nothing that is not signed', async () => {
  const preferences = [{ type: 'WARNING', remaining: 100, channels: ['WEBHOOK'] }];
  await ask(user.token, PREFER, { input: { billingEntityId: user.id, preferences } });
  const input = { idempotencyKey: clients.next(), lines: tokensFor(10), userExternalId: user.externalId };
  await ask(clients.service, CONSUME, { input });
  await waitFor(async () => (await deliveries())[0]?.status === 'DELIVERED', 'the alert to arrive');
  const told = `WARNING Fewer than 100 credits are left: 90.\n`;
  expect(printed).toBe(`ready\n${told}`);
  const [first] = await deliveries();
  await ask(user.token, RESEND, { id: first?.id });
  await waitFor(async () => (await deliveries())[0]?.attempts === 2, 'it to be sent again');
  await waitFor(async () => (await deliveries())[0]?.status === 'DELIVERED', 'it to arrive again');
  expect(printed).toBe(`ready\n${told}`);

  const body = JSON.stringify({ type: 'alert.raised', data: { type: 'FORGED', message: 'forged' } });
  const signed = (by: string, at: Date): Record<string, string> => ({
    'webhook-id': 'whd_forged',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(by).sign('whd_forged', at, body),
  });
  const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  for (const headers of [{}, signed(other, new Date()), signed(secret, new Date(Date.now() - 301_000))]) {
    expect((await fetch(address, { method: 'POST', headers, body })).status).toBe(400);
  }
  expect(printed).not.toContain('forged');
  expect((await fetch(address, { method: 'POST', headers: signed(secret, new Date()), body })).status).toBe(204);
  await waitFor(() => printed.includes('FORGED forged'), 'what is signed to be taken');
});

it('the message of the guide has the members of one that is sent, which are the fields of Alert', async () => {
  const { rows } = await bench
    .admin()
    .query<{ body: Buffer }>(`select body from webhook_delivery where event_type = 'alert.raised'`);
  const sent = JSON.parse(String(rows[0]?.body)) as Message;
  const example = JSON.parse(shown('json', 'alert.raised').text) as Message;
  const members = (message: Message): string[][] => [Object.keys(message), Object.keys(message.data)];
  expect(members(example)).toEqual(members(sent));
  const type = (await buildTollgateSchema()).getType('Alert');
  const fields = isObjectType(type) ? Object.keys(type.getFields()) : [];
  expect(Object.keys(sent.data).toSorted()).toEqual(fields.toSorted());
});

it('the guide says when it is tried again', () => {
  const words = ['5 seconds', '5 minutes', '30 minutes', '2', '5', '8 and 10 hours'];
  expect(guide.replace(/\s+/g, ' ')).toContain(`is tried again after ${words.join(', ')}`);
  const [hour, minute, second] = [3_600_000, 60_000, 1_000];
  expect(RETRY_DELAYS_MS).toEqual([5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 8 * hour, 10 * hour]);
});

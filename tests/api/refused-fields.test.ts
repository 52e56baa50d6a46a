/** A refusal of one field names it in `extensions.field`, so that a form can put the message beside it. */
import { send, type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { type Ask, asker, Clients } from '../support/organizations.ts';

let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
let person: { readonly id: string; readonly token: string };
let club: { readonly id: string; readonly owner: string };

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
  person = await clients.user(100);
  club = await clients.organization('PRIVATE');
});

afterAll(() => bench.close());

async function extensionsOf(token: string, document: string, variables: object): Promise<Record<string, unknown>> {
  const { errors } = await send(app.url, token, document, { ...variables });
  expect(errors).toHaveLength(1);
  return errors[0]?.extensions ?? {};
}

/** The document of a mutation with one input. */
function mutation(name: string, type: string, selection = '{ __typename }'): string {
  return `mutation ($input: ${type}!) { ${name}(input: $input) ${selection} }`;
}

const KEY = { name: 'key', type: 'CUSTOM', provider: 'OPENAI', secret: 'sk-0123456789abcdef' };
const MANY = Array.from({ length: 11 }, (_, index) => `a${index}@example.com`);

describe('keys', () => {
  it.each([
    ['name', { name: ' ' }],
    ['name', { name: 'x'.repeat(101) }],
    ['creditLimit', { creditLimit: -1 }],
    ['expiresAt', { expiresAt: '2001-01-01T00:00:00Z' }],
    ['secret', { secret: 'not one' }],
    ['secret', { secret: null }],
    ['secret', { type: 'PLATFORM' }],
    ['billingMode', { type: 'PLATFORM', secret: null, billingMode: 'COMPUTE_ONLY' }],
  ])('that are made name %s of %j', async (field, wrong) => {
    const input = { billingEntityId: person.id, ...KEY, ...wrong };
    const document = mutation('createApiKey', 'CreateApiKeyInput');
    expect(await extensionsOf(person.token, document, { input })).toEqual({ code: 'BAD_USER_INPUT', field });
  });

  it.each([
    ['name', { name: '' }],
    ['name', { name: null }],
    ['creditLimit', { creditLimit: -1 }],
    ['expiresAt', { expiresAt: '2001-01-01T00:00:00Z' }],
    ['billingMode', { billingMode: null }],
  ])('that are changed name %s of %j', async (field, wrong) => {
    const made = await ask<{ apiKey: { id: string } }>(
      person.token,
      mutation('createApiKey', 'CreateApiKeyInput', '{ apiKey { id } }'),
      { input: { billingEntityId: person.id, ...KEY } },
    );
    const document = mutation('updateApiKey', 'UpdateApiKeyInput');
    expect(await extensionsOf(person.token, document, { input: { id: made.apiKey.id, ...wrong } })).toEqual({
      code: 'BAD_USER_INPUT',
      field,
    });
  });
});

describe('alerts', () => {
  const right = { type: 'WARNING', level: 0.5, channels: ['IN_APP'], enabled: true };
  it.each([
    ['preferences.1.level', [right, { ...right, level: 2 }], []],
    ['preferences.0.remaining', [{ ...right, level: null, remaining: 0 }, right], []],
    ['preferences.1', [right, { ...right, type: 'EXHAUSTED' }], []],
    ['preferences.2', [right, { ...right, level: 0.6 }, right], []],
    ['preferences', Array.from({ length: 200 }, (_, index) => ({ ...right, level: (index + 1) / 1_000 })), []],
    ['emails.1', [right], ['ana@example.com', 'ana']],
    ['emails', [right], MANY],
  ])('name %s', async (field, preferences, emails) => {
    const input = { billingEntityId: person.id, preferences, emails };
    const document = mutation('setAlertPreferences', 'SetAlertPreferencesInput');
    expect(await extensionsOf(person.token, document, { input })).toEqual({ code: 'BAD_USER_INPUT', field });
  });

  it.each(['no address', 'http://example.com/', 'https://10.0.0.1/'])('name the url %s', async (url) => {
    const input = { billingEntityId: person.id, url };
    const document = mutation('setWebhookEndpoint', 'SetWebhookEndpointInput');
    expect(await extensionsOf(person.token, document, { input })).toEqual({ code: 'BAD_USER_INPUT', field: 'url' });
  });
});

describe('organizations', () => {
  it.each([
    ['name', { name: '  ' }],
    ['externalId', { name: 'Club', externalId: 'x'.repeat(256) }],
    ['externalId', { name: 'Club', externalId: 'Tollgate:club' }],
  ])('that are made name %s', async (field, wrong) => {
    const input = { visibility: 'PRIVATE', ownerExternalId: 'somebody', ...wrong };
    const document = mutation('createOrganization', 'CreateOrganizationInput');
    expect(await extensionsOf(clients.operator, document, { input })).toEqual({ code: 'BAD_USER_INPUT', field });
  });

  it('name what is wrong with a member, a new name and a transfer', async () => {
    const member = { billingEntityId: club.id, userExternalId: 'somebody', role: 'MEMBER' };
    const set = mutation('setMember', 'SetMemberInput');
    for (const [field, wrong] of [
      ['creditLimit', { creditLimit: -1 }],
      ['userExternalId', { userExternalId: '' }],
      ['reason', { reason: ' ' }],
    ] as const) {
      expect(await extensionsOf(club.owner, set, { input: { ...member, ...wrong } })).toMatchObject({ field });
    }
    const rename = mutation('updateOrganization', 'UpdateOrganizationInput');
    expect(await extensionsOf(club.owner, rename, { input: { billingEntityId: club.id, name: ' ' } })).toMatchObject({
      field: 'name',
    });
    const move = mutation('transferCredits', 'TransferCreditsInput');
    const input = {
      idempotencyKey: 't',
      fromBillingEntityId: club.id,
      toBillingEntityId: person.id,
      amount: 0,
      reason: 'x',
    };
    expect(await extensionsOf(clients.operator, move, { input })).toMatchObject({ field: 'amount' });
  });
});

it('operators are told which field as well', async () => {
  const base = { idempotencyKey: 'k', billingEntityId: person.id, amount: 1, reason: 'x' };
  const grant = mutation('grantCredits', 'GrantCreditsInput');
  for (const [field, wrong] of [
    ['amount', { amount: 0 }],
    ['reason', { reason: '' }],
    ['priority', { priority: 1_001 }],
    ['source', { source: 'TRANSFER' }],
  ] as const) {
    expect(await extensionsOf(clients.operator, grant, { input: { ...base, ...wrong } })).toMatchObject({ field });
  }
  const adjust = mutation('adjustCredits', 'AdjustCreditsInput');
  expect(await extensionsOf(clients.operator, adjust, { input: { ...base, amount: 0 } })).toMatchObject({
    field: 'amount',
  });
});

it('a refusal that is about no field names none', async () => {
  const input = {
    idempotencyKey: 't',
    fromBillingEntityId: person.id,
    toBillingEntityId: person.id,
    amount: 1,
    reason: 'x',
  };
  const move = mutation('transferCredits', 'TransferCreditsInput');
  expect(await extensionsOf(clients.operator, move, { input })).toEqual({ code: 'BAD_USER_INPUT' });
});

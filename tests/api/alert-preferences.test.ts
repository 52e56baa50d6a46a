/** Preferences of alerts as clients set them: two servers of one installation, over HTTP. */
import { AlertClients, inShort } from '../support/alert-clients.ts';
import { codeOf } from '../support/organizations.ts';
import { SET_PREFERENCES } from '../support/raised-alerts.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

const PREFERENCES =
  'query ($id: ID!) { billingEntity(id: $id) { alertPreferences { id type level remaining channels enabled } alertEmails } }';

let servers: TwoServers;
let client: AlertClients;

beforeAll(async () => {
  servers = await startTwoServers();
  client = new AlertClients(servers);
});

afterAll(() => servers.stop());

const REFUSED: readonly [string, readonly object[]][] = [
  ['level 0', [{ type: 'WARNING', level: 0 }]],
  ['a level below 0', [{ type: 'WARNING', level: -0.1 }]],
  ['level 1.01', [{ type: 'WARNING', level: 1.01 }]],
  ['level 1.001', [{ type: 'WARNING', level: 1.001 }]],
  ['four decimals', [{ type: 'WARNING', level: 0.8001 }]],
  ['a level next to 0', [{ type: 'WARNING', level: Number.MIN_VALUE }]],
  ['remaining 0', [{ type: 'WARNING', remaining: 0 }]],
  ['remaining below 0', [{ type: 'WARNING', remaining: -1 }]],
  ['neither', [{ type: 'CRITICAL' }]],
  ['both', [{ type: 'CRITICAL', level: 0.5, remaining: 5 }]],
  ['a level of an event', [{ type: 'EXHAUSTED', level: 0.5 }]],
  ['what remains, of an event', [{ type: 'PAYMENT_FAILED', remaining: 5 }]],
  [
    'the same level twice',
    [
      { type: 'WARNING', level: 0.5 },
      { type: 'WARNING', level: 0.5 },
    ],
  ],
  [
    'the same remainder twice',
    [
      { type: 'WARNING', remaining: 5 },
      { type: 'WARNING', remaining: 5 },
    ],
  ],
  ['an event twice', [{ type: 'RECOVERED' }, { type: 'RECOVERED' }]],
  ['51 of them', Array.from({ length: 51 }, (_, at) => ({ type: 'WARNING', remaining: at + 1 }))],
];

it.each(REFUSED)('preferences are refused for %s, and stay what they were with the addresses', async (_what, list) => {
  const user = await servers.clients.user(10);
  await client.setPreferences(user.token, user.id, [{ type: 'WARNING', level: 0.5, channels: ['IN_APP'] }]);
  const before = await servers.ask(user.token, PREFERENCES, { id: user.id });
  const input = {
    billingEntityId: user.id,
    preferences: list.map((each) => ({ channels: ['IN_APP'], ...each })),
    emails: ['new@example.com'],
  };
  expect(await codeOf(servers.url(), user.token, SET_PREFERENCES, { input })).toBe('BAD_USER_INPUT');
  expect(await servers.ask(user.token, PREFERENCES, { id: user.id })).toEqual(before);
});

it('preferences are refused for addresses that are none, and for more than ten, and stay what they were', async () => {
  const user = await servers.clients.user(10);
  const before = await servers.ask(user.token, PREFERENCES, { id: user.id });
  for (const emails of [['nobody'], Array.from({ length: 11 }, (_, at) => `a${at}@example.com`)]) {
    const input = { billingEntityId: user.id, preferences: [], emails };
    expect(await codeOf(servers.url(), user.token, SET_PREFERENCES, { input })).toBe('BAD_USER_INPUT');
  }
  expect(await servers.ask(user.token, PREFERENCES, { id: user.id })).toEqual(before);
});

it('preferences are the defaults until they are set; set ones are followed by the defaults of what they leave open, and keep their ids', async () => {
  const user = await servers.clients.user(10);
  interface Preferences {
    readonly alertPreferences: readonly { readonly id: string }[];
    readonly alertEmails: readonly string[];
  }
  const { alertPreferences } = await servers.ask<Preferences>(user.token, PREFERENCES, { id: user.id });
  const both = { channels: ['IN_APP', 'EMAIL'], enabled: true };
  const events = ['EXHAUSTED', 'OVERAGE_STARTED', 'OVERAGE_CAP_REACHED', 'PAYMENT_FAILED', 'MEMBER_LIMIT', 'RECOVERED'];
  const byDefault = (types: readonly string[]) =>
    types.map((type) => ({ type, level: null, remaining: null, ...both }));
  expect(alertPreferences).toMatchObject([
    { type: 'WARNING', level: 0.8, remaining: null, ...both },
    { type: 'CRITICAL', level: 0.95, remaining: null, ...both },
    ...byDefault(events),
  ]);
  const levels = [{ type: 'WARNING', level: 0.8, remaining: null, channels: ['WEBHOOK'], enabled: true }];
  const silenced = { type: 'EXHAUSTED', channels: ['IN_APP'], enabled: false };
  const set = await client.setPreferences(user.token, user.id, [...levels, silenced], { emails: ['ana@example.com'] });
  expect(set).toMatchObject([...levels, silenced, ...byDefault(events.slice(1))]);
  expect((set[0] as { id: string }).id).toBe(alertPreferences[0]?.id);
  expect(await servers.ask(user.token, PREFERENCES, { id: user.id })).toEqual({
    alertPreferences: set,
    alertEmails: ['ana@example.com'],
  });
  await client.setPreferences(user.token, user.id, [], { emails: null });
  const after = await servers.ask<Preferences>(user.token, PREFERENCES, { id: user.id });
  expect(after.alertPreferences).toMatchObject(byDefault(events));
  expect(after.alertEmails).toEqual(['ana@example.com']);
  await client.setPreferences(user.token, user.id, [], { emails: [] });
  expect((await servers.ask<Preferences>(user.token, PREFERENCES, { id: user.id })).alertEmails).toEqual([]);
});

it('preferences that are changed in mid-climb hold from the next use on, and what is passed already waits until it is left', async () => {
  const { ask, clients } = servers;
  const user = await clients.user(1_000);
  const channels = ['IN_APP'];
  await client.useAtOnce(user.externalId, 500);
  // The present ratio is passed already, as is what lies below it.
  await client.setPreferences(
    user.token,
    user.id,
    [0.25, 0.5, 0.6].map((level) => ({ type: 'WARNING', level, channels })),
  );
  await client.useAtOnce(user.externalId, 50);
  expect(inShort(await client.alertsOf(user.id))).toEqual([]);
  await client.useAtOnce(user.externalId, 50);
  expect(inShort(await client.alertsOf(user.id))).toEqual(['WARNING 0.6']);
  // More than there is at all: it is passed, and waits as well.
  await client.setPreferences(user.token, user.id, [{ type: 'CRITICAL', remaining: 5_000, channels }]);
  await client.useAtOnce(user.externalId, 100);
  expect(inShort(await client.alertsOf(user.id))).toEqual(['WARNING 0.6']);
  await clients.setCredits(user.id, 6_000);
  await client.useAtOnce(user.externalId, 1_001);
  expect(inShort(await client.alertsOf(user.id))).toEqual(['WARNING 0.6', 'CRITICAL <5000']);
  await client.setPreferences(user.token, user.id, []);
  await client.useAtOnce(user.externalId, 4_999);
  expect(inShort(await client.alertsOf(user.id))).toEqual(['WARNING 0.6', 'CRITICAL <5000', 'EXHAUSTED']);
  expect(
    await ask(clients.operator, `{ verifyLedger(billingEntityId: "${user.id}") { consistent problems } }`),
  ).toEqual({
    consistent: true,
    problems: [],
  });
});

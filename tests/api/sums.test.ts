/** Use of any size: what an earlier release took and wrote is read, checked, answered and added to. */
import type pg from 'pg';
import {
  DAYS,
  HOURS,
  ENTRY_COLUMNS,
  type EntryRow,
  RECORD_COLUMNS,
  type RecordRow,
  entryChecksum,
  recordChecksum,
  toEntry,
  toRecord,
} from '../../src/ledger/store/tables.ts';
import { idempotency } from '../../src/ledger/idempotency.ts';
import { openReadPool } from '../../src/db/pools.ts';
import { parseApiKeyId, parseEntityId } from '../../src/kernel/public-ids.ts';
import { send, type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { type Answer, type Ask, asker, CHECK, Clients, codeOf, CONSUME, RESERVE } from '../support/organizations.ts';
import { TestClock } from '../support/clock.ts';

/** Most units that a line could have once, and most that it can have. */
const MOST_ONCE = 2n ** 53n - 1n;
const MOST = 10n ** 12n;

/** What stands for whatever is larger. */
const LARGEST = Number.MAX_SAFE_INTEGER;

/** As many consumptions of ten such lines as a bigint can sum up. */
const CONSUMPTIONS = 102;

let bench: Bench;
let admin: pg.Pool;
let app: TestApp;
let ask: Ask;
let clients: Clients;

/** Owns a PUBLIC organization; a stranger uses it, on a key of their own for which tokens cost nothing. */
let club: { id: string; externalId: string; owner: string };
let stranger: { id: string; externalId: string; token: string };
let keyId: string;

beforeAll(async () => {
  bench = await Bench.open();
  admin = openReadPool(bench.database.adminUrl, { max: 1, onIdleError: () => undefined });
  app = await bench.server({ clock: new TestClock() });
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
  club = await clients.organization('PUBLIC');
  stranger = await clients.user(50);
  const terms = { type: 'CUSTOM', secret: 'sk-proj-hunter2hunter2hunter2' };
  keyId = (await clients.createKey(stranger.token, stranger.id, terms)).id;
  for (let at = 0; at < CONSUMPTIONS; at++) {
    const { __typename } = await ask<Answer>(stranger.token, CONSUME, { input: use(`old-${at}`, lines(0n)) });
    expect(__typename).toBe('ConsumeCreditsSuccess');
  }
  await enlarge(stranger.id);
}, 120_000);

afterAll(async () => {
  await admin.end();
  await bench.close();
});

function lines(quantity: bigint, count = 10): { resource: string; quantity: number }[] {
  return Array.from({ length: count }, () => ({ resource: 'AI_TOKENS', quantity: Number(quantity) }));
}

function use(idempotencyKey: string, what: ReturnType<typeof lines>): Record<string, unknown> {
  return { idempotencyKey, organizationExternalId: club.externalId, apiKeyId: keyId, lines: what };
}

/** Makes of what was recorded with nothing what was recorded once with most: records, keys and sums, with their checksums. */
async function enlarge(publicId: string): Promise<void> {
  const id = parseEntityId(publicId);
  const fingerprint = (key: string): Buffer =>
    idempotency(key, 'consume', [
      id,
      lines(MOST_ONCE).map(({ resource }) => [resource, MOST_ONCE]),
      null,
      null,
      { organizationId: parseEntityId(club.id), apiKeyId: parseApiKeyId(keyId).id },
    ]).fingerprint;
  const client = await admin.connect();
  try {
    // As a release before would have written it; nobody else may.
    await client.query('set session_replication_role = replica');
    const { rows: records } = await client.query<RecordRow>(
      `update usage_record u set quantity = $2 where billing_entity_id = $1 returning ${RECORD_COLUMNS}`,
      [id, MOST_ONCE],
    );
    for (const row of records) {
      const checksum = recordChecksum(toRecord(row));
      await client.query(
        'update usage_record set checksum = $4 where billing_entity_id = $1 and sequence = $2 and line = $3',
        [id, row.sequence, row.line, checksum],
      );
    }
    const { rows: entries } = await client.query<EntryRow>(
      `select ${ENTRY_COLUMNS} from ledger_entry e where billing_entity_id = $1 and kind = 'CONSUMPTION'`,
      [id],
    );
    for (const row of entries) {
      const entry = toEntry({ ...row, fingerprint: fingerprint(row.idempotency_key as string) });
      await client.query(
        'update ledger_entry set fingerprint = $3, checksum = $4 where billing_entity_id = $1 and sequence = $2',
        [id, row.sequence, entry.idempotency?.fingerprint, entryChecksum(entry)],
      );
    }
    for (const { table, marks } of [HOURS, DAYS]) {
      const sums = ['', ...marks.map((mark) => `_before${mark}`)];
      const enlarged = sums.map((sum) => `quantity${sum} = records${sum} * $2::numeric`).join(', ');
      await client.query(`update ${table} set ${enlarged} where billing_entity_id = $1`, [id, MOST_ONCE]);
    }
    expect(records).toHaveLength(10 * CONSUMPTIONS);
  } finally {
    await client.query('set session_replication_role = origin');
    client.release();
  }
}

const SUMMARY = `query ($id: ID!, $interval: UsageInterval!, $groupBy: [UsageDimension!]!, $timeZone: String!) {
  billingEntity(id: $id) {
    usageSummary(from: "2026-03-10T00:00:00Z", to: "2026-03-11T00:00:00Z", interval: $interval, groupBy: $groupBy, timeZone: $timeZone) {
      quantity credits overage records
    }
  }
}`;
const PROOF = 'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }';

describe.each(['HOUR', 'DAY', 'MONTH', 'TOTAL'])('a summary by %s', (interval) => {
  it.each(['UTC', 'Asia/Tokyo', 'America/New_York'])('of %s days answers whatever was recorded', async (timeZone) => {
    for (const groupBy of [[], ['USER', 'API_KEY', 'RESOURCE', 'BILLING_MODE', 'FEATURE']]) {
      for (const [token, id] of [
        [stranger.token, stranger.id],
        [club.owner, club.id],
      ] as const) {
        const variables = { id, interval, groupBy, timeZone };
        const { usageSummary } = await ask<{ usageSummary: object[] }>(token, SUMMARY, variables);
        expect(usageSummary).toMatchObject([{ quantity: LARGEST, credits: 0, overage: 0 }]);
      }
    }
  });
});

it('lists, files and forecasts show it', async () => {
  const { usage, forecast } = await ask<{
    usage: { edges: { node: { quantity: number } }[] };
    forecast: object;
  }>(
    stranger.token,
    `query ($id: ID!) { billingEntity(id: $id) {
      usage(first: 3) { edges { node { quantity } } } forecast { dailyBurn exhaustsAt }
    } }`,
    { id: stranger.id },
  );
  expect(usage.edges.map(({ node }) => node.quantity)).toEqual([LARGEST, LARGEST, LARGEST]);
  expect(forecast).toEqual({ dailyBurn: 0, exhaustsAt: null });
  const { url } = await ask<{ url: string }>(
    stranger.token,
    'mutation ($id: ID!) { createExport(input: { billingEntityId: $id, kind: USAGE }) { url } }',
    { id: stranger.id },
  );
  const { search, pathname } = new URL(url);
  const file = await (await fetch(`${new URL(app.url).origin}${pathname}${search}`)).text();
  expect(file.split('\r\n').filter((line) => line.includes(`,${MOST_ONCE},`))).toHaveLength(10 * CONSUMPTIONS);
});

it('verification finds nothing wrong, and a key that took effect with more than may be said now gets its answer', async () => {
  expect(await ask(stranger.token, PROOF, { id: stranger.id })).toEqual({ consistent: true, problems: [] });
  const again = await ask<Answer>(stranger.token, CONSUME, { input: use('old-7', lines(MOST_ONCE)) });
  expect(again).toMatchObject({ __typename: 'ConsumeCreditsSuccess', replayed: true, credits: 0 });
  expect(again.records?.map(({ quantity }) => quantity)).toEqual(lines(MOST_ONCE).map(() => LARGEST));
  const other = use('old-7', lines(MOST_ONCE - 1n));
  expect(await codeOf(app.url, stranger.token, CONSUME, { input: other })).toBe('IDEMPOTENCY_KEY_REUSED');
});

it('more use of the same hour is added to it, and sums pass what a bigint holds', async () => {
  for (let at = 0; at < 5; at++) {
    const { rows } = await admin.query<{ quantity: string }>(
      'select max(quantity)::text as quantity from usage_rollup',
    );
    const more = await ask<Answer>(stranger.token, CONSUME, { input: use(`new-${at}`, lines(MOST)) });
    expect(more).toMatchObject({ __typename: 'ConsumeCreditsSuccess', credits: 0 });
    const { rows: then } = await admin.query<{ quantity: string }>(
      'select max(quantity)::text as quantity from usage_rollup',
    );
    expect(BigInt(then[0]?.quantity ?? 0) - BigInt(rows[0]?.quantity ?? 0)).toBe(10n * MOST);
    // The next ones find so much more there.
    for (const table of ['usage_rollup', 'usage_rollup_day']) {
      await admin.query(`update ${table} set quantity = quantity * 1000 where quantity > 0`);
    }
  }
  const variables = { id: club.id, interval: 'DAY', groupBy: [], timeZone: 'UTC' };
  expect(await ask(club.owner, SUMMARY, variables)).toMatchObject({ usageSummary: [{ quantity: LARGEST }] });
});

describe('a line', () => {
  it('says at most 10^12 units, in every place where it is said', async () => {
    const payer = await clients.user(10);
    const tooMuch = lines(MOST + 1n, 1);
    const named = (key: string, what: object): Record<string, unknown> => ({ input: { idempotencyKey: key, ...what } });
    const refused = [
      await codeOf(app.url, payer.token, CONSUME, named('a', { lines: tooMuch })),
      await codeOf(app.url, payer.token, RESERVE, named('b', { lines: tooMuch })),
      await codeOf(app.url, payer.token, CHECK, { input: { lines: tooMuch } }),
    ];
    const { reservation } = await ask<{ reservation: { id: string } }>(
      payer.token,
      RESERVE,
      named('c', { lines: lines(10n, 1) }),
    );
    const reservationId = reservation.id;
    refused.push(await codeOf(app.url, payer.token, CONSUME, named('d', { lines: tooMuch, reservationId })));
    expect(refused).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT', 'BAD_USER_INPUT', 'BAD_USER_INPUT']);
    // Not remembered: the keys are free.
    for (const [key, what] of [
      ['a', { lines: lines(10n, 1) }],
      ['d', { lines: lines(10n, 1), reservationId }],
    ] as const) {
      expect(await ask(payer.token, CONSUME, named(key, what))).toMatchObject({ credits: 1 });
    }
    const most = await ask<Answer>(payer.token, CHECK, { input: { lines: lines(MOST) } });
    expect(most).toMatchObject({ allowed: false, credits: 1e12, refusal: { required: 1e12 } });
  });

  it('that says more refuses its own item of a batch alone', async () => {
    const { data } = await send(
      app.url,
      stranger.token,
      `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) {
        __typename ... on ConsumeCreditsSuccess { replayed } ... on UsageRejected { code retryable }
      } }`,
      {
        inputs: [
          use('x', lines(1n)),
          use('y', lines(MOST + 1n)),
          use('old-9', lines(MOST_ONCE)),
          use('z', lines(MOST)),
        ],
      },
    );
    expect(data).toEqual({
      consumeCreditsBatch: [
        { __typename: 'ConsumeCreditsSuccess', replayed: false },
        { __typename: 'UsageRejected', code: 'BAD_USER_INPUT', retryable: false },
        { __typename: 'ConsumeCreditsSuccess', replayed: true },
        { __typename: 'ConsumeCreditsSuccess', replayed: false },
      ],
    });
  });
});

describe('an account beyond what JSON carries', () => {
  it('refuses with what can be said of what it owes, wherever it is asked', async () => {
    const debtor = await clients.user(0);
    await admin.query('update credit_account set owed = $2 where billing_entity_id = $1', [
      parseEntityId(debtor.id),
      MOST_ONCE,
    ]);
    const refusal = { reason: 'INSUFFICIENT_CREDITS', required: LARGEST, available: 0 };
    const input = { lines: lines(1000n) };
    expect(await ask(debtor.token, CONSUME, { input: { ...input, idempotencyKey: 'a' } })).toMatchObject(refusal);
    expect(await ask(debtor.token, RESERVE, { input: { ...input, idempotencyKey: 'b' } })).toMatchObject(refusal);
    expect(await ask(debtor.token, CHECK, { input })).toMatchObject({ allowed: false, refusal });
  });

  it('shows sums of its balance as the largest', async () => {
    const rich = await clients.user(0);
    await admin.query('update credit_account set available = $2, used = $2 where billing_entity_id = $1', [
      parseEntityId(rich.id),
      MOST_ONCE,
    ]);
    const { credits } = await ask<{ credits: object }>(
      rich.token,
      'query ($id: ID!) { billingEntity(id: $id) { credits { available used allowance usedRatio } } }',
      { id: rich.id },
    );
    expect(credits).toEqual({ available: LARGEST, used: LARGEST, allowance: LARGEST, usedRatio: 0.5 });
  });

  it('shows what its members and keys used in all as the largest', async () => {
    const pool = await clients.organization('PRIVATE', 10);
    const member = await clients.user(10);
    await clients.setMember(pool.owner, pool.id, member.externalId);
    const key = await clients.createKey(member.token, member.id, {});
    for (const organizationExternalId of [pool.externalId, null]) {
      await ask(member.token, CONSUME, {
        input: { idempotencyKey: clients.next(), organizationExternalId, apiKeyId: key.id, lines: lines(10n, 1) },
      });
    }
    await admin.query('update use_counter set used = $2 where subject_id = any($1)', [
      [parseApiKeyId(key.id).id, parseEntityId(member.id)],
      2n ** 63n - 1n,
    ]);
    const entity = await ask<object>(
      member.token,
      'query ($id: ID!, $key: ID!) { billingEntity(id: $id) { apiKey(id: $key) { usedThisPeriod } } }',
      { id: member.id, key: key.id },
    );
    expect(entity).toEqual({ apiKey: { usedThisPeriod: LARGEST } });
    const members = await ask<object>(
      pool.owner,
      'query ($id: ID!) { billingEntity(id: $id) { members(first: 5, search: "user") { edges { node { usedThisPeriod drawnThisPeriod } } } } }',
      { id: pool.id },
    );
    expect(JSON.stringify(members)).toContain(`{"usedThisPeriod":${LARGEST},"drawnThisPeriod":${LARGEST}}`);
  });
});

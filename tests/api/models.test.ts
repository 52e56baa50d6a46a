/** What did the work: told with use, and found again. */
import { parse } from 'csv-parse/sync';
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { type Answer, type Ask, asker, CHECK, Clients, codeOf, CONSUME, RESERVE } from '../support/organizations.ts';

let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ clock: new TestClock(), env: { MODELS_PER_DAY: '2' } });
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
});

afterAll(() => bench.close());

interface Line {
  readonly resource: string;
  readonly quantity: number;
  readonly model?: string | null;
}
type Payer = Awaited<ReturnType<Clients['user']>>;

const line = (model?: string | null, credits = 1): Line => ({
  resource: 'AI_TOKENS',
  quantity: credits * 10,
  ...(model !== undefined && { model }),
});
const use = (payer: Payer, lines: Line[], more: object = {}): Promise<Answer> =>
  ask(payer.token, CONSUME, { input: { idempotencyKey: clients.next(), lines, ...more } });

async function listed(payer: Payer, filter: object = {}): Promise<(string | null)[]> {
  const { usage } = await ask<{ usage: { edges: { node: { model: string | null } }[] } }>(
    payer.token,
    `query ($id: ID!, $filter: UsageFilter) { billingEntity(id: $id) {
      usage(first: 50, filter: $filter) { edges { node { model } } } } }`,
    { id: payer.id, filter },
  );
  return usage.edges.map(({ node }) => node.model);
}

async function summed(payer: Payer, filter: object | null = null): Promise<object[]> {
  const { usageSummary } = await ask<{ usageSummary: object[] }>(
    payer.token,
    `query ($id: ID!, $filter: UsageSummaryFilter) { billingEntity(id: $id) {
      usageSummary(from: "2026-03-10T00:00:00Z", to: "2026-03-11T00:00:00Z", interval: DAY, groupBy: [MODEL], filter: $filter) {
        model otherModels credits records
      } } }`,
    { id: payer.id, filter },
  );
  return usageSummary;
}

it('use, checks, holds and settlements tell it; lists, files and sums have it', async () => {
  const payer = await clients.user(1_000);
  await use(payer, [line('large-1', 5), line('small', 1), line()]);
  expect(await ask(payer.token, CHECK, { input: { lines: [line('large-1')] } })).toMatchObject({ allowed: true });
  const hold = await ask<{ reservation: { id: string } }>(payer.token, RESERVE, {
    input: { idempotencyKey: clients.next(), lines: [line('large-1', 9)] },
  });
  await use(payer, [line('small', 2)], { reservationId: hold.reservation.id });
  // The settlement came last; of one instant the newest line comes first.
  expect(await listed(payer)).toEqual(['small', null, 'small', 'large-1']);
  expect(await listed(payer, { models: ['small'] })).toEqual(['small', 'small']);
  expect(await listed(payer, { models: ['small', 'large-1'], resources: ['AI_TOKENS'] })).toHaveLength(3);
  expect(await listed(payer, { models: [] })).toEqual([]);
  expect(await summed(payer)).toEqual([
    { model: null, otherModels: false, credits: 1, records: 1 },
    { model: 'large-1', otherModels: false, credits: 5, records: 1 },
    { model: 'small', otherModels: false, credits: 3, records: 2 },
  ]);
  expect(await summed(payer, { models: ['large-1', '', 'unheard_of'] })).toMatchObject([{ model: 'large-1' }]);
  const { url } = await ask<{ url: string }>(
    payer.token,
    'mutation ($input: CreateExportInput!) { createExport(input: $input) { url } }',
    { input: { billingEntityId: payer.id, kind: 'USAGE', usageFilter: { models: ['large-1'] } } },
  );
  const rows = parse<{ model: string; credits: string }>(await (await fetch(url)).text(), { columns: true });
  expect(rows.map(({ model, credits }) => [model, credits])).toEqual([['large-1', '5']]);
});

it('further models of a day are told as one, beside one that is called so; a refund goes to the same sum', async () => {
  const payer = await clients.user(1_000);
  await use(payer, [line('other', 1), line('b', 2), line('c', 4), line('d', 8)]);
  const { records } = await use(payer, [line('c', 16), line('b', 32)]);
  const sums = [
    { model: 'other', otherModels: true, credits: 28, records: 3 },
    { model: 'b', otherModels: false, credits: 34, records: 2 },
    { model: 'other', otherModels: false, credits: 1, records: 1 },
  ];
  expect(await summed(payer)).toEqual(sums);
  expect(await summed(payer, { models: ['c'] })).toEqual([]);
  expect(await summed(payer, { models: ['other'] })).toEqual([sums[2]]);
  expect(await listed(payer, { models: ['c'] })).toEqual(['c', 'c']);
  expect(await listed(payer, { models: ['c', 'd'], resources: ['AI_TOKENS'] })).toEqual(['c', 'd', 'c']);
  await ask(
    clients.operator,
    'mutation ($id: ID!) { refundUsage(recordId: $id, idempotencyKey: "r", reason: "test") { balance { available } } }',
    { id: records?.[0]?.['id'] },
  );
  expect(await summed(payer)).toEqual([{ ...sums[0], credits: 12 }, sums[1], sums[2]]);
  expect(
    await ask(payer.token, 'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }', {
      id: payer.id,
    }),
  ).toEqual({ consistent: true, problems: [] });
});

it('a name has 1 to 100 characters, none of which controls', async () => {
  const payer = await clients.user(100);
  for (const model of ['', 'x'.repeat(101), 'a\u0001', '\u0001', 'a\nb', 'a\u0000', '\ud800']) {
    const input = { lines: [line(model)] };
    const keyed = { input: { ...input, idempotencyKey: clients.next() } };
    const codes = [
      await codeOf(app.url, payer.token, CONSUME, keyed),
      await codeOf(app.url, payer.token, RESERVE, keyed),
      await codeOf(app.url, payer.token, CHECK, { input }),
    ];
    expect({ model, codes }).toEqual({ model, codes: ['BAD_USER_INPUT', 'BAD_USER_INPUT', 'BAD_USER_INPUT'] });
  }
  for (const model of ['x'.repeat(100), '🙂'.repeat(100), ' ', 'Größe 7']) {
    expect(await use(payer, [line(model)])).toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
  }
});

it('is part of what a key was used with; null and absent are alike', async () => {
  const payer = await clients.user(100);
  const again = (idempotencyKey: string, model?: string | null): Promise<unknown> =>
    ask<Answer>(payer.token, CONSUME, { input: { idempotencyKey, lines: [line(model)] } }).then(
      ({ replayed }) => replayed,
      (error: Error) => (JSON.parse(error.message) as { extensions: { code: string } }[])[0]?.extensions.code,
    );
  expect([await again('a'), await again('a', null), await again('a', 'x')]).toEqual([
    false,
    true,
    'IDEMPOTENCY_KEY_REUSED',
  ]);
  expect([await again('b', 'x'), await again('b', 'x'), await again('b', 'y'), await again('b')]).toEqual([
    false,
    true,
    'IDEMPOTENCY_KEY_REUSED',
    'IDEMPOTENCY_KEY_REUSED',
  ]);
});

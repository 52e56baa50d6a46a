/** Lists, files and sums of use, by where it was used and by when it was recorded. */
import { parse } from 'csv-parse/sync';
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { type Answer, type Ask, asker, Clients, CONSUME, tokensFor } from '../support/organizations.ts';

const HOUR_MS = 3_600_000;

let bench: Bench;
let clock: TestClock;
let app: TestApp;
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock();
  app = await bench.server({ clock });
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
});

afterAll(() => bench.close());

const LIST = `query ($id: ID!, $filter: UsageFilter) {
  billingEntity(id: $id) { usage(first: 50, filter: $filter) { edges { node { credits } } } }
}`;
const EXPORT = 'mutation ($input: CreateExportInput!) { createExport(input: $input) { url } }';

async function listed(token: string, id: string, filter: object): Promise<number[]> {
  const { usage } = await ask<{ usage: { edges: { node: { credits: number } }[] } }>(token, LIST, { id, filter });
  return usage.edges.map(({ node }) => node.credits);
}

async function exported(token: string, billingEntityId: string, usageFilter: object): Promise<number[]> {
  const { url } = await ask<{ url: string }>(token, EXPORT, {
    input: { billingEntityId, kind: 'USAGE', usageFilter },
  });
  const text = await (await fetch(url)).text();
  return parse<{ credits: string }>(text, { columns: true }).map(({ credits }) => Number(credits));
}

it('a bill is reconciled by when use was recorded, in lists and in files', async () => {
  const payer = await clients.user(1_000);
  const use = async (credits: number, occurredAt?: Date): Promise<void> => {
    const input = { idempotencyKey: clients.next(), lines: tokensFor(credits), occurredAt };
    expect(await ask<Answer>(payer.token, CONSUME, { input })).toMatchObject({ credits });
  };
  const [before, start] = [clock.now(), new Date(clock.now().getTime() + HOUR_MS)];
  await use(1);
  clock.forwardMs(HOUR_MS);
  await use(2);
  // It happened before the bill's period, and was told within it.
  await use(3, before);
  clock.forwardMs(HOUR_MS);
  const end = clock.now();
  await use(4, start);

  const period = { recordedFrom: start.toISOString(), recordedTo: end.toISOString() };
  for (const told of [listed, exported]) {
    expect(await told(payer.token, payer.id, period)).toEqual([2, 3]);
    expect(await told(payer.token, payer.id, { recordedFrom: period.recordedTo })).toEqual([4]);
    expect(await told(payer.token, payer.id, { recordedTo: period.recordedFrom, recordedFrom: null })).toEqual([1]);
    expect(await told(payer.token, payer.id, { ...period, to: start.toISOString() })).toEqual([3]);
    expect(await told(payer.token, payer.id, { ...period, resources: ['COMPUTE'] })).toEqual([]);
  }
});

it('the owner of a PUBLIC organization finds what people recorded there in a span', async () => {
  const club = await clients.organization('PUBLIC');
  const member = await clients.user(100);
  const use = (credits: number): Promise<Answer> =>
    ask(member.token, CONSUME, {
      input: { idempotencyKey: clients.next(), organizationExternalId: club.externalId, lines: tokensFor(credits) },
    });
  await use(1);
  clock.forwardMs(HOUR_MS);
  const recordedFrom = clock.now().toISOString();
  await use(2);
  expect(await listed(club.owner, club.id, { recordedFrom })).toEqual([2]);
  expect(await listed(club.owner, club.id, { recordedTo: recordedFrom })).toEqual([1]);
});

it('sums are narrowed to the organizations that use was in, and told apart by them as the list tells them', async () => {
  const member = await clients.user(100);
  const [club, other] = [await clients.organization('PUBLIC'), await clients.organization('PUBLIC')];
  for (const [organizationExternalId, credits] of [
    [club.externalId, 1],
    [other.externalId, 2],
    [null, 4],
  ] as const) {
    await ask(member.token, CONSUME, {
      input: { idempotencyKey: clients.next(), organizationExternalId, lines: tokensFor(credits) },
    });
  }
  const sums = async (organizationExternalIds: string[] | null): Promise<unknown> => {
    const { usageSummary } = await ask<{ usageSummary: { credits: number }[] }>(
      member.token,
      `query ($id: ID!, $in: [String!]) { billingEntity(id: $id) {
        usageSummary(from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z", interval: TOTAL,
          filter: { organizationExternalIds: $in }) { credits }
      } }`,
      { id: member.id, in: organizationExternalIds },
    );
    return usageSummary.map(({ credits }) => credits);
  };
  expect(await sums(null)).toEqual([7]);
  expect(await sums([club.externalId])).toEqual([1]);
  expect(await sums([club.externalId, other.externalId, 'nowhere'])).toEqual([3]);
  expect(await sums(['nowhere'])).toEqual([]);
  expect(await sums([])).toEqual([]);

  const byOrganization = async (token: string, id: string): Promise<unknown> => {
    const { usageSummary, usage } = await ask<{
      usageSummary: { credits: number; organization: { externalId: string } | null }[];
      usage: { edges: { node: { credits: number; organization: { externalId: string } | null } }[] };
    }>(
      token,
      `query ($id: ID!) { billingEntity(id: $id) {
        usageSummary(from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z", interval: TOTAL, groupBy: [ORGANIZATION]) {
          credits organization { externalId }
        }
        usage { edges { node { credits organization { externalId } } } }
      } }`,
      { id },
    );
    const sum = ({ credits, organization }: { credits: number; organization: { externalId: string } | null }) =>
      [organization?.externalId ?? null, credits] as const;
    const summed = new Map(usageSummary.map(sum));
    // Each record is a sum of its own here.
    expect(new Map(usage.edges.map(({ node }) => sum(node)))).toEqual(summed);
    return summed;
  };
  expect(await byOrganization(member.token, member.id)).toEqual(
    new Map([
      [null, 4],
      [club.externalId, 1],
      [other.externalId, 2],
    ]),
  );
  // An organization's owner is told of no other one.
  expect(await byOrganization(club.owner, club.id)).toEqual(new Map([[club.externalId, 1]]));
});

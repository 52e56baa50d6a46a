import { Bench } from '../support/bench.ts';
import { freePort } from '../support/free-port.ts';
import { type Answer, type Ask, asker, Clients, CONSUME, RESERVE, tokensFor } from '../support/organizations.ts';
import { ServerProcess } from '../support/server-process.ts';

let bench: Bench;
let servers: ServerProcess[] = [];
let ask: Ask;
let turn = 0;

beforeAll(async () => {
  bench = await Bench.open();
  servers = await Promise.all(
    [1, 2].map(async () => ServerProcess.start(await freePort(), { DATABASE_URL: bench.database.url })),
  );
  ask = asker(() => (servers[(turn += 1) % 2] as ServerProcess).url);
}, 120_000);

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await bench.close();
});

const LIMITS = [100, 250, 777, null] as const;
const POOL = 2_000;

test('three members with limits and one without hammer a pool from two processes: no limit is passed by one credit', async () => {
  const clients = await Clients.open(ask);
  const pool = await clients.organization('PRIVATE', POOL);
  const members = await Promise.all(
    LIMITS.map(async (creditLimit) => {
      const user = await clients.user(0);
      await clients.setMember(pool.owner, pool.id, user.externalId, { creditLimit });
      return { ...user, creditLimit };
    }),
  );
  const key = await clients.createKey(pool.owner, pool.id, { creditLimit: 300 });

  const attempts = members.flatMap((member) =>
    Array.from({ length: 120 }, async (_, index) => {
      const onKey = index % 5 === 0;
      const input = {
        idempotencyKey: clients.next(),
        userExternalId: member.externalId,
        organizationExternalId: pool.externalId,
        lines: tokensFor(7 + (index % 11)),
        ...(onKey && { apiKeyId: key.id }),
      };
      const isHold = index % 4 === 0;
      const answer = await ask<Answer & { reservation?: { id: string } }>(clients.service, isHold ? RESERVE : CONSUME, {
        input,
      });
      // Some of what was held is used, the rest is let go.
      if (answer.reservation !== undefined) {
        await (index % 8 === 0
          ? ask(clients.service, CONSUME, {
              input: { idempotencyKey: clients.next(), reservationId: answer.reservation.id, lines: tokensFor(5) },
            })
          : ask(clients.service, 'mutation ($id: ID!) { releaseReservation(id: $id) { status } }', {
              id: answer.reservation.id,
            }));
      }
      return { member, onKey, answer };
    }),
  );
  const results = await Promise.all(attempts);

  for (const { member, onKey, answer } of results.filter(({ answer }) => answer.__typename === 'UsageRefused')) {
    expect(answer.available).toBeLessThan(answer.required as number);
    if (answer.scope === 'MEMBER') expect(member.creditLimit).not.toBeNull();
    else if (answer.scope === 'API_KEY') expect(onKey).toBe(true);
    else expect(answer).toMatchObject({ scope: 'BALANCE', reason: 'INSUFFICIENT_CREDITS' });
  }
  const scopes = new Set(results.map(({ answer }) => answer.scope).filter((scope) => scope !== undefined));
  expect(scopes).toContain('MEMBER');

  const entity = await ask<{
    credits: { available: number; held: number; used: number };
    apiKey: { usedThisPeriod: number };
    members: { edges: { node: { user: { externalId: string }; usedThisPeriod: number; drawnThisPeriod: number } }[] };
    usageSummary: { credits: number; user: { externalId: string } }[];
  }>(
    pool.owner,
    `query ($id: ID!, $key: ID!) { billingEntity(id: $id) {
      credits { available held used }
      apiKey(id: $key) { usedThisPeriod }
      members(first: 100) { edges { node { user { externalId } usedThisPeriod drawnThisPeriod } } }
      usageSummary(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z", interval: TOTAL, groupBy: [USER]) { credits user { externalId } }
    } }`,
    { id: pool.id, key: key.id },
  );
  const { held, used, available } = entity.credits;
  expect({ held, sum: used + available }).toEqual({ held: 0, sum: POOL });
  expect(entity.apiKey.usedThisPeriod).toBeLessThanOrEqual(300);
  const drawnBy = new Map(entity.members.edges.map(({ node }) => [node.user.externalId, node]));
  let sum = 0;
  for (const { externalId, creditLimit } of members) {
    const node = drawnBy.get(externalId);
    expect(node?.drawnThisPeriod).toBeLessThanOrEqual(creditLimit ?? POOL);
    expect(node?.usedThisPeriod).toBe(node?.drawnThisPeriod);
    sum += node?.drawnThisPeriod ?? 0;
    const bucket = entity.usageSummary.find(({ user }) => user.externalId === externalId);
    expect(bucket?.credits ?? 0).toBe(node?.drawnThisPeriod);
  }
  expect(sum).toBe(used);
  const proof = await ask<unknown>(
    clients.operator,
    'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }',
    { id: pool.id },
  );
  expect(proof).toEqual({ consistent: true, problems: [] });
}, 120_000);

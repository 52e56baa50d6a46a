/** What local mode begins with: people, an organization of two of them, and use that adds up. */
import { seedDemo } from '../../src/local/demo-data.ts';
import type { DomainServices } from '../../src/services.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';

const ALL = { first: 100, after: null } as const;
let bench: Bench;
let services: DomainServices;
let organizationId: string;

beforeAll(async () => {
  bench = await Bench.open();
  services = await bench.services();
  await seedDemo(services, new TestClock());
  organizationId = (await services.entities.byExternalId('ORGANIZATION', 'acme-research'))?.billingEntityId ?? '';
});

afterAll(() => bench.close());

test('the organization has an owner, and a member with a limit that is not used up', async () => {
  const { edges } = await services.members.list(organizationId, ALL, { search: null, onlyUserId: null });
  const [owner, member] = edges.map(({ node }) => node);
  expect([owner, member]).toMatchObject([
    { role: 'OWNER', status: 'ACTIVE', creditLimit: null },
    { role: 'MEMBER', status: 'ACTIVE', creditLimit: 5_000n },
  ]);
  expect(edges).toHaveLength(2);
  const drawn = await drawnBy(edges.map(({ node }) => node.userId));
  expect(drawn.every((credits) => credits > 0n)).toBe(true);
  expect(drawn[1]).toBeLessThan(4_000n);
});

test('the use of its members adds up to what its pool used, and its credits can be moved', async () => {
  const { edges } = await services.members.list(organizationId, ALL, { search: null, onlyUserId: null });
  const [owner = 0n, member = 0n] = await drawnBy(edges.map(({ node }) => node.userId));
  const balance = await services.accounts.balance(organizationId);
  expect(balance?.used).toBe(owner + member);
  expect(balance?.available).toBeGreaterThan(50_000n);
});

test('each of the people begins with the credits of the trial', async () => {
  for (const externalId of ['demo-user', 'demo-owner', 'demo-member']) {
    const person = await services.entities.byExternalId('USER', externalId);
    const balance = await services.accounts.balance(person?.billingEntityId ?? '');
    expect(balance?.available).toBe(10_000n);
  }
});

test('a database that knows anybody is left alone', async () => {
  const before = await services.accounts.balance(organizationId);
  await seedDemo(services, new TestClock());
  expect(await services.accounts.balance(organizationId)).toEqual(before);
  const { edges } = await services.entities.list(ALL, { search: null, type: null });
  expect(edges).toHaveLength(4);
});

async function drawnBy(userIds: readonly string[]): Promise<bigint[]> {
  const use = await services.members.usedThisPeriod(userIds.map((userId) => ({ organizationId, userId })));
  return use.map(({ drawn }) => drawn);
}

import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { Principal } from '../../src/billing-entities/principal.ts';
import type { Account } from '../../src/ledger/rules/account.ts';
import type { Command } from '../../src/ledger/rules/commands.ts';
import { heldOf } from '../../src/ledger/rules/grants.ts';
import { RATES } from '../../src/plans/rates.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';
import { PureLedger } from '../ledger/rules/pure-ledger.ts';

const POOL = '01900000-0000-7000-8000-000000000001';
const MEMBER = '01900000-0000-7000-8000-000000000002';
const NOW = new Date('2026-03-10T12:00:00.000Z');
const cause = { actor: 'test', idempotency: null };

const grantOf = (billingEntityId: string, amount: bigint, priority: number): Command => ({
  ...cause,
  kind: 'grant',
  billingEntityId,
  grantId: uuidv7(),
  source: 'PURCHASE',
  amount,
  priority,
  effectiveAt: null,
  expiresAt: null,
  reason: null,
});
const moveOf = (from: string, to: string, amount: bigint, isReturn: boolean): Command => ({
  ...cause,
  kind: 'transfer',
  billingEntityId: from,
  toBillingEntityId: to,
  amount,
  isReturn,
  reason: null,
});
const useBy = {
  userId: MEMBER,
  organizationId: null,
  apiKey: null,
  otherPayers: [],
  billingMode: 'FULL',
  feature: null,
} as const;
const linesOf = (credits: bigint) => [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }];
const reserveOf = (credits: bigint): Command => ({
  ...cause,
  ...useBy,
  kind: 'reserve',
  billingEntityId: MEMBER,
  reservationId: uuidv7(),
  lines: linesOf(credits),
  ttlMs: 3_600_000,
});
const consumeOf = (credits: bigint): Command => ({
  ...cause,
  ...useBy,
  kind: 'consume',
  billingEntityId: MEMBER,
  lines: linesOf(credits),
  metadata: null,
  occurredAt: null,
});

/** What the member has that did not come out of the pool, grant by grant: all of it, and what holds keep. */
const ownOf = ({ grants, held }: Account) =>
  grants
    .filter(({ root }) => root.billingEntityId !== POOL)
    .map((grant) => [grant.id, grant.remaining, heldOf(grants, held, grant)]);

describe('credits that go back to a pool', () => {
  it('are what came from it and no hold keeps, however grants, use and holds mix: nobody drains a member', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('buy' as const), credits: fc.bigInt(1n, 50n), priority: fc.constantFrom(10, 50) }),
      fc.record({ do: fc.constant('give' as const), credits: fc.bigInt(1n, 50n) }),
      fc.record({ do: fc.constant('use' as const), credits: fc.bigInt(0n, 30n) }),
      fc.record({ do: fc.constant('hold' as const), credits: fc.bigInt(1n, 30n) }),
      fc.record({ do: fc.constant('take' as const), credits: fc.bigInt(1n, 60n) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const ledger = new PureLedger().open(POOL, NOW).open(MEMBER, NOW);
        for (const priority of [10, 50, 90]) ledger.execute(grantOf(POOL, 500n, priority), NOW);
        for (const each of steps) {
          const { credits } = each;
          switch (each.do) {
            case 'buy':
              ledger.execute(grantOf(MEMBER, credits, each.priority), NOW);
              break;
            case 'give':
              ledger.execute(moveOf(POOL, MEMBER, credits, false), NOW);
              break;
            case 'use':
              ledger.execute(consumeOf(credits), NOW);
              break;
            case 'hold':
              ledger.execute(reserveOf(credits), NOW);
              break;
            case 'take': {
              const before = ownOf(ledger.account(MEMBER));
              const decision = ledger.execute(moveOf(MEMBER, POOL, credits, true), NOW);
              expect(ownOf(ledger.account(MEMBER))).toEqual(before);
              if (decision.kind === 'refused') {
                // As much as it says can be had, and not one more.
                expect(decision.available).toBeLessThan(credits);
              }
            }
          }
        }
        expect([POOL, MEMBER].flatMap((id) => ledger.verify(id).problems)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('leave what a hold keeps of them, so that it does not come to rest on the member’s own', () => {
    const ledger = new PureLedger().open(POOL, NOW).open(MEMBER, NOW);
    ledger.execute(grantOf(POOL, 100n, 10), NOW);
    ledger.execute(grantOf(MEMBER, 100n, 50), NOW);
    ledger.execute(moveOf(POOL, MEMBER, 100n, false), NOW);
    ledger.execute(reserveOf(60n), NOW);
    expect(ledger.execute(moveOf(MEMBER, POOL, 41n, true), NOW)).toMatchObject({ kind: 'refused', available: 40n });
    expect(ledger.execute(moveOf(MEMBER, POOL, 40n, true), NOW)).toMatchObject({ kind: 'applied' });
    expect(ledger.account(POOL).available).toBe(40n);
    expect(ledger.account(MEMBER)).toMatchObject({ available: 100n, held: 60n });
  });
});

describe('who may move what', () => {
  let installation: Installation;
  let owner: Person;
  let admin: Person;
  let member: Person;
  let stranger: Person;
  let pool: string;
  let other: string;

  beforeAll(async () => {
    installation = await Installation.open();
    [owner, admin, member, stranger] = (await Promise.all(
      Array.from({ length: 4 }, () => installation.person(100n)),
    )) as [Person, Person, Person, Person];
    const create = async (principal: Principal, externalId: string): Promise<string> => {
      const input = { externalId, name: externalId, visibility: 'PRIVATE', ownerExternalId: null } as const;
      return (await installation.one.organizations.create(principal, input)).billingEntityId;
    };
    pool = await create(owner.principal, 'pool');
    other = await create(stranger.principal, 'other');
    await installation.grant(pool, 1_000n);
    await installation.grant(other, 1_000n);
    await set(admin, 'ADMIN');
    await set(member, 'MEMBER');
  });

  afterAll(() => installation.close());

  const set = (person: Person, role: 'ADMIN' | 'BILLING' | 'MEMBER', status: 'ACTIVE' | 'SUSPENDED' = 'ACTIVE') =>
    installation.one.members.set(OPERATOR, {
      billingEntityId: pool,
      userExternalId: person.externalId,
      role,
      status,
      reason: null,
    });

  /** What it came to: `done`, what is insufficient, or the code of the refusal. */
  async function move(principal: Principal, from: string, to: string, amount: bigint): Promise<string> {
    try {
      const result = await installation.one.transfers.transfer(principal, {
        idempotencyKey: installation.key(),
        fromBillingEntityId: from,
        toBillingEntityId: to,
        amount,
        reason: null,
      });
      return result.kind === 'success' ? 'done' : `only ${result.available}`;
    } catch (error) {
      return (error as Refusal).code;
    }
  }

  it('is an OWNER or ADMIN from the pool to members, and back what came from it: not one credit of a member’s own', async () => {
    for (const { principal } of [owner, admin]) {
      expect(await move(principal, pool, member.id, 30n)).toBe('done');
      expect(await move(principal, member.id, pool, 31n)).toBe('only 30');
      expect(await move(principal, member.id, pool, 30n)).toBe('done');
      expect(await move(principal, member.id, pool, 1n)).toBe('only 0');
    }
    expect(await installation.one.accounts.balance(member.id)).toMatchObject({ available: 100n });
    await installation.expectProven(pool, member.id);
  });

  it('is nobody else, and what they do not see does not exist', async () => {
    for (const { principal } of [owner, admin]) {
      // No member of theirs: like nobody at all.
      for (const id of [stranger.id, other, uuidv7()]) {
        expect(await move(principal, pool, id, 1n)).toBe('NOT_FOUND');
        expect(await move(principal, id, pool, 1n)).toBe('NOT_FOUND');
      }
      expect(await move(principal, member.id, admin.id, 1n)).toBe('NOT_FOUND');
    }
    for (const role of ['BILLING', 'MEMBER'] as const) {
      await set(member, role);
      expect(await move(member.principal, pool, member.id, 1n)).toBe('FORBIDDEN');
      for (const id of [admin.id, stranger.id, uuidv7()]) {
        expect(await move(member.principal, pool, id, 1n)).toBe('NOT_FOUND');
        expect(await move(member.principal, id, pool, 1n)).toBe('NOT_FOUND');
      }
    }
    for (const id of [pool, member.id, uuidv7()]) {
      expect(await move(stranger.principal, id, stranger.id, 1n)).toBe('NOT_FOUND');
      expect(await move(stranger.principal, stranger.id, id, 1n)).toBe('NOT_FOUND');
      expect(await move(stranger.principal, id, id, 1n)).toBe('NOT_FOUND');
    }
    expect(await move(SERVICE, pool, member.id, 1n)).toBe('FORBIDDEN');
    expect(await move(SERVICE, member.id, pool, 1n)).toBe('FORBIDDEN');
    expect(await move(owner.principal, pool, pool, 1n)).toBe('BAD_USER_INPUT');
    for (const [from, to] of [
      [pool, uuidv7()],
      [uuidv7(), pool],
    ] as const) {
      expect(await move(OPERATOR, from, to, 1n)).toBe('NOT_FOUND');
    }
  });

  it('is a person their own to an organization they belong to, unless they are suspended there; it stays theirs to nobody’s taking', async () => {
    await set(member, 'MEMBER');
    expect(await move(member.principal, member.id, other, 1n)).toBe('NOT_FOUND');
    expect(await move(member.principal, member.id, pool, 20n)).toBe('done');
    expect(await move(owner.principal, pool, member.id, 20n)).toBe('done');
    await set(member, 'MEMBER', 'SUSPENDED');
    expect(await move(member.principal, member.id, pool, 1n)).toBe('FORBIDDEN');
    await set(member, 'MEMBER');
    expect(await move(OPERATOR, member.id, stranger.id, 1n)).toBe('done');
    await installation.expectProven(pool, member.id, stranger.id);
  });

  it('tells each side’s balance to whom it may', async () => {
    const transfer = (principal: Principal, from: string, to: string) =>
      installation.one.transfers.transfer(principal, {
        idempotencyKey: installation.key(),
        fromBillingEntityId: from,
        toBillingEntityId: to,
        amount: 1n,
        reason: null,
      });
    expect(await transfer(owner.principal, pool, member.id)).toMatchObject({
      from: { billingEntityId: pool },
      to: null,
    });
    expect(await transfer(owner.principal, member.id, pool)).toMatchObject({
      from: null,
      to: { billingEntityId: pool },
    });
    expect(await transfer(member.principal, member.id, pool)).toMatchObject({
      from: { billingEntityId: member.id },
      to: { billingEntityId: pool },
    });
  });
});

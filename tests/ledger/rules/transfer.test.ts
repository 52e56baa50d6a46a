import type { Command } from '../../../src/ledger/rules/commands.ts';
import { PureLedger } from './pure-ledger.ts';
import { at, ENTITY, grantOf, HOLD, reserveOf, settleOf, START, useOf } from './proven-account.ts';

describe('credits in several accounts', () => {
  const OTHER = '01900000-0000-7000-8000-000000000002';
  const THIRD = '01900000-0000-7000-8000-000000000003';
  const start = (): PureLedger => new PureLedger().open(ENTITY, START).open(OTHER, START).open(THIRD, START);
  const transferOf = (from: string, to: string, amount: bigint): Command => ({
    kind: 'transfer',
    isReturn: false,
    billingEntityId: from,
    toBillingEntityId: to,
    actor: 'test',
    idempotency: null,
    amount,
    reason: null,
  });
  const clawbackOf = (grantId: string, target: bigint, elsewhere: readonly string[] = []): Command => ({
    kind: 'clawback',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    grantId,
    target,
    elsewhere,
    reason: 'charge refunded',
  });
  /** Transferred credits that were used, expired, and were then refunded. */
  const refundedWhenExpired = (): PureLedger => {
    const ledger = start();
    const expiresAt = at('2026-03-11T00:00:00Z');
    ledger.execute(grantOf(100n, { expiresAt }), START);
    ledger.execute(transferOf(ENTITY, OTHER, 30n), START);
    ledger.execute({ ...useOf(100n), billingEntityId: OTHER }, START);
    const cause = { billingEntityId: OTHER, actor: 'test', idempotency: null, reason: 'x' };
    const refund = { kind: 'refund', ...cause, record: { sequence: 2n, line: 0 } } as const;
    expect(ledger.execute(refund, expiresAt)).toMatchObject({ kind: 'applied' });
    return ledger;
  };
  const proven = (ledger: PureLedger): void => {
    expect([ENTITY, OTHER, THIRD].flatMap((id) => ledger.verify(id).problems)).toEqual([]);
  };

  it('keep their root, priority, class and expiry where they are transferred to (rule 23)', () => {
    const ledger = start();
    const expiresAt = at('2026-05-01T00:00:00Z');
    ledger.execute(grantOf(100n, { expiresAt, priority: 20 }), START);
    ledger.execute(grantOf(7n, { source: 'PROMOTION' }), START);
    expect(ledger.execute(transferOf(ENTITY, OTHER, 30n), START)).toMatchObject({ kind: 'applied' });
    expect(ledger.execute(transferOf(ENTITY, OTHER, 5n), START)).toMatchObject({ kind: 'applied' });
    const [root] = [...ledger.grants.values()];
    expect(ledger.account(OTHER).grants).toMatchObject([
      {
        source: 'TRANSFER',
        amount: 35n,
        remaining: 35n,
        priority: 20,
        expiresAt,
        root: { grantId: root?.id, source: 'PURCHASE' },
      },
    ]);
    expect(ledger.entriesOf(OTHER).map((entry) => [entry.kind, entry.amount, entry.counterpartyId])).toEqual([
      ['TRANSFER_IN', 30n, ENTITY],
      ['TRANSFER_IN', 5n, ENTITY],
    ]);
    // The promotion stays, so 65 may leave and not 72.
    expect(ledger.execute(transferOf(ENTITY, OTHER, 66n), START)).toMatchObject({ kind: 'refused', available: 65n });
    proven(ledger);
    const may = at('2026-05-01T00:00:00Z');
    expect([ENTITY, OTHER].map((id) => ledger.advance(id, may).available)).toEqual([7n, 0n]);
    proven(ledger);
  });

  it('name the account that transferred them, and join only what came from the same one', () => {
    const ledger = start();
    ledger.execute(grantOf(100n), START);
    for (const to of [OTHER, THIRD]) ledger.execute(transferOf(ENTITY, to, 30n), START);
    ledger.execute(transferOf(THIRD, OTHER, 10n), START);
    ledger.execute(transferOf(ENTITY, OTHER, 5n), START);
    ledger.execute(transferOf(THIRD, OTHER, 1n), START);
    expect(ledger.account(OTHER).grants).toMatchObject([
      { amount: 35n, transferredBy: ENTITY, root: { billingEntityId: ENTITY } },
      { amount: 11n, transferredBy: THIRD, root: { billingEntityId: ENTITY } },
    ]);
    expect(ledger.account(ENTITY).grants).toMatchObject([{ transferredBy: null }]);
    proven(ledger);
  });

  it('are refunded to a grant like theirs when they have expired, which names who transferred them too', () => {
    const ledger = refundedWhenExpired();
    expect(ledger.account(OTHER).grants.filter(({ state }) => state === 'ACTIVE')).toMatchObject([
      { source: 'TRANSFER', remaining: 10n, transferredBy: ENTITY },
    ]);
    proven(ledger);
  });

  it('are proven to be whose they say, in grants that were transferred and in those that replace them', () => {
    const ledger = refundedWhenExpired();
    for (const grant of [...ledger.grants.values()]) {
      ledger.grants.set(grant.id, { ...grant, transferredBy: THIRD });
      expect(ledger.verify(grant.billingEntityId).problems).toContainEqual(
        expect.stringMatching(`grant ${grant.id}: transferred by is ${THIRD}, the ledger says `),
      );
      ledger.grants.set(grant.id, grant);
    }
    proven(ledger);
  });

  it('cannot leave while they are held or owed, and pay first what is owed where they come', () => {
    const ledger = start();
    ledger.execute(grantOf(100n), START);
    ledger.execute(reserveOf(600n, HOLD), START);
    expect(ledger.execute(transferOf(ENTITY, OTHER, 41n), START)).toMatchObject({ kind: 'refused', available: 40n });
    ledger.execute({ ...reserveOf(0n, '01900000-0000-7000-8000-00000000a002'), billingEntityId: OTHER }, START);
    ledger.execute(settleOf(250n, '01900000-0000-7000-8000-00000000a002', { billingEntityId: OTHER }), START);
    expect(ledger.account(OTHER)).toMatchObject({ owed: 25n });
    ledger.execute(transferOf(ENTITY, OTHER, 40n), START);
    expect(ledger.account(OTHER)).toMatchObject({ owed: 0n, available: 15n });
    proven(ledger);
  });

  it('are clawed back from what is left, then from what lapsed, then wherever they are; the rest is owed (rule 24)', () => {
    const ledger = start();
    const grant = grantOf(100n, { expiresAt: at('2026-05-01T00:00:00Z') });
    ledger.execute(grant, START);
    const { grantId } = grant as Extract<Command, { kind: 'grant' }>;
    ledger.execute(useOf(300n), START);
    ledger.execute(transferOf(ENTITY, OTHER, 30n), START);
    ledger.execute(transferOf(OTHER, THIRD, 10n), START);
    // 40 are left here, 20 with the second, 10 with the third; 30 were used.
    expect(ledger.execute(clawbackOf(grantId, 50n, [OTHER]), START)).toMatchObject({ code: 'CONFLICT' });
    expect(ledger.execute(clawbackOf(grantId, 50n, [OTHER, THIRD]), START)).toMatchObject({ kind: 'applied' });
    expect([ENTITY, OTHER, THIRD].map((id) => ledger.account(id).available)).toEqual([0n, 10n, 10n]);
    // Again with the same target: nothing. With all of it: the rest wherever it is, and what was used becomes owed.
    expect(ledger.execute(clawbackOf(grantId, 50n, [OTHER, THIRD]), START)).toMatchObject({ entries: [] });
    ledger.execute(clawbackOf(grantId, 100n, [OTHER, THIRD]), START);
    expect([ENTITY, OTHER, THIRD].map((id) => ledger.account(id).available)).toEqual([0n, 0n, 0n]);
    expect(ledger.account(ENTITY)).toMatchObject({ owed: 30n, owedThisPeriod: 0n });
    expect(ledger.grants.get(grantId)).toMatchObject({ clawed: 100n, voidedAt: START, remaining: 0n });
    expect(ledger.execute(clawbackOf(grantId, 101n, [OTHER, THIRD]), START)).toMatchObject({
      code: 'BAD_USER_INPUT',
    });
    proven(ledger);
  });

  it('that lapsed unused cost nothing when they are clawed back', () => {
    const ledger = start();
    const grant = grantOf(100n, { expiresAt: at('2026-03-11T00:00:00Z') });
    ledger.execute(grant, START);
    ledger.execute(useOf(300n), START);
    const later = at('2026-03-12T00:00:00Z');
    ledger.advance(ENTITY, later);
    ledger.execute(clawbackOf((grant as Extract<Command, { kind: 'grant' }>).grantId, 80n), later);
    expect(ledger.account(ENTITY)).toMatchObject({ available: 0n, owed: 10n });
    proven(ledger);
  });

  it('are paid back at once from other credits when a clawback leaves a debt (rule 8)', () => {
    const ledger = start();
    const grant = grantOf(100n, { priority: 10 });
    ledger.execute(grant, START);
    ledger.execute(useOf(1_000n), START);
    ledger.execute(grantOf(70n), START);
    const decision = ledger.execute(clawbackOf((grant as Extract<Command, { kind: 'grant' }>).grantId, 100n), START);
    expect(decision.kind === 'applied' && decision.entries.map((entry) => [entry.kind, entry.amount])).toEqual([
      ['CLAWBACK', -0n],
      ['REPAYMENT', -70n],
    ]);
    expect(ledger.account(ENTITY)).toMatchObject({ available: 0n, owed: 30n });
    proven(ledger);
  });
});

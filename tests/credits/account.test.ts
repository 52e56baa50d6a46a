import fc from 'fast-check';
import {
  type Account,
  accountTime,
  applyDue,
  balanceOf,
  chain,
  type Command,
  decide,
  dueAt,
  openAccount,
} from '../../src/credits/account.ts';
import { sumRemaining } from '../../src/credits/grants.ts';
import { Verifier } from '../../src/credits/verifier.ts';
import { RATES } from '../../src/plans/rates.ts';
import { draft, pauseHours } from './commands.ts';
import { Model } from './model.ts';

const ENTITY = '01900000-0000-7000-8000-000000000001';
const START = new Date('2026-03-10T12:00:00.000Z');

const at = (text: string): Date => new Date(text);

function execute(account: Account, command: Command, now: Date) {
  const due = applyDue(account, accountTime(account, now));
  const decision = decide(due.account, command, accountTime(due.account, now));
  return decision.kind === 'applied' ? chain(due, decision) : { ...due, decision };
}

function grantOf(amount: bigint, terms: Partial<Extract<Command, { kind: 'grant' }>> = {}): Command {
  return {
    kind: 'grant',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    grantId: `01900000-0000-7000-8000-${amount.toString().padStart(12, '0')}`,
    source: 'PURCHASE',
    amount,
    priority: 50,
    effectiveAt: null,
    expiresAt: null,
    reason: null,
    ...terms,
  };
}

function useOf(tokens: bigint): Command {
  return {
    kind: 'consume',
    billingEntityId: ENTITY,
    actor: 'test',
    idempotency: null,
    lines: [{ quantity: tokens, rate: RATES.AI_TOKENS }],
    userId: ENTITY,
    billingMode: 'FULL',
    metadata: null,
    occurredAt: null,
  };
}

describe('the pure core', () => {
  it('agrees with a naive model on any history, and its ledger rebuilds the account', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(pauseHours, draft), { maxLength: 80 }), (history) => {
        const model = new Model();
        let account = openAccount(ENTITY, START);
        let done = applyDue(account, START);
        let now = START;
        for (const [hours, make] of history) {
          now = new Date(now.getTime() + hours * 3_600_000);
          // The account's time, which the model must share, never runs backwards.
          const command = make({ billingEntityId: ENTITY, now: accountTime(account, now), key: null });
          const due = applyDue(account, accountTime(account, now));
          const decision = decide(due.account, command, accountTime(due.account, now));
          const answer = model.at(accountTime(account, now)).execute(command);

          expect({ applied: 'done', refused: 'refused', rejected: 'rejected' }[decision.kind]).toBe(answer);
          done = chain(done, decision.kind === 'applied' ? chain(due, decision) : due);
          account = done.account;
          expect(account.available).toBe(model.available);
          expect(account.used).toBe(model.used);
          expect(sumRemaining(account.grants)).toBe(account.available);
        }

        const verifier = new Verifier(account);
        for (const entry of done.entries) {
          verifier.entry(
            entry,
            done.records.filter((record) => record.sequence === entry.sequence),
          );
        }
        const grants = new Map(done.grants.map((grant) => [grant.id, grant]));
        expect(verifier.finish(grants.values()).problems).toEqual([]);
        for (const grant of model.grants) {
          const stored = grants.get(grant.id);
          expect(stored?.remaining).toBe(grant.left);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('draws by priority, then sooner expiry, then promotional before paid, then older (rule 5)', () => {
    let account = openAccount(ENTITY, START);
    const expiresAt = at('2026-04-01T00:00:00Z');
    const grants = [
      grantOf(1n),
      grantOf(2n, { source: 'PROMOTION' }),
      grantOf(3n, { expiresAt }),
      grantOf(4n, { priority: 10 }),
    ];
    for (const grant of grants) account = execute(account, grant, START).account;
    const { records } = execute(account, useOf(100n), START);
    expect(records[0]?.draws.map((draw) => draw.credits)).toEqual([4n, 3n, 2n, 1n]);
  });

  it('lets a grant of later count from its instant, with an entry of its own', () => {
    const later = at('2026-03-11T00:00:00Z');
    const { account, entries } = execute(openAccount(ENTITY, START), grantOf(70n, { effectiveAt: later }), START);
    expect(account.available).toBe(0n);
    expect(entries.map((entry) => entry.amount)).toEqual([0n]);
    expect(dueAt(account)).toEqual(later);
    const due = applyDue(account, later);
    expect(due.account.available).toBe(70n);
    expect(due.entries.map((entry) => [entry.kind, entry.amount])).toEqual([['GRANT', 70n]]);
  });

  it('turns the period once, however late, and never back (rule 13)', () => {
    let { account } = execute(openAccount(ENTITY, START), grantOf(1_000n), START);
    ({ account } = execute(account, useOf(1_000n), START));
    expect(account.used).toBe(100n);
    const late = applyDue(account, at('2026-07-20T00:00:00Z')).account;
    expect(late.used).toBe(0n);
    expect(late.period).toEqual({ start: at('2026-07-01T00:00:00Z'), end: at('2026-08-01T00:00:00Z') });
    expect(late.version).toBe(account.version + 1n);
    const back = applyDue(late, accountTime(late, at('2026-06-30T23:59:59Z')));
    expect(back.account).toBe(late);
  });

  it('carries fractions over periods and keeps them through refusals (rule 2)', () => {
    let { account } = execute(openAccount(ENTITY, START), grantOf(1n), START);
    ({ account } = execute(account, useOf(9n), START));
    const refused = execute(account, useOf(1_000n), START);
    expect(refused.account.carries.AI_TOKENS).toEqual({ numerator: 9n, denominator: 10n });
    const charged = execute(refused.account, useOf(1n), at('2026-05-01T00:00:00Z'));
    expect(charged.records[0]?.credits).toBe(1n);
  });

  it('measures use against the allowance (rule 9)', () => {
    const empty = openAccount(ENTITY, START);
    expect(balanceOf(empty, START).usedRatio).toBe(0);
    let { account } = execute(empty, grantOf(100n), START);
    ({ account } = execute(account, useOf(250n), START));
    expect(balanceOf(account, START)).toMatchObject({ available: 75n, used: 25n, allowance: 100n, usedRatio: 0.25 });
  });

  it('refuses suspended accounts even what costs nothing (rule 18)', () => {
    const account = { ...openAccount(ENTITY, START), suspended: true };
    expect(decide(account, useOf(0n), START)).toMatchObject({ kind: 'refused', reason: 'ENTITY_SUSPENDED' });
  });

  it('keeps every amount within what a JSON integer carries', () => {
    const { account } = execute(openAccount(ENTITY, START), grantOf(2n ** 53n - 1n), START);
    expect(decide(account, grantOf(1n), START)).toMatchObject({ kind: 'rejected', code: 'BAD_USER_INPUT' });
  });
});

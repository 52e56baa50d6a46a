import fc from 'fast-check';
import { newAccount } from '../../src/ledger/rules/account.ts';
import {
  answering,
  type EarlierEffect,
  EarlierEffects,
  earlierAnswer,
  keyTaken,
} from '../../src/ledger/rules/answered-again.ts';
import type { AdjustCommand, ConsumeCommand, SettleCommand } from '../../src/ledger/rules/commands.ts';

const ACCOUNTS = ['the pool', 'the user'];
const PEOPLE = ['ann', 'ben', 'the platform'];

const effect = (billingEntityId: string): fc.Arbitrary<EarlierEffect> =>
  fc.record({
    billingEntityId: fc.constant(billingEntityId),
    key: fc.constant('key'),
    fingerprint: fc.constant(Buffer.alloc(16)),
    sequence: fc.bigInt(1n, 9n),
    actor: fc.constantFrom(...PEOPLE),
    userId: fc.option(fc.constantFrom(...PEOPLE)),
    balance: fc.constant(null),
  });

describe('who is answered again (rule 20)', () => {
  it('is who caused it, whom it was for, and who sees the account; their own goes first, and of the balance now only who sees hears', () => {
    const effects = fc
      .tuple(...ACCOUNTS.map((id) => fc.option(effect(id))))
      .map((all) => all.filter((each) => each !== null));
    const caller = fc.record({
      actor: fc.constantFrom(...PEOPLE),
      entityId: fc.option(fc.constantFrom(...PEOPLE)),
      seen: fc.subarray(ACCOUNTS),
      hearsOnlyOwn: fc.boolean(),
    });
    fc.assert(
      fc.property(effects, caller, (all, { seen, ...who }) => {
        const found = answering(all, { ...who, sees: (id) => seen.includes(id) });
        // Every effect by itself, and then which of those that count stands first.
        const isOwn = (each: EarlierEffect): boolean =>
          each.actor === who.actor || (who.entityId !== null && each.userId === who.entityId);
        const counts = (each: EarlierEffect): boolean =>
          isOwn(each) || (!who.hearsOnlyOwn && seen.includes(each.billingEntityId));
        const ranked = all
          .filter(counts)
          .map((each, index) => ({ each, rank: (isOwn(each) ? 0 : 10) + index }))
          .sort((a, b) => a.rank - b.rank);
        expect(found?.effect).toBe(ranked[0]?.each);
        if (found !== null) expect(found.seen).toBe(seen.includes(found.effect.billingEntityId));
      }),
      { numRuns: 500 },
    );
  });
});

describe('a key that is sent again (rule 20)', () => {
  const account = newAccount('the user', new Date(0));
  const fingerprint = Buffer.alloc(16);
  const adjustment: AdjustCommand = {
    kind: 'adjust',
    billingEntityId: 'the user',
    actor: 'ann',
    idempotency: { key: 'key', fingerprint },
    grantId: 'grant',
    amount: 1n,
    reason: 'test',
  };
  const earlier = (changes: Partial<EarlierEffect> = {}): EarlierEffects => {
    const effect = { billingEntityId: 'the user', key: 'key', fingerprint, sequence: 7n, actor: 'ann' };
    return new EarlierEffects([{ ...effect, userId: null, balance: null, ...changes }], () => false);
  };
  const reused = { kind: 'rejected', code: 'IDEMPOTENCY_KEY_REUSED' };

  it('is answered by its effect, and rejected with other input; another key and no key are decided', () => {
    expect(earlierAnswer(adjustment, account, earlier())).toMatchObject({ effect: { sequence: 7n }, seen: false });
    expect(earlierAnswer(adjustment, account, earlier({ fingerprint: Buffer.alloc(16, 1) }))).toMatchObject(reused);
    expect(earlierAnswer(adjustment, account, earlier({ key: 'another' }))).toBeNull();
    expect(earlierAnswer({ ...adjustment, idempotency: null }, account, earlier())).toBeNull();
  });

  it('passes over an effect that is not theirs to hear of, and is rejected only where it would take effect in that account', () => {
    const hidden = earlier({ actor: 'ben' });
    expect(earlierAnswer(adjustment, account, hidden)).toBeNull();
    expect(keyTaken(adjustment, hidden)).toMatchObject(reused);
    expect(keyTaken({ ...adjustment, billingEntityId: 'the pool' }, hidden)).toBeNull();
    expect(keyTaken({ ...adjustment, idempotency: null }, hidden)).toBeNull();
  });

  it('is looked for in every account that use could have been charged to', () => {
    const consumption: ConsumeCommand = {
      kind: 'consume',
      billingEntityId: 'the pool',
      otherPayers: ['the user'],
      actor: 'ann',
      idempotency: { key: 'key', fingerprint },
      userId: 'the user',
      organizationId: 'the pool',
      apiKey: null,
      lines: [],
      billingMode: 'FULL',
      feature: null,
      metadata: null,
      occurredAt: null,
    };
    expect(earlierAnswer(consumption, account, earlier())).toMatchObject({ effect: { billingEntityId: 'the user' } });
    expect(earlierAnswer({ ...consumption, otherPayers: [] }, account, earlier())).toBeNull();
  });

  it('is another input for a settlement that names another user, organization, key or feature than its reservation has', () => {
    const reservation = {
      billingEntityId: 'the user',
      id: 'reservation',
      status: 'SETTLED',
      covered: 1n,
      overage: 0n,
      userId: 'the user',
      organizationId: null,
      apiKey: { billingEntityId: 'the user', id: 'api key' },
      billingMode: 'FULL',
      feature: 'feature',
      actor: 'ann',
      expiresAt: new Date(1),
      createdAt: new Date(0),
      openedSequence: 6n,
      closedSequence: 7n,
    } as const;
    const settlement: SettleCommand = {
      kind: 'settle',
      billingEntityId: 'the user',
      actor: 'ann',
      idempotency: { key: 'key', fingerprint },
      reservationId: 'reservation',
      anyReservation: false,
      lines: [],
      userId: 'the user',
      organizationId: undefined,
      apiKeyId: 'api key',
      feature: 'feature',
      metadata: null,
      occurredAt: null,
    };
    const settled = { ...account, reservations: new Map([['reservation', reservation]]) };
    const answerTo = (changes: Partial<SettleCommand>): unknown =>
      earlierAnswer({ ...settlement, ...changes }, settled, earlier());
    expect(answerTo({})).toMatchObject({ effect: { sequence: 7n } });
    expect(answerTo({ userId: 'ben' })).toMatchObject(reused);
    expect(answerTo({ organizationId: 'the pool' })).toMatchObject(reused);
    expect(answerTo({ apiKeyId: 'another' })).toMatchObject(reused);
    expect(answerTo({ feature: 'another' })).toMatchObject(reused);
  });
});

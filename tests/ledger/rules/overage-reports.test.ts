import { v7 as uuidv7 } from 'uuid';
import { balanceOf } from '../../../src/ledger/rules/account.ts';
import type { Decision } from '../../../src/ledger/rules/commands.ts';
import { UNDELIVERED } from '../../../src/ledger/rules/delivery.ts';
import type { DeliveredReport, Delivery } from '../../../src/ledger/rules/entries.ts';
import { at, base, HOLD, START, subscriber, UNIT } from './subscriber.ts';

describe('reports of overage (rule 28)', () => {
  it('freeze what no report has yet, once, stamped with the instant', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.now = at('2026-03-11T00:00:00Z');
    payer.report();
    payer.report();
    payer.use(5n);
    payer.report();
    expect(payer.ledger.reports.map(({ credits, stampedAt }) => [credits, stampedAt])).toEqual([
      [40n, at('2026-03-10T23:59:59.999Z')],
      [5n, at('2026-03-10T23:59:59.999Z')],
    ]);
    expect(payer.ledger.reports[0]).toMatchObject({
      subscriptionId: 'sub_1',
      period: { start: START, end: at('2026-04-10T12:00:00Z') },
    });
    expect(payer.account).toMatchObject({ overageTotal: 45n, overageReported: 45n });
  });

  it('are made by the turn, stamped inside the period that ends, however late', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.at('2026-06-01T00:00:00Z');
    expect(payer.ledger.reports).toMatchObject([{ credits: 40n, stampedAt: at('2026-04-10T11:59:59.999Z') }]);
    payer.use(UNIT + 7n);
    payer.now = at('2026-06-02T00:00:00Z');
    payer.ended();
    expect(payer.ledger.reports[1]).toMatchObject({ credits: 7n, stampedAt: at('2026-06-01T23:59:59.999Z') });
    expect(payer.account).toMatchObject({ overageTotal: 47n, overageReported: 47n, overage: 0n });
  });

  it('of a subscription that the provider turned before us are stamped before it did', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.now = at('2026-03-20T08:00:09Z');
    payer.sync({ anchor: at('2026-03-20T08:00:00Z') });
    expect(payer.ledger.reports).toMatchObject([{ credits: 40n, stampedAt: at('2026-03-20T07:59:59.999Z') }]);
  });

  it('of work that outlived its subscription name none', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT);
    payer.reserve(30n, HOLD, 3_600_000);
    payer.now = at('2026-03-10T12:10:00Z');
    payer.ended();
    payer.settle(50n, HOLD);
    expect(payer.account).toMatchObject({ overage: 30n, owed: 20n });
    payer.at('2026-04-01T00:00:00Z');
    expect(payer.ledger.reports).toMatchObject([{ subscriptionId: null, credits: 30n }]);
  });

  it('are noted as delivered while they are as they were read, and change nothing else', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.report();
    const [read] = payer.ledger.reports as [DeliveredReport];
    expect(read).toMatchObject(UNDELIVERED);
    const before = payer.account;
    const trying = { ...UNDELIVERED, attempts: 1 };
    const deliver = (seen: DeliveredReport, delivery: Delivery): Decision =>
      payer.try({ ...base, kind: 'delivered', seen, delivery });
    expect(deliver(read, trying)).toMatchObject({ kind: 'applied', accounts: [], entries: [], reports: [] });
    expect(payer.ledger.reports).toEqual([{ ...read, attempts: 1 }]);
    expect(payer.account).toEqual(before);

    const sent = { state: 'SENT', attempts: 1, error: null, sentAt: payer.now } as const;
    const changed = { kind: 'rejected', code: 'CONFLICT' };
    expect(deliver(read, trying)).toMatchObject(changed);
    expect(deliver({ ...read, ...trying, credits: 41n }, sent)).toMatchObject(changed);
    expect(deliver({ ...read, ...trying, stampedAt: new Date(0) }, sent)).toMatchObject(changed);
    expect(deliver({ ...read, ...trying, id: uuidv7() }, sent)).toMatchObject({ kind: 'rejected', code: 'NOT_FOUND' });
    expect(deliver({ ...read, ...trying }, sent)).toMatchObject({ kind: 'applied' });
    expect(payer.ledger.reports).toEqual([{ ...read, ...sent }]);
  });

  it('are not taken back by a refund: what is reported becomes credits, what is not is taken off (rule 22)', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT);
    payer.use(25n);
    payer.report();
    payer.use(10n);
    payer.use(20n);
    // Thirty are unreported: this record's twenty are taken off whole.
    expect(payer.refund(-1)).toEqual([['REFUND', 0n]]);
    expect(payer.account).toMatchObject({ overage: 35n, overageTotal: 35n, used: UNIT + 35n, available: 0n });
    // Of these twenty-five, as much as is still unreported; the rest is on a bill, and comes as credits.
    expect(payer.refund(1)).toEqual([
      ['REFUND', 0n],
      ['REFUND', 15n],
    ]);
    expect(payer.account).toMatchObject({ overage: 25n, overageTotal: 25n, overageReported: 25n, available: 15n });
    expect(balanceOf(payer.account, payer.now).allowance >= 0n).toBe(true);
  });

  it('of an earlier period are on its bill: their refund is credits', () => {
    const payer = subscriber();
    payer.policy(true);
    payer.use(UNIT + 40n);
    payer.sync({ paymentStanding: 'GOOD', status: 'PAUSED' });
    payer.at('2026-04-10T12:00:00Z').use(9n);
    payer.refund(0);
    expect(payer.account).toMatchObject({ overage: 9n, overageTotal: 49n, overageReported: 40n });
    expect(
      [...payer.ledger.grants.values()].map(({ source, amount, expiresAt }) => [source, amount, expiresAt]),
    ).toEqual([
      ['SUBSCRIPTION', UNIT, at('2026-04-10T12:00:00Z')],
      ['SUBSCRIPTION', UNIT, at('2026-05-10T12:00:00Z')],
      ['ADJUSTMENT', 40n, null],
    ]);
  });
});

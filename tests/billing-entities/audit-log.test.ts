import { Installation, OPERATOR, SERVICE } from '../support/installation.ts';
import { administrationOf, EVERYTHING } from './administration.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());
const { codeOf, audited } = administrationOf(() => installation);

describe('the audit log', () => {
  it('has what operators do by hand, on both sides of a transfer, once for each key', async () => {
    const [ann, ben] = await Promise.all([installation.person(100n), installation.person(0n)]);
    const input = {
      idempotencyKey: 'audited',
      fromBillingEntityId: ann.id,
      toBillingEntityId: ben.id,
      amount: 30n,
      reason: 'a gift',
    };
    await Promise.all([0, 1, 0].map((index) => installation.either(index).transfers.transfer(OPERATOR, input)));
    const [sent] = await audited(ann.id);
    const received = await audited(ben.id, { actions: ['credits.transfer'] });
    expect(sent).toMatchObject({
      actor: 'operator:root',
      action: 'credits.transfer',
      subject: ben.id,
      before: { available: 100 },
      after: { available: 70, amount: 30 },
      reason: 'a gift',
    });
    expect(received).toMatchObject([{ subject: ann.id, before: { available: 0 }, after: { available: 30 } }]);
    expect((await audited(ann.id)).map(({ action }) => action)).toEqual([
      'credits.transfer',
      'credits.grant',
      'credits.adjust',
    ]);
  });

  it('has nothing of use, nor of what was refused', async () => {
    const ann = await installation.person(100n);
    const before = await audited(ann.id);
    await installation.one.consumption.consume(SERVICE, installation.use(ann, 100));
    const tooMuch = { idempotencyKey: installation.key(), billingEntityId: ann.id, amount: -1_000n, reason: 'x' };
    expect(await codeOf(installation.one.administration.adjust(OPERATOR, tooMuch))).toBe('CONFLICT');
    expect(await audited(ann.id)).toEqual(before);
  });

  it('has a suspension and its end, each once', async () => {
    const ann = await installation.person(0n);
    const cause = { billingEntityId: ann.id, actor: 'operator:root' };
    for (const index of [0, 1]) await installation.either(index).entities.suspend({ ...cause, reason: 'abuse' });
    for (const index of [0, 1]) await installation.either(index).entities.reinstate({ ...cause, reason: null });
    expect(await audited(ann.id, { actions: ['entity.suspend', 'entity.reinstate'] })).toMatchObject([
      { action: 'entity.reinstate', before: { status: 'SUSPENDED' }, after: { status: 'ACTIVE' }, reason: null },
      { action: 'entity.suspend', subject: `user:${ann.externalId}`, reason: 'abuse' },
    ]);
    expect(await audited(ann.id, { actors: ['user:nobody'] })).toEqual([]);
  });

  it('is paged newest first, and cannot be rewritten', async () => {
    const ann = await installation.person(5n);
    const page = await installation.one.auditLog.list(ann.id, { first: 1, after: null }, EVERYTHING);
    expect(page.edges[0]?.node.action).toBe('credits.grant');
    const after = page.pageInfo.endCursor;
    const next = await installation.one.auditLog.list(ann.id, { first: 1, after }, EVERYTHING);
    expect(next.edges[0]?.node.action).toBe('credits.adjust');
    await expect(installation.admin.query(`update audit_log_entry set actor = 'nobody'`)).rejects.toThrow();
    await expect(installation.admin.query(`delete from audit_log_entry`)).rejects.toThrow();
  });
});

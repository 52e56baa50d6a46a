import { argsOf, ask } from '../support/ask-resolvers.ts';
import { ANN, ann, BEN, fakeDomain, NOON, operator, planState, service } from '../support/fake-domain.ts';

const ENTITY = `plan { code credits } features
  subscription {
    id plan { code } quantity status currentPeriodStart currentPeriodEnd cancelAtPeriodEnd
    scheduledPlan { code } scheduledQuantity pendingPayment { hostedUrl } graceEndsAt
  }
  overagePolicy { enabled cap }`;

const READ = {
  plan: { code: 'PRO', credits: 500_000 },
  features: ['basic_chatflows', 'all_chatflows'],
  subscription: {
    id: 'sub_1',
    plan: { code: 'PRO' },
    quantity: 2,
    status: 'ACTIVE',
    currentPeriodStart: NOON.toISOString(),
    currentPeriodEnd: '2026-03-11T12:00:00.000Z',
    cancelAtPeriodEnd: false,
    scheduledPlan: { code: 'PRO' },
    scheduledQuantity: 1,
    pendingPayment: null,
    graceEndsAt: null,
  },
  overagePolicy: { enabled: true, cap: 500 },
};

describe('plans and subscriptions', () => {
  it('are read whole by whom they belong to, and by operators', async () => {
    for (const who of [ann, operator]) {
      const { result } = await ask(who, `{ billingEntity(id: "${ANN}") { ${ENTITY} } }`);
      expect(result).toEqual({ codes: [], data: { billingEntity: READ } });
    }
  });

  it('show a platform the plan and its features alone', async () => {
    const { result } = await ask(service, `{ billingEntity(id: "${ANN}") { ${ENTITY} } }`);
    expect(result).toEqual({
      codes: [],
      data: { billingEntity: { ...READ, subscription: null, overagePolicy: null } },
    });
  });

  it('of many entities are read at once', async () => {
    const asked = await ask(
      operator,
      `{ billingEntities { edges { node { id plan { code } features overagePolicy { enabled } } } } }`,
    );
    expect(asked.calls.filter(({ name }) => name === 'subscriptions.byIds')).toHaveLength(1);
    expect(argsOf(asked, 'subscriptions.byIds')).toEqual([[ANN, BEN]]);
  });

  it('tell a feature that the plan grants', async () => {
    const feature = (name: string, who = service, id = ANN) =>
      ask(who, `{ hasFeature(billingEntityId: "${id}", feature: "${name}") }`);
    expect((await feature('all_chatflows')).result).toEqual({ codes: [], data: { hasFeature: true } });
    expect((await feature('teleportation')).result).toEqual({ codes: [], data: { hasFeature: false } });
    expect((await feature('all_chatflows', ann, BEN)).result.codes).toEqual(['NOT_FOUND']);
  });

  it('have a policy for overage that whoever pays sets, and operators; nobody else', async () => {
    const answers = { 'subscriptions.setOveragePolicy': () => planState.overagePolicy };
    const set = (who: typeof ann, id: string, cap: string) =>
      ask(
        who,
        `mutation { setOveragePolicy(input: { billingEntityId: "${id}", enabled: true ${cap} }) { enabled cap } }`,
        { answers },
      );
    const asked = await set(ann, ANN, ', cap: 500');
    expect(asked.result).toEqual({ codes: [], data: { setOveragePolicy: { enabled: true, cap: 500 } } });
    expect(argsOf(asked, 'subscriptions.setOveragePolicy')).toEqual([
      ann,
      { billingEntityId: ANN, enabled: true, cap: 500n },
    ]);
    expect(argsOf(await set(operator, BEN, ''), 'subscriptions.setOveragePolicy')).toEqual([
      operator,
      { billingEntityId: BEN, enabled: true, cap: null },
    ]);
    expect((await set(service, ANN, '')).result.codes).toEqual(['FORBIDDEN']);
    expect((await set(ann, BEN, '')).result.codes).toEqual(['NOT_FOUND']);
    expect(fakeDomain().calls).toEqual([]);
  });
});

import type { Principal } from '../../src/billing-entities/principal.ts';
import { ask, type Asked, names, schema } from '../support/ask-resolvers.ts';
import { permissionsOf } from '../../src/billing-entities/authorization.ts';
import { alertId, apiKeyId, recordId, reservationId, webhookDeliveryId } from '../../src/kernel/public-ids.ts';
import {
  ANN,
  ann,
  balanceOf,
  BEN,
  DELIVERY,
  hold,
  KEY,
  key,
  operator,
  recordOf,
  service,
  TRIAL,
} from '../support/fake-domain.ts';

const LINES = 'lines: [{ resource: AI_TOKENS, quantity: 103 }]';
const GRANT = `idempotencyKey: "g", amount: 5, reason: "a gift"`;

const RETURNS = 'successUrl: "http://localhost/", cancelUrl: "http://localhost/"';

const HOLD_ID = reservationId(ANN, hold.id);
const KEY_ID = apiKeyId(ANN, KEY);
const ALERT_ID = alertId(ANN, 1n);
const DELIVERY_ID = webhookDeliveryId(ANN, DELIVERY);
const RECORD_ID = recordId(ANN, 2n, 0);

/** Every root field, asked for Ann's account. A new one must be added here. */
const ROOT_FIELDS: Record<string, string> = {
  'Query.viewer': '{ viewer { kind } }',
  'Query.billingEntity': `{ billingEntity(id: "${ANN}") { id } }`,
  'Query.node': `{ node(id: "${ANN}") { id } }`,
  'Query.billingEntityByExternalId': '{ billingEntityByExternalId(type: USER, externalId: "ann") { id } }',
  'Query.billingEntities': '{ billingEntities { edges { node { id } } } }',
  'Query.plans': '{ plans { code } }',
  'Query.creditRates': '{ creditRates { resource } }',
  'Query.checkUsage': `{ checkUsage(input: { ${LINES} }) { allowed } }`,
  'Query.hasFeature': `{ hasFeature(billingEntityId: "${ANN}", feature: "basic_chatflows") }`,
  'Query.verifyLedger': `{ verifyLedger(billingEntityId: "${ANN}") { consistent } }`,
  'Query.failedJobs': '{ failedJobs { edges { node { id } } } }',
  'Mutation.consumeCredits': `mutation { consumeCredits(input: { idempotencyKey: "k", ${LINES} }) { __typename } }`,
  'Mutation.consumeCreditsBatch': `mutation { consumeCreditsBatch(inputs: [{ idempotencyKey: "k", ${LINES} }]) { __typename } }`,
  'Mutation.grantCredits': `mutation { grantCredits(input: { billingEntityId: "${ANN}", ${GRANT} }) { replayed } }`,
  'Mutation.adjustCredits': `mutation { adjustCredits(input: { billingEntityId: "${ANN}", ${GRANT} }) { replayed } }`,
  'Mutation.reserveCredits': `mutation { reserveCredits(input: { idempotencyKey: "r", ${LINES} }) { __typename } }`,
  'Mutation.extendReservation': `mutation { extendReservation(id: "${HOLD_ID}", ttlSeconds: 60) { status } }`,
  'Mutation.releaseReservation': `mutation { releaseReservation(id: "${HOLD_ID}") { status } }`,
  'Mutation.refundUsage': `mutation { refundUsage(recordId: "${RECORD_ID}", idempotencyKey: "u", reason: "failed") { replayed } }`,
  'Mutation.transferCredits': `mutation { transferCredits(input: { idempotencyKey: "t", fromBillingEntityId: "${ANN}", toBillingEntityId: "${ANN}", amount: 5 }) { __typename } }`,
  'Mutation.createApiKey': `mutation { createApiKey(input: { billingEntityId: "${ANN}", name: "k", type: PLATFORM, provider: OPENAI }) { secret } }`,
  'Mutation.updateApiKey': `mutation { updateApiKey(input: { id: "${KEY_ID}", name: "other" }) { name } }`,
  'Mutation.rotateApiKey': `mutation { rotateApiKey(input: { id: "${KEY_ID}" }) { secret } }`,
  'Mutation.revokeApiKey': `mutation { revokeApiKey(id: "${KEY_ID}") { status } }`,
  'Mutation.providerSecret': `mutation { providerSecret(input: { provider: OPENAI, userExternalId: "ann" }) { secret } }`,
  'Mutation.createOrganization':
    'mutation { createOrganization(input: { externalId: "acme", name: "Acme" }) { name } }',
  'Mutation.updateOrganization': `mutation { updateOrganization(input: { billingEntityId: "${ANN}", name: "Acme" }) { name } }`,
  'Mutation.setMember': `mutation { setMember(input: { billingEntityId: "${ANN}", userExternalId: "ben", role: MEMBER }) { role } }`,
  'Mutation.removeMember': `mutation { removeMember(input: { billingEntityId: "${ANN}", userExternalId: "ben" }) }`,
  'Mutation.acceptInvitation': `mutation { acceptInvitation(billingEntityId: "${ANN}") { role } }`,
  'Mutation.declineInvitation': `mutation { declineInvitation(billingEntityId: "${ANN}") }`,
  'Mutation.setOrganizationExternalId': `mutation { setOrganizationExternalId(input: { billingEntityId: "${ANN}", reason: "theirs" }) { name } }`,
  'Mutation.setAlertPreferences': `mutation { setAlertPreferences(input: { billingEntityId: "${ANN}", preferences: [] }) { type } }`,
  'Mutation.acknowledgeAlert': `mutation { acknowledgeAlert(id: "${ALERT_ID}") { acknowledgedAt } }`,
  'Mutation.setWebhookEndpoint': `mutation { setWebhookEndpoint(input: { billingEntityId: "${ANN}", url: null }) { secret } }`,
  'Mutation.rotateWebhookSecret': `mutation { rotateWebhookSecret(input: { billingEntityId: "${ANN}" }) { secret } }`,
  'Mutation.testWebhook': `mutation { testWebhook(input: { billingEntityId: "${ANN}" }) { status } }`,
  'Mutation.resendWebhookDelivery': `mutation { resendWebhookDelivery(id: "${DELIVERY_ID}") { status } }`,
  'Query.previewPlanChange': `{ previewPlanChange(input: { billingEntityId: "${ANN}", plan: PRO }) { timing } }`,
  'Mutation.changePlan': `mutation { changePlan(input: { billingEntityId: "${ANN}", plan: PRO, quantity: 3 }) { id } }`,
  'Mutation.cancelSubscription': `mutation { cancelSubscription(input: { billingEntityId: "${ANN}" }) { id } }`,
  'Mutation.resumeSubscription': `mutation { resumeSubscription(input: { billingEntityId: "${ANN}" }) { id } }`,
  'Mutation.createCheckoutSession': `mutation { createCheckoutSession(input: { billingEntityId: "${ANN}", plan: PRO, ${RETURNS} }) { url } }`,
  'Mutation.completeCheckout': `mutation { completeCheckout(billingEntityId: "${ANN}", sessionId: "cs_1") { id } }`,
  'Mutation.createBillingPortalSession': `mutation { createBillingPortalSession(input: { billingEntityId: "${ANN}", returnUrl: "http://localhost/" }) { url } }`,
  'Mutation.setOveragePolicy': `mutation { setOveragePolicy(input: { billingEntityId: "${ANN}", enabled: true }) { enabled } }`,
  'Mutation.createExport': `mutation { createExport(input: { billingEntityId: "${ANN}", kind: LEDGER }) { url } }`,
  'Mutation.suspendBillingEntity': `mutation { suspendBillingEntity(input: { billingEntityId: "${ANN}" }, reason: "abuse") { status } }`,
  'Mutation.reinstateBillingEntity': `mutation { reinstateBillingEntity(input: { billingEntityId: "${ANN}" }) { status } }`,
  'Mutation.retryJob': 'mutation { retryJob(id: "7") }',
  'Subscription.balanceUpdated': `subscription { balanceUpdated(billingEntityId: "${ANN}") { version } }`,
  'Subscription.alertRaised': `subscription { alertRaised(billingEntityId: "${ANN}") { type } }`,
  'Subscription.usageRecorded': `subscription { usageRecorded(billingEntityId: "${ANN}") { skipped } }`,
};
const FOR_ANYBODY = ['Query.plans', 'Query.creditRates'];
const FOR_OPERATORS = [
  'Mutation.grantCredits',
  'Mutation.adjustCredits',
  'Mutation.refundUsage',
  'Mutation.suspendBillingEntity',
  'Mutation.reinstateBillingEntity',
];

/** Decided by the domain, under its locks; tests/api/authorization.test.ts has all of them. */
const BY_DOMAIN = [
  'Mutation.transferCredits',
  'Mutation.updateOrganization',
  'Mutation.setMember',
  'Mutation.removeMember',
  'Mutation.acceptInvitation',
  'Mutation.declineInvitation',
  'Mutation.setOrganizationExternalId',
];
const OF_ONE_ENTITY = Object.keys(ROOT_FIELDS).filter(
  (name) => ROOT_FIELDS[name]?.includes(ANN) && !BY_DOMAIN.includes(name),
);

/** Null where others are NOT_FOUND. */
const IS_NULL = ['Query.billingEntity', 'Query.node'];

/** What names no entity, and so is refused without a look at one. */
const FOR_OPERATORS_ALONE = ['Query.billingEntities', 'Query.failedJobs', 'Mutation.retryJob'];
const queryOf = (name: string, id = ANN): string => (ROOT_FIELDS[name] as string).replaceAll(ANN, id);

describe('who may ask', () => {
  it('is tested for every root field', () => {
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const all = roots.flatMap((root) => Object.keys(root?.getFields() ?? {}).map((field) => `${root?.name}.${field}`));
    expect(Object.keys(ROOT_FIELDS).toSorted()).toEqual(all.toSorted());
  });

  it.each(FOR_ANYBODY)('%s is answered to anybody', async (name) => {
    expect((await ask(null, queryOf(name))).result.codes).toEqual([]);
  });

  it.each(Object.keys(ROOT_FIELDS).filter((name) => !FOR_ANYBODY.includes(name)))(
    '%s: without a token UNAUTHENTICATED, and the domain is not even asked',
    async (name) => {
      const asked = await ask(null, queryOf(name));
      expect(asked.result.codes).toEqual(['UNAUTHENTICATED']);
      expect(asked.calls).toEqual([]);
    },
  );

  it.each(OF_ONE_ENTITY)('%s: another’s entity, an unknown and a malformed id are all the same', async (name) => {
    const [others, ...rest] = await Promise.all(
      [BEN, '01a2063a-0000-7000-8000-0000000000ff', 'nonsense', ''].map((id) => ask(ann, queryOf(name, id))),
    );
    expect(others?.result.codes).toEqual(IS_NULL.includes(name) ? [] : ['NOT_FOUND']);
    for (const { result } of rest) expect(result).toEqual(others?.result);
    for (const asked of [others as Asked, ...rest]) {
      expect(names(asked).filter((call) => call !== 'entities.byIds')).toEqual([]);
    }
  });

  it('finds nobody else’s entity by external id either', async () => {
    const asked = await ask(ann, '{ billingEntityByExternalId(type: USER, externalId: "ben") { id } }');
    expect(asked.result).toEqual({ data: { billingEntityByExternalId: null }, codes: [] });
  });

  it.each(FOR_OPERATORS)('%s: FORBIDDEN for who sees the entity and is no operator', async (name) => {
    for (const principal of [ann, service]) {
      const asked = await ask(principal, queryOf(name));
      expect(asked.result.codes).toEqual(['FORBIDDEN']);
      expect(names(asked)).toEqual(['entities.byIds']);
    }
    expect((await ask(operator, queryOf(name))).result.codes).toEqual([]);
  });

  it.each(FOR_OPERATORS_ALONE)('%s: for operators alone', async (name) => {
    for (const principal of [ann, service]) {
      const asked = await ask(principal, queryOf(name));
      expect(asked.result.codes).toEqual(['FORBIDDEN']);
      expect(asked.calls).toEqual([]);
    }
    expect((await ask(operator, queryOf(name))).result.codes).toEqual([]);
  });

  it('verifies a ledger for its owner and for operators, not for services', async () => {
    const codes = await Promise.all(
      [ann, operator, service].map(async (who) => (await ask(who, queryOf('Query.verifyLedger'))).result.codes),
    );
    expect(codes).toEqual([[], [], ['FORBIDDEN']]);
  });
});

describe('what a service sees of an entity', () => {
  const QUERY = `{ billingEntity(id: "${ANN}") {
    name credits { available } viewerPermissions
    grants { edges { cursor } } ledger { edges { cursor } }
    usage { edges { node { credits draws { credits grant { remaining } } ledgerEntry { actor } } } }
  } }`;

  it('is its use with what was drawn for it, and neither ledger nor list of grants; their absence spoils nothing else', async () => {
    const asked = await ask(service, QUERY);
    // Draws are part of the record: an empty list would say that it was overage or exempt.
    const node = { credits: 10, draws: [{ credits: 10, grant: { remaining: 9_990 } }], ledgerEntry: null };
    expect(asked.result).toEqual({
      data: {
        billingEntity: {
          name: 'Ann',
          credits: { available: 9_990 },
          viewerPermissions: permissionsOf('SERVICE'),
          grants: null,
          ledger: null,
          usage: { edges: [{ node }, { node }, { node }] },
        },
      },
      codes: [],
    });
    expect(names(asked).filter((call) => call.startsWith('history.'))).toEqual(['history.grantsByIds']);
  });

  it('is the same in events and in answers to what it consumed', async () => {
    const fields = 'records { credits draws { credits } ledgerEntry { actor } }';
    const records = [{ credits: 10, draws: [{ credits: 10 }], ledgerEntry: null }];
    const event = await ask(service, `subscription { usageRecorded(billingEntityId: "${ANN}") { ${fields} } }`);
    expect(event.result).toEqual({ data: { usageRecorded: { records } }, codes: [] });
    const success = { kind: 'success', records: [recordOf(0)], credits: 10n, balance: balanceOf(ANN), replayed: false };
    const consumed = await ask(
      service,
      `mutation { consumeCredits(input: { idempotencyKey: "k", ${LINES} }) { ... on ConsumeCreditsSuccess { ${fields} } } }`,
      { answers: { 'consumption.consume': () => success } },
    );
    expect(consumed.result).toEqual({ data: { consumeCredits: { records } }, codes: [] });
  });

  it('is less than the owner sees, who reads everything', async () => {
    const node = {
      credits: 10,
      draws: [{ credits: 10, grant: { remaining: 9_990 } }],
      ledgerEntry: { actor: 'service:platform' },
    };
    expect((await ask(ann, QUERY)).result).toMatchObject({
      data: {
        billingEntity: {
          grants: { edges: [{}] },
          ledger: { edges: [{}] },
          usage: { edges: [{ node }, { node }, { node }] },
        },
      },
      codes: [],
    });
  });
});

const KEY_CHANGES = ['updateApiKey', 'rotateApiKey', 'revokeApiKey'].map((name) => `Mutation.${name}`);

describe('an API key’s administration', () => {
  it.each(['Mutation.createApiKey', ...KEY_CHANGES])('%s: FORBIDDEN for who only meters', async (name) => {
    for (const principal of [service, key]) {
      const asked = await ask(principal, queryOf(name));
      expect(asked.result.codes).toEqual(['FORBIDDEN']);
      expect(names(asked)).toEqual(['entities.byIds']);
    }
    for (const principal of [ann, operator]) expect((await ask(principal, queryOf(name))).result.codes).toEqual([]);
  });

  it.each(KEY_CHANGES)('%s: a key of another, of nobody and a malformed id are all the same', async (name) => {
    const ids = [apiKeyId(BEN, KEY), apiKeyId('01a2063a-0000-7000-8000-0000000000ff', KEY), 'key_nonsense', ''];
    for (const id of ids) {
      const asked = await ask(ann, (ROOT_FIELDS[name] as string).replace(KEY_ID, id));
      expect(asked.result.codes).toEqual(['NOT_FOUND']);
      expect(names(asked).filter((call) => call !== 'entities.byIds')).toEqual([]);
    }
  });
});

describe('what an API key sees', () => {
  const SEEN = 'name credits { available } viewerPermissions ledger { edges { cursor } } apiKeys { edges { cursor } }';

  it('is whom it acts for, and of that what metering needs', async () => {
    const viewer = await ask(key, '{ viewer { kind subject user { id } apiKey { id hint } actsFor { id name } } }');
    expect(viewer.result).toEqual({
      data: {
        viewer: {
          kind: 'API_KEY',
          subject: KEY_ID,
          user: null,
          apiKey: { id: KEY_ID, hint: 'tg_live_…abcd' },
          actsFor: { id: ANN, name: 'Ann' },
        },
      },
      codes: [],
    });
    expect((await ask(key, `{ billingEntity(id: "${ANN}") { ${SEEN} } }`)).result).toEqual({
      data: {
        billingEntity: {
          name: 'Ann',
          credits: { available: 9_990 },
          viewerPermissions: ['entity.read', 'credits.read', 'credits.consume', 'usage.read', 'draws.read'],
          ledger: null,
          apiKeys: null,
        },
      },
      codes: [],
    });
  });

  it.each(OF_ONE_ENTITY)('%s: nothing of anybody else', async (name) => {
    const codes = (await ask(key, queryOf(name, BEN))).result.codes;
    expect(codes).toEqual(IS_NULL.includes(name) ? [] : ['NOT_FOUND']);
  });
});

describe('the key that use ran on', () => {
  const ref = { billingEntityId: ANN, id: KEY };
  const page = (apiKey: { billingEntityId: string; id: string }) => ({
    answers: {
      'usage.records': () => ({
        edges: [{ cursor: 'c', node: { ...recordOf(0), apiKey, organizationId: BEN } }],
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: 'c', endCursor: 'c' },
      }),
    },
  });
  const QUERY = `{ billingEntity(id: "${ANN}") { usage { edges { node { apiKey { name usedThisPeriod } organization { name } } } } } }`;
  const shown = (apiKey: object | null) => ({
    data: { billingEntity: { usage: { edges: [{ node: { apiKey, organization: { name: 'Ben' } } }] } } },
    codes: [],
  });

  it('is shown to its owner, to itself, to services and operators', async () => {
    for (const principal of [ann, key, service, operator]) {
      expect((await ask(principal, QUERY, page(ref))).result).toEqual(shown({ name: 'mine', usedThisPeriod: 7 }));
    }
  });

  it('is null where it is somebody else’s, and spoils nothing', async () => {
    const others = { billingEntityId: BEN, id: KEY };
    for (const principal of [ann, { ...key, apiKeyId: TRIAL } as Principal]) {
      expect((await ask(principal, QUERY, page(others))).result).toEqual(shown(null));
    }
  });
});

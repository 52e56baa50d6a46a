import { parse, subscribe } from 'graphql';
import { contextFactory } from '../../src/graphql/request/context.ts';
import { entryId, grantId, recordId } from '../../src/kernel/public-ids.ts';
import { ask, names, schema } from '../support/ask-resolvers.ts';
import {
  ANN,
  ann,
  balanceOf,
  BEN,
  entry,
  fakeDomain,
  operator,
  recordOf,
  service,
  TRIAL,
} from '../support/fake-domain.ts';

describe('what resolvers show', () => {
  it('is the addresses of alerts, in one read for all entities, to whoever may read all', async () => {
    const query = `{ one: billingEntity(id: "${ANN}") { alertEmails } two: billingEntity(id: "${ANN}") { alertEmails } }`;
    const emails = { alertEmails: ['ann@example.com'] };
    const forAnn = await ask(ann, query);
    expect(forAnn.result.data).toEqual({ one: emails, two: emails });
    expect(forAnn.calls.filter(({ name }) => name === 'alertAddresses.lists')).toHaveLength(1);
    const forService = await ask(service, query);
    expect(forService.result.data).toEqual({ one: { alertEmails: null }, two: { alertEmails: null } });
  });

  it('is a forecast, to whoever may read all', async () => {
    const query = `{ billingEntity(id: "${ANN}") { name forecast { dailyBurn exhaustsAt } } }`;
    const forecast = { dailyBurn: 10, exhaustsAt: '2026-03-11T12:00:00.000Z' };
    expect((await ask(ann, query)).result.data).toEqual({ billingEntity: { name: 'Ann', forecast } });
    const forService = await ask(service, query);
    expect(forService.result).toEqual({ data: { billingEntity: { name: 'Ann', forecast: null } }, codes: [] });
    expect(names(forService)).toEqual(['entities.byIds']);
  });

  it('is a record with its public id, its rate, its fractions as decimals and what it drew on', async () => {
    const id = recordId(ANN, 2n, 0);
    const asked = await ask(
      ann,
      `{ billingEntity(id: "${ANN}") { usageRecord(id: "${id}") {
        id quantity credits overage resource billingMode carriedBefore carriedAfter metadata occurredAt recordedAt
        rate { resource units credits costPerCredit } billingEntity { id name } user { externalId }
        draws { credits grant { id source remaining } } ledgerEntry { id sequence usageRecords { id } }
      } } }`,
    );
    expect(asked.result).toEqual({
      codes: [],
      data: {
        billingEntity: {
          usageRecord: {
            id,
            quantity: 103,
            credits: 10,
            overage: 0,
            resource: 'AI_TOKENS',
            billingMode: 'FULL',
            carriedBefore: '0',
            carriedAfter: '0.3',
            metadata: { run: 'r1' },
            occurredAt: '2026-03-10T12:00:00.000Z',
            recordedAt: '2026-03-10T12:00:00.000Z',
            rate: { resource: 'AI_TOKENS', units: 1000, credits: 100, costPerCredit: '0.00004' },
            billingEntity: { id: ANN, name: 'Ann' },
            user: { externalId: 'ann' },
            draws: [{ credits: 10, grant: { id: grantId(ANN, TRIAL), source: 'TRIAL', remaining: 9_990 } }],
            ledgerEntry: { id: entryId(ANN, 2n), sequence: 2, usageRecords: [{ id }] },
          },
        },
      },
    });
  });

  it('is no record of somebody else’s under one’s own entity', async () => {
    const query = `{ billingEntity(id: "${ANN}") { usageRecord(id: "${recordId(BEN, 2n, 0)}") { id } } }`;
    const answers = { 'usage.record': () => ({ ...recordOf(0), billingEntityId: BEN }) };
    expect((await ask(operator, query, { answers })).result).toEqual({
      data: { billingEntity: { usageRecord: null } },
      codes: [],
    });
  });

  it('is an entry with the balance before it, and the grant it made', async () => {
    const granted = { ...entry, sequence: 1n, kind: 'GRANT', amount: 10_000n, availableAfter: 10_000n, grantId: TRIAL };
    const asked = await ask(
      ann,
      `{ billingEntity(id: "${ANN}") { ledger { edges { node { kind amount availableBefore availableAfter usageRecords { id } grant { id reason } } } } } }`,
      {
        answers: {
          'history.ledger': () => ({ edges: [entry, granted].map((node) => ({ cursor: 'c', node })), pageInfo: {} }),
        },
      },
    );
    expect(asked.result.data).toEqual({
      billingEntity: {
        ledger: {
          edges: [
            {
              node: {
                kind: 'CONSUMPTION',
                amount: -10,
                availableBefore: 10_000,
                availableAfter: 9_990,
                usageRecords: [{ id: recordId(ANN, 2n, 0) }],
                grant: null,
              },
            },
            {
              node: {
                kind: 'GRANT',
                amount: 10_000,
                availableBefore: 0,
                availableAfter: 10_000,
                usageRecords: [],
                grant: { id: grantId(ANN, TRIAL), reason: null },
              },
            },
          ],
        },
      },
    });
  });

  it('is a suspended entity as suspended', async () => {
    const query = `mutation { suspendBillingEntity(input: { billingEntityId: "${ANN}" }, reason: "abuse") { status suspendedAt suspensionReason visibility } }`;
    expect((await ask(operator, query)).result.data).toEqual({
      suspendBillingEntity: {
        status: 'SUSPENDED',
        suspendedAt: '2026-03-10T12:00:00.000Z',
        suspensionReason: 'abuse',
        visibility: null,
      },
    });
  });

  it('asks the domain once for each kind of thing, however long the list', async () => {
    const people = await ask(operator, '{ billingEntities { edges { node { id credits { available } } } } }');
    expect(names(people)).toEqual(['entities.list', 'accounts.balances']);
    const records = await ask(
      ann,
      `{ billingEntity(id: "${ANN}") { usage { edges { node { billingEntity { name } user { name } draws { grant { id } } ledgerEntry { id usageRecords { id } } } } } } }`,
    );
    expect(names(records).toSorted()).toEqual(
      [
        'entities.byIds',
        'usage.records',
        'history.grantsByIds',
        'history.entriesBySequence',
        'usage.recordsByEntry',
      ].toSorted(),
    );
  });
});

describe('what is watched', () => {
  it('is the very object that the stream yields, so that one answer can serve all who watch', async () => {
    const balance = balanceOf(ANN);
    const field = schema.getSubscriptionType()?.getFields()['balanceUpdated'];
    const context = contextFactory(fakeDomain().services)(ann);
    expect(await field?.resolve?.(balance, { billingEntityId: ANN }, context, {} as never)).toBe(balance);
    expect(field?.extensions['sameForAll']).toBe(true);
    // What a caller sees of records depends on who they are.
    expect(schema.getSubscriptionType()?.getFields()['usageRecorded']?.extensions['sameForAll']).toBeUndefined();
  });

  it('is asked of the domain once the right to see it is certain', async () => {
    const { services, calls } = fakeDomain();
    const document = parse(`subscription { balanceUpdated(billingEntityId: "${ANN}") { version } }`);
    const stream = await subscribe({ schema, document, contextValue: contextFactory(services)(ann) });
    expect(Symbol.asyncIterator in stream).toBe(true);
    expect(calls.map(({ name }) => name)).toEqual(['entities.byIds', 'live.balances']);
  });
});

/** What operations cost, over the real schema: what is heavy is refused before it is run, and what people need is not. */
import fc from 'fast-check';
import {
  execute,
  getIntrospectionQuery,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql';
import { loadConfig } from '../../../src/config/config.ts';
import { costOf, planCost, priceOf } from '../../../src/graphql/execution/cost.ts';
import { Operations } from '../../../src/graphql/execution/operations.ts';
import { aPage, itemsOfPage } from '../../../src/graphql/execution/price.ts';
import { createLog } from '../../../src/kernel/log.ts';
import { schema } from '../../support/ask-resolvers.ts';
import { Gate, sampleSchema } from '../../support/sample-schema.ts';
import { makeDocument } from './documents.ts';

const { limits } = loadConfig({}, 'local');
const operations = new Operations({ schema, limits, log: createLog({ level: 'silent' }), suggestions: true });

type Variables = Record<string, unknown>;

/** What a request costs, or what is wrong with it. */
function cost(query: string, variables: Variables = {}, of = schema): number | string {
  const document = parse(query);
  const node = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;
  return costOf(planCost(of, document, node), variables, limits.operationCost);
}

/** `admitted`, or why not. */
function verdict(query: string, variables: Variables = {}): unknown {
  const { errors } = operations.prepare({ query, variables });
  return errors === null ? 'admitted' : `${String(errors[0]?.extensions['code'])}: ${errors[0]?.message}`;
}

const REFUSED = /^BAD_USER_INPUT: The operation may ask for \d+ objects/;

const times = (count: number, text: string): string =>
  Array.from({ length: count }, (_, at) => `a${at}: ${text}`).join(' ');

describe('every list of the schema', () => {
  const lists = Object.values(schema.getTypeMap())
    .filter((type) => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'))
    .flatMap((type) => (isObjectType(type) ? Object.values(type.getFields()).map((field) => ({ type, field })) : []))
    .filter(({ field }) => isListType(getNullableType(field.type)));

  it.each(lists.map(({ type, field }) => ({ name: `${type.name}.${field.name}`, field })))(
    'has a price: $name',
    ({ field }) => {
      expect(typeof priceOf(field)).toBe('function');
    },
  );

  it('is a page of a connection, and only there what its page counts', () => {
    for (const { type, field } of lists) {
      expect(priceOf(field) === itemsOfPage).toBe(type.name.endsWith('Connection') && field.name === 'edges');
    }
    // And nothing leads to a connection but by a page.
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        if (!String(getNullableType(field.type)).endsWith('Connection')) continue;
        expect(field.args.map(({ name }) => name)).toContain('first');
        const price = priceOf(field) ?? aPage;
        const most = limits.operationCost;
        const priced = price({ args: { first: 7 }, inner: 3, most }) as number;
        expect(priced).toBeGreaterThanOrEqual(1 + 7 * 3);
        expect(price({ args: { first: 101 }, inner: 3, most })).toBe('must be from 1 to 100.');
      }
    }
  });
});

describe('lists', () => {
  const connection = '{ edges { node { id } } }';
  const heavy = `memberships { organization { members ${connection} ledger ${connection} grants ${connection} } }`;

  it('cost what they may hold, with a page size or without', () => {
    expect(cost(`{ viewer { ${heavy} } }`)).toBeGreaterThan(20 * 3 * 20);
    expect(verdict(`{ viewer { ${heavy} } }`)).toBe('admitted');
    expect(verdict(`{ viewer { ${times(30, heavy)} } }`)).toMatch(REFUSED);
    expect(verdict(`{ ${times(30, `viewer { ${heavy} }`)} }`)).toMatch(REFUSED);
    const spread = `{ ${times(30, 'viewer { ...H }')} } fragment H on Viewer { ${heavy} }`;
    expect(verdict(spread)).toMatch(REFUSED);
    expect(
      verdict(`{ viewer { memberships { organization { usageSummary(from: "2026-01-01T00:00:00Z",
      to: "2027-01-01T00:00:00Z", interval: HOUR) { credits } } } } }`),
    ).toMatch(REFUSED);
  });

  it('are not for nothing when nothing of them is looked at', () => {
    const page = (first: number): string => `{ viewer { user { ledger(first: ${first}) { __typename } } } }`;
    expect(cost(page(100)) as number).toBeGreaterThan(100);
    expect(cost('{ viewer { memberships { __typename } } }') as number).toBeGreaterThanOrEqual(20);
  });

  it('count as their variables say, or as holds in their absence', () => {
    const ask = (definition: string): string =>
      `query (${definition}) { viewer { user { ledger(first: $n) { edges { node { id } } } } } }`;
    const of = (first: number): unknown =>
      cost(`{ viewer { user { ledger(first: ${first}) { edges { node { id } } } } } }`);
    expect(of(50)).toBeGreaterThan(of(20) as number);
    expect(cost('{ viewer { user { ledger { edges { node { id } } } } } }')).toBe(of(20));
    expect(cost(ask('$n: Int! = 50'))).toBe(of(50));
    expect(cost(ask('$n: Int! = 50'), { n: 3 })).toBe(of(3));
    expect(cost(ask('$n: Int'))).toBe(of(20));
    expect(cost(ask('$n: Int'), { n: null })).toBe(of(20));
    expect(cost(ask('$n: Int = 7'))).toBe(of(7));
    expect(cost(ask('$n: Int!'), { n: 'many' })).toBe(of(100));
    expect(cost(ask('$n: Int!'), { n: 101 })).toMatch(/must be from 1 to 100/);
  });

  it('within lists multiply', () => {
    const inner = cost('{ viewer { user { grants(first: 10) { edges { node { id } } } } } }') as number;
    const nested = `{ billingEntities(first: 50) { edges { node { grants(first: 10) { edges { node { id } } } } } } }`;
    expect(cost(nested) as number).toBeGreaterThanOrEqual(50 * (inner - 2));
    expect(verdict(nested.replace('first: 50', 'first: 100').replace('first: 10)', 'first: 100)'))).toMatch(REFUSED);
  });

  it('hold at most what they cost, whatever is asked: of any document', async () => {
    let objects = 0;
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(9_999)), async (numbers) => {
        const upTo = (most: number): number => (numbers.next().value as number) % (most + 1);
        const without = new Set(['Query.gate', 'Household.pets', 'Mutation.feedBatch']);
        const { source, runs } = makeDocument(upTo, sampleSchema, without);
        for (const { operationName, kind, variables } of runs) {
          if (kind === 'subscription') continue;
          const document = parse(source);
          const node = document.definitions.find(
            (each) => each.kind === Kind.OPERATION_DEFINITION && each.name?.value === operationName,
          ) as OperationDefinitionNode;
          const contextValue = { principal: null, gate: new Gate() };
          const request = { schema: sampleSchema, document, operationName, variableValues: variables, contextValue };
          const { data } = await execute(request);
          const held = data ? objectsIn(data) - 1 : 0;
          objects += held;
          const plan = planCost(sampleSchema, document, node);
          expect(costOf(plan, variables, limits.operationCost)).toBeGreaterThanOrEqual(held);
        }
      }),
      { numRuns: 100, seed: 20_260_310, endOnFailure: true },
    );
    expect(objects).toBeGreaterThan(100);
  }, 120_000);
});

function objectsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, each) => sum + objectsIn(each), 0);
  return Array.isArray(value) ? inner : 1 + inner;
}

describe('a batch', () => {
  const everything = `{ __typename
    ... on ConsumeCreditsSuccess { credits replayed balance { available version }
      records { id rate { credits } draws { credits grant { id reason } } user { externalId } organization { externalId }
        billingEntity { externalId } apiKey { id name } ledgerEntry { sequence } } }
    ... on UsageRefused { reason scope required available balance { available } }
    ... on UsageRejected { code message } }`;
  const items = (count: number): Variables[] =>
    Array.from({ length: count }, (_, at) => ({
      idempotencyKey: `k${at}`,
      lines: [{ resource: 'AI_TOKENS', quantity: 1 }],
    }));
  const batch = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) ${everything} }`;
  const two = `mutation ($one: [ConsumeCreditsInput!]!, $two: [ConsumeCreditsInput!]!) {
    one: consumeCreditsBatch(inputs: $one) { __typename } two: consumeCreditsBatch(inputs: $two) { __typename } }`;

  it('that is full is never refused as too costly, and takes no other beside it', () => {
    expect(verdict(batch, { inputs: items(1000) })).toBe('admitted');
    expect(verdict(two, { one: items(500), two: items(500) })).toBe('admitted');
    expect(verdict(two, { one: items(1000), two: items(1) })).toMatch(REFUSED);
    expect(verdict(two, { one: items(501), two: items(500) })).toMatch(REFUSED);
  });

  it('costs by its items, also when they are written out or in part', () => {
    const literal = (count: number): string =>
      `mutation ($line: [UsageLineInput!]!) { consumeCreditsBatch(inputs: [${items(count)
        .map(({ idempotencyKey }) => `{ idempotencyKey: "${String(idempotencyKey)}", lines: $line }`)
        .join(', ')}]) { __typename } }`;
    const one = cost(batch.replace(everything, '{ __typename }'), { inputs: items(1) }) as number;
    expect(cost(literal(80))).toBe(80 * one);
    expect(cost(batch.replace(everything, '{ __typename }'), { inputs: items(80) })).toBe(80 * one);
    expect(cost(batch.replace(everything, '{ __typename }'), { inputs: items(1)[0] })).toBe(one);
  });

  it('too large is left to the domain, which says what its bound is', () => {
    expect(verdict(batch, { inputs: items(1001) })).toBe('admitted');
  });

  it('pays for what each item leads to beyond what there is to know of it', () => {
    const deep = `{ ... on ConsumeCreditsSuccess { records { ledgerEntry { usageRecords { ledgerEntry { usageRecords { ledgerEntry {
      usageRecords { id } } } } } } } } }`;
    const query = batch.replace(everything, deep);
    expect(verdict(query, { inputs: items(10) })).toBe('admitted');
    expect(verdict(query, { inputs: items(1000) })).toMatch(REFUSED);
  });

  it('never exceeds an installation’s own bound, however low', () => {
    const low = loadConfig({ OPERATION_COST: '100' }, 'local').limits;
    const strict = new Operations({ schema, limits: low, log: createLog({ level: 'silent' }), suggestions: true });
    expect(strict.prepare({ query: batch, variables: { inputs: items(1000) } }).errors).toBeNull();
    expect(strict.prepare({ query: two, variables: { one: items(1000), two: items(1) } }).errors).not.toBeNull();
  });
});

describe('work that shows little', () => {
  const summary = (from: string, to: string, terms: string): string =>
    `usageSummary(from: "${from}", to: "${to}", ${terms}) { start credits user { name } apiKey { name } }`;
  const of = (text: string): string => `{ viewer { user { ${text} } } }`;
  const year = ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'] as const;
  const month = ['2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z'] as const;

  it('of summaries goes by the buckets that they can come to', () => {
    const price = (span: readonly [string, string], terms: string): number =>
      cost(of(summary(...span, terms))) as number;
    const total = price(year, 'interval: TOTAL');
    const months = price(year, 'interval: MONTH');
    const days = price(year, 'interval: DAY');
    expect(months).toBeGreaterThan(10 * (total - 2));
    expect(days).toBeGreaterThan(20 * (months - 2));
    expect(price(month, 'interval: DAY, groupBy: [RESOURCE]')).toBeGreaterThan(price(month, 'interval: DAY'));
    expect(price(month, 'interval: DAY, groupBy: USER')).toBe(price(month, 'interval: DAY, groupBy: [USER, USER]'));
    // As the variables say, too.
    const query = `query ($from: DateTime!, $to: DateTime!, $interval: UsageInterval!, $by: [UsageDimension!]! = [RESOURCE]) {
      viewer { user { usageSummary(from: $from, to: $to, interval: $interval, groupBy: $by) { start credits user { name } apiKey { name } } } } }`;
    const [from, to] = month;
    expect(cost(query, { from, to, interval: 'DAY', by: ['USER'] })).toBe(
      price(month, 'interval: DAY, groupBy: [USER]'),
    );
    expect(cost(query, { from, to, interval: 'DAY' })).toBe(price(month, 'interval: DAY, groupBy: [RESOURCE]'));
    const days2 = price(['2026-03-01T00:00:00Z', '2026-03-03T00:00:00Z'], 'interval: DAY');
    expect(cost(query, { from, to: '2026-03-03T00:00:00Z', interval: 'DAY', by: [] })).toBe(days2);
  });

  it('of one summary is admitted, however large, and many large ones are not', () => {
    const largest = summary(
      '2000-01-01T00:00:00Z',
      '2030-01-01T00:00:00Z',
      'interval: HOUR, groupBy: [USER, API_KEY, FEATURE]',
    );
    expect(verdict(of(largest))).toBe('admitted');
    expect(verdict(of(`${largest} b: ${largest}`))).toMatch(REFUSED);
    expect(verdict(of(times(30, summary(...year, 'interval: DAY'))))).toMatch(REFUSED);
    expect(verdict(of(times(6, summary(...month, 'interval: DAY, groupBy: [RESOURCE]'))))).toBe('admitted');
  });

  it('of verifying a ledger is dear', () => {
    const verify = 'verifyLedger(billingEntityId: "x") { consistent problems }';
    expect(verdict(`{ ${times(3, verify)} }`)).toBe('admitted');
    expect(verdict(`{ ${times(5, verify)} }`)).toMatch(REFUSED);
  });

  it('of asking the payment provider is dear', () => {
    const invoices = 'invoices { edges { node { number } } } upcomingInvoice { totalCents }';
    expect(verdict(of(invoices))).toBe('admitted');
    expect(verdict(`{ billingEntities(first: 100) { edges { node { ${invoices} } } } }`)).toMatch(REFUSED);
  });

  it('of finding a node is what the same costs otherwise, and a little', () => {
    const asked = 'name ledger(first: 50) { edges { node { id grant { id } } } }';
    const otherwise = cost(`{ billingEntity(id: "x") { ${asked} } }`) as number;
    expect(otherwise).toBeGreaterThan(100);
    expect(cost(`{ node(id: "x") { ... on BillingEntity { ${asked} } } }`)).toBe(otherwise + 5);
    expect(cost(`{ node(id: "x") { ...E } } fragment E on BillingEntity { ${asked} }`)).toBe(otherwise + 5);
    expect(verdict(`{ ${Array.from({ length: 50 }, (_, at) => `n${at}: node(id: "x") { id }`).join(' ')} }`)).toBe(
      'admitted',
    );
  });

  it('of introspection goes by what it leads to', () => {
    const full = getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true, specifiedByUrl: true });
    expect(verdict(full)).toBe('admitted');
    const price = cost(full) as number;
    expect(price).toBeGreaterThan(1000);
    const less = '__schema { types { fields { name type { name } args { name type { name } } } } }';
    expect(verdict(`{ ${times(2, less)} }`)).toBe('admitted');
    expect(verdict(`{ ${times(30, less)} }`)).toMatch(REFUSED);
    expect(cost('{ __schema { types { name } } }') as number).toBeLessThan(400);
    expect(cost('{ __schema { types { fields { name args { name } } } } }') as number).toBeGreaterThan(
      cost('{ __schema { types { fields { name } } } }') as number,
    );
    expect(cost('{ __type(name: "Query") { name } }') as number).toBeLessThan(5);
    expect(cost('{ __typename }')).toBe(0);
  });
});

describe('what a portal asks', () => {
  const record = `id occurredAt resource quantity credits overage owed refundedCredits refundedAt metadata rate { credits units }
    user { externalId name } organization { name } billingEntity { name } apiKey { id name hint }
    draws { credits grant { id source reason expiresAt } } ledgerEntry { id sequence }`;
  const page = (field: string, node: string): string =>
    `${field} { edges { cursor node { ${node} } } pageInfo { hasNextPage endCursor } }`;
  const pages: [string, string][] = [
    [
      'its frame',
      `{ viewer { kind subject user { id name credits { available held used } plan { code name features } viewerPermissions features }
        memberships { role status creditLimit usedThisPeriod drawnThisPeriod organization { id name visibility status
          credits { available used allowance } plan { code name } viewerPermissions subscription { status } } } } }`,
    ],
    ['a long page of usage', `query ($id: ID!) { billingEntity(id: $id) { ${page('usage(first: 100)', record)} } }`],
    [
      'a long page of the ledger',
      `query ($id: ID!) { billingEntity(id: $id) { ${page(
        'ledger(first: 100)',
        `id sequence kind grant { id source } reservation { id status } counterparty { name } usageRecords { id credits resource }`,
      )} } }`,
    ],
    [
      'members, keys, holds and the audit log together',
      `query ($id: ID!) { billingEntity(id: $id) {
        ${page('members(first: 100, search: "a")', 'role status creditLimit usedThisPeriod drawnThisPeriod user { name externalId }')}
        ${page('apiKeys(first: 100)', 'id name hint status usedThisPeriod billingEntity { name }')}
        ${page('reservations(first: 100)', 'id credits status user { name } apiKey { name }')}
        ${page('auditLog(first: 100)', 'createdAt actor action subject before after')} } }`,
    ],
    [
      'an overview',
      `query ($id: ID!) { billingEntity(id: $id) { credits { available } forecast { dailyBurn exhaustsAt } overagePolicy { enabled }
        subscription { plan { name } pendingPayment { __typename } } upcomingInvoice { totalCents } ${page('invoices', 'number totalCents')}
        ${page('grants(first: 50)', 'id source remaining')} ${page('usage(first: 20)', record)}
        day: usageSummary(from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z", interval: DAY, groupBy: [USER]) { start credits user { name } }
        kind: usageSummary(from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z", interval: DAY, groupBy: [RESOURCE]) { start credits quantity }
        key: usageSummary(from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z", interval: TOTAL, groupBy: [API_KEY, FEATURE]) { credits apiKey { name } }
        months: usageSummary(from: "2025-04-01T00:00:00Z", to: "2026-04-01T00:00:00Z", interval: MONTH) { start credits } } }`,
    ],
    [
      'an operator’s list of everybody',
      `{ billingEntities(first: 100, search: "a") { edges { node { id name externalId type status credits { available owed } plan { code }
        subscription { status } } } } }`,
    ],
    ['failed jobs', '{ failedJobs(first: 100) { edges { node { __typename } } } }'],
  ];
  it.each(pages)('passes: %s', (_what, query) => {
    expect(verdict(query, { id: 'x' })).toBe('admitted');
  });
});

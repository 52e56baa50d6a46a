import { buildSchema, getIntrospectionQuery } from 'graphql';
import type { ExecutionResult } from 'graphql';
import { loadConfig } from '../../src/config.ts';
import { Operations } from '../../src/graphql/operations.ts';
import { createLog } from '../../src/log.ts';
import { Gate, sampleSchema } from '../support/sample-schema.ts';

const { limits } = loadConfig({}, 'local');
const log = createLog({ level: 'silent' });
const options = { schema: sampleSchema, limits, log, suggestions: false };
const compiling = new Operations({ ...options, compileAt: 1, compilesPerSecond: 1000 });
const interpreting = new Operations({ ...options, compileAt: Number.POSITIVE_INFINITY });

type Variables = Record<string, unknown>;

async function run(operations: Operations, query: string, variables?: Variables): Promise<ExecutionResult> {
  const { operation, errors } = operations.prepare({ query, variables });
  if (operation === null) return { errors };
  return operations.execute(operation, variables, { principal: null, gate: new Gate() });
}

/** As a client sees it. Errors have no order among themselves, and correlation ids are all different. */
function seen(result: ExecutionResult): unknown {
  const plain = JSON.parse(JSON.stringify(result)) as {
    data?: unknown;
    errors?: { extensions: Variables; path?: unknown }[];
  };
  for (const { extensions } of plain.errors ?? []) {
    if ('correlationId' in extensions) extensions['correlationId'] = 'some';
  }
  plain.errors?.sort((left, right) => JSON.stringify(left).localeCompare(JSON.stringify(right)));
  return plain;
}

const feed =
  'mutation Feed($input: FeedInput!) { feed(input: $input) { __typename ... on Fed { summary pet { ... on Named { name } } } ... on RefusedFeeding { reason } } }';
const echo = 'query Echo($input: FeedInput!, $big: Big, $list: [Big]) { echo(input: $input, big: $big, list: $list) }';
const input = { name: 'Tom', grams: 5 };

const cases: [string, string, Variables?][] = [
  ['a plain field', '{ hello }'],
  [
    'aliases and fragments',
    '{ a: hello ...F ... on Query { b: hello } } fragment F on Query { hello pet { ... on Cat { lives colour } } }',
  ],
  [
    'unions, interfaces and own scalars',
    '{ pet { __typename ... on Cat { name lives colour friend { name ... on Dog { barks } } } } }',
  ],
  [
    'directives',
    'query Q($yes: Boolean!, $no: Boolean!) { hello @skip(if: $no) other: hello @include(if: $no) pet @include(if: $yes) { ... on Named @skip(if: $no) { name } } }',
    { yes: true, no: false },
  ],
  ['lists with nulls and an unknown type', '{ pets { ... on Named { name } } }'],
  ['a null that is not allowed, deep inside', '{ hello pet { ... on Cat { name friend { name } broken } } }'],
  ['a null that is not allowed in a list', '{ hello strictPets { name } }'],
  ['a failing field', '{ pet { ... on Cat { name faulty } } }'],
  [
    'several failures',
    '{ refuse(code: "CONFLICT") other: refuse(code: "NOT_FOUND") pet { ... on Cat { faulty broken } } }',
  ],
  ['a failing field that may not be null', '{ boom }'],
  ['refusals', '{ refuse(code: "RATE_LIMITED") }'],
  ['variables with defaults inside', echo, { input: { ...input, next: {} } }],
  [
    'variables with everything',
    echo,
    { input: { ...input, colour: 'BLUE', notes: ['a', 'b'], next: { times: 7 } }, big: 9, list: [1, null, 2] },
  ],
  ['variables with nulls', echo, { input: { ...input, colour: null, notes: null, next: null }, big: null, list: null }],
  ['one item where a list is expected', echo, { input: { ...input, notes: 'one' }, list: 4 }],
  ['literals of own scalars', '{ echo(input: { name: "Tom", grams: 5, next: { times: 3 } }, list: [1, 2]) }'],
  [
    'variables inside literals',
    'query V($grams: Big!, $times: Int) { echo(input: { name: "Tom", grams: $grams, next: { times: $times } }) }',
    { grams: 5 },
  ],
  [
    'defaults of variables',
    'query D($number: Int! = 41, $big: Big = 3) { add(number: $number) echo(input: { name: "x", grams: 1 }, big: $big) }',
  ],
  ['a union as an outcome', feed, { input }],
  ['the other outcome', feed, { input: { ...input, grams: 0 } }],
  [
    'a batch of outcomes',
    'mutation B($inputs: [FeedInput!]!) { feedBatch(inputs: $inputs) { __typename ... on Fed { summary } ... on RefusedFeeding { reason } } }',
    { inputs: [input, { ...input, grams: 0 }, input] },
  ],
  ['a failing mutation among others', 'mutation { a: fail b: feed(input: { name: "x", grams: 1 }) { __typename } }'],
  ['no variable where one is required', feed, {}],
  ['a missing field', feed, { input: { name: 'Tom' } }],
  ['an unknown field', feed, { input: { ...input, gram: 1 } }],
  ['a null where none is allowed', feed, { input: { ...input, name: null } }],
  ['a value that a scalar refuses', feed, { input: { ...input, grams: 1.5 } }],
  ['a number beyond 2^53', feed, { input: { ...input, grams: 2 ** 53 + 2 } }],
  ['a string for a number', feed, { input: { ...input, grams: '5' } }],
  ['an enum value that does not exist', feed, { input: { ...input, colour: 'GREEN' } }],
  ['an enum value as the resolver sees it', feed, { input: { ...input, colour: 'red' } }],
  ['a list where an object is expected', feed, { input: [] }],
  ['a text where an object is expected', feed, { input: 'x' }],
  ['nulls in a list of none', feed, { input: { ...input, notes: ['a', null] } }],
  ['an integer too large for Int', 'query A($number: Int!) { add(number: $number) }', { number: 2 ** 31 }],
  ['a fraction for Int', 'query A($number: Int!) { add(number: $number) }', { number: 0.5 }],
  ['pages', 'query P($first: Int!) { household { pets(first: $first) { edges { node { text } } } } }', { first: 3 }],
  ['introspection', getIntrospectionQuery()],
  ['__typename and __type', '{ __typename __type(name: "Cat") { fields { name } } }'],
];

describe('compiled operations and graphql-js', () => {
  it.each(cases.map(([what, query, variables]) => ({ what, query, variables })))(
    'answer alike: $what',
    async ({ query, variables }) => {
      const expected = seen(await run(interpreting, query, variables));
      // Twice, since what is compiled must not remember anything.
      expect(seen(await run(compiling, query, variables))).toEqual(expected);
      expect(seen(await run(compiling, query, variables))).toEqual(expected);
    },
  );

  it.each([
    ['compiled', compiling],
    ['interpreted', interpreting],
  ])('run mutations one after the other (%s)', async (_how, operations) => {
    const { data } = await run(operations, 'mutation { a: increment b: increment c: increment }');
    const { a, b, c } = data as Record<string, number>;
    expect([b, c]).toEqual([(a ?? 0) + 1, (a ?? 0) + 2]);
  });

  it('stay with graphql-js for types that only an async function can tell', async () => {
    const schema = buildSchema('type Query { it: It } union It = A | B type A { a: Int } type B { b: Int }');
    const it = schema.getType('It') as { resolveType?: unknown };
    it.resolveType = async (value: { kind: string }) => value.kind;
    const operations = new Operations({ ...options, schema, compileAt: 1 });
    const { operation } = operations.prepare({ query: '{ it { ... on A { a } } }' });
    const root = { it: { kind: 'A', a: 1 } };
    expect(await operations.execute(operation as NonNullable<typeof operation>, null, {}, root)).toEqual({
      data: { it: { a: 1 } },
    });
  });

  it('notice failures without telling what failed', async () => {
    const lines: string[] = [];
    const operations = new Operations({
      ...options,
      log: createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } }),
    });
    const { errors } = await run(operations, '{ boom }');
    const [error] = errors ?? [];
    expect(error?.message).toBe('Internal server error');
    expect(JSON.stringify(errors)).not.toMatch(/hunter2|stack|abc\.def/);
    expect(lines.join('')).toContain(String(error?.extensions['correlationId']));
    expect(lines.join('')).not.toMatch(/hunter2|abc\.def/);
  });
});

import { getIntrospectionQuery, graphql } from 'graphql';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { loadConfig } from '../../src/config/config.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { createLog } from '../../src/kernel/log.ts';
import { Gate, sampleSchema } from '../support/sample-schema.ts';

const { limits } = loadConfig({}, 'local');
const log = createLog({ level: 'silent' });
const options = { schema: sampleSchema, limits, log, suggestions: false };
const operations = new Operations(options);

type Variables = Record<string, unknown>;

async function run(query: string, variables?: Variables, on = operations): Promise<ExecutionResult> {
  const { operation, errors } = on.prepare({ query, variables });
  if (operation === null) return { errors };
  return on.execute(operation, variables, { principal: null, gate: new Gate() });
}

/** As graphql-js answers by itself; errors as clients see them, since they are made from its own. */
async function plainly(source: string, variableValues: Variables = {}): Promise<ExecutionResult> {
  const contextValue = { principal: null, gate: new Gate() };
  return graphql({ schema: sampleSchema, source, variableValues, contextValue });
}

/** Where errors are, which have no order among themselves. */
function places(errors: readonly GraphQLError[] | undefined): string[] | undefined {
  return errors?.map(({ path, locations }) => JSON.stringify({ path, locations })).toSorted();
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

describe('operations', () => {
  it.each(cases.map(([what, query, variables]) => ({ what, query, variables })))(
    'are answered as graphql-js answers, time and again: $what',
    async ({ query, variables }) => {
      const { data, errors } = await plainly(query, variables);
      for (let time = 1; time <= 4; time += 1) {
        const result = await run(query, variables);
        expect(JSON.stringify(result.data)).toBe(JSON.stringify(data));
        expect(places(result.errors)).toEqual(places(errors));
        expect(seen(result)).toEqual(seen(await run(query, variables, new Operations(options))));
      }
    },
  );

  it('run mutations one after the other', async () => {
    const { data } = await run('mutation { a: increment b: increment c: increment }');
    const { a, b, c } = data as Record<string, number>;
    expect([b, c]).toEqual([(a ?? 0) + 1, (a ?? 0) + 2]);
  });

  it('that resolve at once are answered without a promise', () => {
    const isPromised = (query: string): boolean => {
      const { operation } = operations.prepare({ query });
      return operations.execute(operation as NonNullable<typeof operation>, null, {}) instanceof Promise;
    };
    expect(isPromised('{ hello household { text self { text } } }')).toBe(false);
    expect(isPromised('{ household { others { text } } }')).toBe(true);
  });

  it('show errors at their place in the document', async () => {
    const query = '# a comment\n{\n  hello\n  other: refuse(code: "CONFLICT")\n}';
    const { errors } = await run(query);
    expect(errors?.[0]?.source?.body).toBe(query);
    expect(errors?.[0]?.locations).toEqual([{ line: 4, column: 3 }]);
    expect(String(errors?.[0])).toContain('4 |   other: refuse');
  });

  it('notice failures without telling what failed', async () => {
    const lines: string[] = [];
    const noisy = new Operations({
      ...options,
      log: createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } }),
    });
    const { errors } = await run('{ boom }', {}, noisy);
    const [error] = errors ?? [];
    expect(error?.message).toBe('Internal server error');
    expect(JSON.stringify(errors)).not.toMatch(/hunter2|stack|abc\.def/);
    expect(lines.join('')).toContain(String(error?.extensions['correlationId']));
    expect(lines.join('')).not.toMatch(/hunter2|abc\.def/);
  });
});

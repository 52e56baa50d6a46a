import { getIntrospectionQuery } from 'graphql';
import { loadConfig } from '../../src/config/config.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { createLog } from '../../src/kernel/log.ts';
import { sampleSchema } from '../support/sample-schema.ts';

const { limits } = loadConfig({}, 'local');
const base = { schema: sampleSchema, limits, log: createLog({ level: 'silent' }) };
const operations = new Operations({ ...base, suggestions: false });

function codeOf(query: string, variables: Record<string, unknown> = {}, operationName?: string): unknown {
  const { errors } = operations.prepare({ query, variables, operationName });
  return errors === null ? 'admitted' : errors[0]?.extensions['code'];
}

const nested = (depth: number): string =>
  `{ household ${'{ self '.repeat(depth - 2)}{ text }${' }'.repeat(depth - 2)} }`;
const aliases = (count: number): string =>
  `{ ${Array.from({ length: count }, (_, at) => `a${at}: __typename`).join(' ')} }`;
const refused = 'GRAPHQL_VALIDATION_FAILED';

describe('a document', () => {
  it.each([
    ['of the deepest allowed', nested(15), 'admitted'],
    ['one deeper', nested(16), refused],
    ['thirty deep', nested(30), refused],
    [
      'deep through fragments',
      `{ household { ...F0 } } ${Array.from({ length: 15 }, (_, at) => `fragment F${at} on Household { self { ${at === 14 ? 'text' : `...F${at + 1}`} } }`).join(' ')}`,
      refused,
    ],
    ['with 50 root fields', aliases(50), 'admitted'],
    ['with 51 root fields', aliases(51), refused],
    [
      'with 500 aliases',
      `{ household { ${Array.from({ length: 500 }, (_, at) => `a${at}: text`).join(' ')} } }`,
      refused,
    ],
    [
      'whose fragments multiply',
      `{ household { ...F0 } } ${Array.from({ length: 12 }, (_, at) => `fragment F${at} on Household { a: self { ${at === 11 ? 'text' : `...F${at + 1}`} } b: self { ${at === 11 ? 'text' : `...F${at + 1}`} } }`).join(' ')}`,
      refused,
    ],
    [
      'whose fragments go in circles',
      '{ household { ...A } } fragment A on Household { self { ...B } } fragment B on Household { ...A }',
      refused,
    ],
    ['with 51 directives', `{ hello ${'@include(if: true) '.repeat(51)} }`, refused],
    ['with one field 2000 times', `{ household { ${'text '.repeat(2000)} } }`, refused],
    ['with too many tokens', `{ household { ${'text '.repeat(5000)} } }`, 'GRAPHQL_PARSE_FAILED'],
    ['of a megabyte', `{ hello } #${'x'.repeat(1_000_000)}`, refused],
    ['of too many bytes, though not characters', `{ hello } #${'€'.repeat(22_000)}`, refused],
    [
      'that asks for the schema, as GraphiQL does',
      getIntrospectionQuery({
        inputValueDeprecation: true,
        schemaDescription: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
      }),
      'admitted',
    ],
    [
      'that abuses introspection',
      '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }',
      refused,
    ],
    ['that is none', 'hello?', 'GRAPHQL_PARSE_FAILED'],
    ['without an operation', 'fragment F on Query { hello }', refused],
  ])('%s is judged: %#', (_what, query, expected) => {
    expect(codeOf(query)).toBe(expected);
  });

  it('of several operations needs a name', () => {
    const query = 'query A { hello } query B { hello }';
    expect(codeOf(query)).toBe('OPERATION_RESOLUTION_FAILURE');
    expect(codeOf(query, {}, 'C')).toBe('OPERATION_RESOLUTION_FAILURE');
    expect(codeOf(query, {}, 'B')).toBe('admitted');
  });

  it('that is hostile is turned away in no time, however often', () => {
    const hostile = `{ household { ${'a: text '.repeat(1300)} } }`;
    const startedMs = performance.now();
    for (let round = 0; round < 100; round += 1) codeOf(`${hostile}#${round}`);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('gets suggestions at home only', () => {
    const messages = (suggestions: boolean): unknown =>
      new Operations({ ...base, suggestions }).prepare({ query: '{ helo }' }).errors?.[0]?.message;
    expect(messages(true)).toContain('Did you mean "hello"?');
    expect(messages(false)).toBe('Cannot query field "helo" on type "Query".');
  });
});

describe('page sizes', () => {
  const page = 'query P($first: Int!) { household { pets(first: $first) { edges { node { text } } } } }';
  const pages = (outer: number, inner: number): string =>
    `{ household { pets(first: ${outer}) { edges { node { pets(first: ${inner}) { edges { node { text } } } } } } } }`;

  it.each([1, 100])('may be %i', (first) => {
    expect(codeOf(page, { first })).toBe('admitted');
    expect(codeOf(pages(first, 1))).toBe('admitted');
  });

  it.each([0, -1, 101, 2 ** 31 - 1])('may not be %i', (first) => {
    expect(codeOf(page, { first })).toBe('BAD_USER_INPUT');
    expect(codeOf(pages(first, 1))).toBe('BAD_USER_INPUT');
  });

  it('multiply, up to a bound', () => {
    expect(codeOf(pages(100, 20))).toBe('admitted');
    expect(codeOf(pages(100, 100))).toBe('BAD_USER_INPUT');
    const withVariables =
      'query P($a: Int = 100, $b: Int!) { household { ...H } } fragment H on Household { pets(first: $a) { edges { node { pets(first: $b) { edges { node { text } } } } } } }'.replace(
        '$a: Int =',
        '$a: Int! =',
      );
    expect(codeOf(withVariables, { b: 20 })).toBe('admitted');
    expect(codeOf(withVariables, { b: 100 })).toBe('BAD_USER_INPUT');
    expect(codeOf(withVariables, { a: 10, b: 100 })).toBe('admitted');
  });

  it('count as written in the schema when the document says nothing', () => {
    expect(
      codeOf(
        '{ household { pets { edges { node { pets { edges { node { pets { edges { node { text } } } } } } } } } } }',
      ),
    ).toBe('BAD_USER_INPUT');
  });

  it('have nothing to do with batches, however large', () => {
    const inputs = Array.from({ length: 1000 }, () => ({ name: 'Tom', grams: 1 }));
    expect(
      codeOf(
        'mutation B($inputs: [FeedInput!]!) { feedBatch(inputs: $inputs) { ... on Fed { summary pet { ... on Named { name } } } } }',
        { inputs },
      ),
    ).toBe('admitted');
  });
});

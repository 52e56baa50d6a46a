import { buildSchema, Kind, type OperationDefinitionNode, parse, validate } from 'graphql';
import { commandsOf } from '../../../src/graphql/execution/commands-of.ts';

const schema = buildSchema(`
  input Use { key: String }
  type Query { a(inputs: [Use!]): Int }
  type Mutation { one(input: Use): Int many(inputs: [Use!]!): Int }
`);

/** Commands of the only operation of a document. */
function countOf(text: string, variables: Record<string, unknown> = {}): number {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  const node = document.definitions.find(
    (each): each is OperationDefinitionNode => each.kind === Kind.OPERATION_DEFINITION,
  );
  return commandsOf({ document, node: node as OperationDefinitionNode }, variables);
}

const uses = (count: number): object[] => Array.from({ length: count }, (_, at) => ({ key: `${at}` }));

describe('commands of an operation', () => {
  it.each<[string, Record<string, unknown>, number]>([
    ['{ a }', {}, 1],
    ['{ a b: a c: a }', {}, 1],
    ['query ($u: [Use!]) { a(inputs: $u) }', { u: uses(500) }, 1],
    ['mutation { one }', {}, 1],
    ['mutation { one a: one b: one }', {}, 3],
    ['mutation ($u: [Use!]!) { many(inputs: $u) }', { u: uses(1000) }, 1000],
    ['mutation ($u: [Use!]!) { many(inputs: $u) again: many(inputs: $u) one }', { u: uses(40) }, 81],
    ['mutation ($u: [Use!]! = [{}, {}]) { many(inputs: $u) }', {}, 2],
    ['mutation { many(inputs: [{ key: "a" }, { key: "b" }, {}]) }', {}, 3],
    ['mutation ($k: Use!) { many(inputs: [$k, $k]) }', { k: {} }, 2],
    [
      'mutation ($u: [Use!]!) { ... { ...F } } fragment F on Mutation { many(inputs: $u) ... on Mutation { one } }',
      { u: uses(7) },
      8,
    ],
    // A single item is as good as a list of one.
    ['mutation { many(inputs: { key: "a" }) }', {}, 1],
    ['mutation ($u: [Use!]!) { many(inputs: $u) }', { u: { key: 'a' } }, 1],
    // What execution refuses is one operation like any other.
    ['mutation ($u: [Use!]!) { many(inputs: $u) }', { u: [] }, 1],
    ['mutation ($u: [Use!]!) { many(inputs: $u) }', { u: null }, 1],
    ['mutation ($u: [Use!]!) { many(inputs: $u) }', {}, 1],
  ])('%s', (text, variables, count) => {
    expect(countOf(text, variables)).toBe(count);
  });

  it('are counted anew for each request of a document that is known', () => {
    const document = parse('mutation ($u: [Use!]!) { many(inputs: $u) }');
    const operation = { document, node: document.definitions[0] as OperationDefinitionNode };
    expect([3, 1, 20].map((count) => commandsOf(operation, { u: uses(count) }))).toEqual([3, 1, 20]);
  });
});

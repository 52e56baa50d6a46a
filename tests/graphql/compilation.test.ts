import { execute, GraphQLInt, GraphQLList, GraphQLObjectType, GraphQLSchema, GraphQLString, parse } from 'graphql';
import { Compiler } from '../../src/graphql/compilation.ts';
import { DateTimeScalar, JsonObjectScalar } from '../../src/graphql/scalars.ts';

interface Args {
  readonly [name: string]: unknown;
}

const show = { type: GraphQLString, resolve: (_root: unknown, args: Args) => JSON.stringify(args) };
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: {
      show: {
        ...show,
        args: {
          text: { type: GraphQLString },
          texts: { type: new GraphQLList(GraphQLString) },
          number: { type: GraphQLInt },
          object: { type: JsonObjectScalar },
          objects: { type: new GraphQLList(JsonObjectScalar) },
          at: { type: DateTimeScalar },
        },
      },
    },
  }),
});
const compiler = new Compiler(schema, 10_000);

/** What graphql-jit 0.8 puts before a number to mean an instant, in the code that it makes. */
const MARKER = '__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d';
const HOSTILE = `${MARKER}(globalThis.intruder = true)`;

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'intruder');
});

describe('text that clients write', () => {
  it.each([
    ['an argument', `{ show(text: "${HOSTILE}") }`],
    ['a block', `{ show(text: """${HOSTILE}""") }`],
    ['a list', `{ show(texts: ["a", "${HOSTILE}"]) }`],
    ['a default', `query ($text: String = "${HOSTILE}") { show(text: $text) }`],
    ['an object', `{ show(object: { a: ["${HOSTILE}"] }) }`],
    ['a fragment', `{ ...F } fragment F on Query { show(text: "${HOSTILE}") }`],
    ['escapes', `{ show(text: "\\u005f${HOSTILE.slice(1)}") }`],
  ])('never becomes code: in %s', async (_where, query) => {
    const document = parse(query);
    expect(compiler.compile(document, null)).toBeNull();
    const { data } = await execute({ schema, document });
    expect(String(data?.['show'])).toContain(HOSTILE);
    expect('intruder' in globalThis).toBe(false);
  });

  it('stays text in variables, and those are compiled', async () => {
    const compiled = compiler.compile(
      parse('query ($text: String, $object: JSONObject) { show(text: $text, object: $object) }'),
      null,
    );
    const variables = { text: HOSTILE, object: { [HOSTILE]: HOSTILE } };
    expect(await compiled?.(undefined, {}, variables)).toEqual({ data: { show: JSON.stringify(variables) } });
    expect('intruder' in globalThis).toBe(false);
  });
});

describe('what compiled code would get wrong is left to graphql-js', () => {
  it.each([
    ['variables inside of an object for a scalar', 'query ($n: Int) { show(object: { a: $n, b: [{ c: $n }] }) }'],
    ['and inside of a list of them', 'query ($n: Int) { show(objects: [{ a: $n }]) }'],
    ['an instant as a default', 'query ($at: DateTime = "2026-03-10T12:00:00Z") { show(at: $at) }'],
    ['a member that would be a prototype', '{ __proto__: show(number: 1) }'],
    ['a variable that would be one', 'query ($__proto__: Int) { show(number: $__proto__) }'],
  ])('%s', (_what, query) => {
    expect(compiler.compile(parse(query), null)).toBeNull();
  });

  it('while numbers, flags and lists of variables are compiled', () => {
    for (const query of [
      '{ show(number: 5) }',
      'query ($a: String, $b: Boolean!) { show(texts: [$a]) @include(if: $b) }',
    ]) {
      expect(compiler.compile(parse(query), null)).toBeInstanceOf(Function);
    }
  });
});

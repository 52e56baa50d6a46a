import { readFile } from 'node:fs/promises';
import {
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';

let schema: GraphQLSchema;
beforeAll(async () => {
  schema = await buildTollgateSchema();
});

/** Everything that a client meets by name: types, fields, arguments, input fields, enum values. */
function* members(): Generator<{ name: string; description: string | null | undefined }> {
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    yield type;
    if (isEnumType(type)) {
      for (const value of type.getValues()) yield { ...value, name: `${type.name}.${value.name}` };
    }
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) yield { ...field, name: `${type.name}.${field.name}` };
    }
    if (isObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        yield { ...field, name: `${type.name}.${field.name}` };
        for (const argument of field.args) {
          yield { ...argument, name: `${type.name}.${field.name}(${argument.name}:)` };
        }
      }
    }
  }
}

describe('the schema', () => {
  it('is what schema/schema.graphql says', async () => {
    const file = await readFile('schema/schema.graphql', 'utf8');
    expect(`${printSchema(lexicographicSortSchema(schema))}\n`).toBe(file);
  });

  it('describes every member that a client meets', () => {
    const bare = [...members()].filter(({ description }) => !description?.trim()).map(({ name }) => name);
    expect(bare).toEqual([]);
  });

  it('pages every connection alike: 20 unless asked otherwise, after a cursor', () => {
    const connections = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .flatMap((type) => Object.values(type.getFields()))
      // A year of invoices is a page.
      .filter(({ name }) => name !== 'invoices')
      .filter(({ type }) => /Connection!?$/.test(String(type)));
    expect(connections.length).toBeGreaterThan(3);
    for (const { args } of connections) {
      const [first, after] = ['first', 'after'].map((name) => args.find((argument) => argument.name === name));
      expect([String(first?.type), first?.defaultValue, String(after?.type)]).toEqual(['Int!', 20, 'String']);
    }
  });

  it('builds the same again, so that tests and servers of one process do not disturb each other', async () => {
    expect(printSchema(await buildTollgateSchema())).toBe(printSchema(schema));
  });
});

import { readFile } from 'node:fs/promises';
import {
  defaultFieldResolver,
  getNamedType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  isScalarType,
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

  it('says of every scalar of its own that has a public specification where that is', () => {
    const specified = Object.values(schema.getTypeMap())
      .filter(isScalarType)
      .flatMap(({ name, specifiedByURL }) => (specifiedByURL ? [[name, new URL(specifiedByURL).protocol]] : []));
    expect(Object.fromEntries(specified)).toEqual({
      Credits: 'https:',
      DateTime: 'https:',
      JSONObject: 'https:',
      SafeInt: 'https:',
    });
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

  it('answers every whole number that is too large for its type with the largest of it, below zero too', async () => {
    const LARGEST: Record<string, number> = { Int: 2 ** 31 - 1, Credits: 2 ** 53 - 1, SafeInt: 2 ** 53 - 1 };
    const seen = new Set<string>();
    for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
      for (const field of Object.values(type.getFields())) {
        const scalar = getNamedType(field.type);
        const largest = LARGEST[scalar.name];
        if (largest === undefined || !isScalarType(scalar)) continue;
        seen.add(scalar.name);
        for (const sign of [1, -1]) {
          const beyond = scalar.name === 'Int' ? 2 ** 40 * sign : 10n ** 30n * BigInt(sign);
          const info = { fieldName: field.name } as GraphQLResolveInfo;
          // What has a resolver of its own is asked of the domain; that of an Int is only held within.
          const isOwn = scalar.name !== 'Int' && field.resolve !== undefined;
          const resolve = isOwn ? () => beyond : (field.resolve ?? defaultFieldResolver);
          const value: unknown = await resolve({ [field.name]: beyond }, {}, {}, info);
          expect([`${type.name}.${field.name}`, scalar.serialize(value)]).toEqual([
            `${type.name}.${field.name}`,
            sign * largest,
          ]);
        }
      }
    }
    expect(seen.size).toBe(3);
  });

  it('says where it may happen that a number saturates', () => {
    const silent = ['Credits', 'SafeInt', 'UsageBucket.quantity', 'UsageRefused.required', 'CreditBalance.allowance']
      .concat(['UpcomingInvoice.totalCents', 'PlanChangePreview.nextInvoiceCents'])
      .filter((name) => !/saturate/i.test([...members()].find((member) => member.name === name)?.description ?? ''));
    expect(silent).toEqual([]);
  });

  it('builds the same again, so that tests and servers of one process do not disturb each other', async () => {
    expect(printSchema(await buildTollgateSchema())).toBe(printSchema(schema));
  });
});

/** Prices of introspection: it answers with objects of the schema itself, and these are counted. */
import {
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from 'graphql';
import { aListOf, anObject, type Price } from './price.ts';

/** A type within a type: half of them hold another one. */
const aWrappedType: Price = ({ inner }) => (1 + inner) / 2;

const known = new WeakMap<GraphQLSchema, ReadonlyMap<string, Price>>();

/** The price of an introspection field; undefined for any other field. */
export function introspectionPrices(
  schema: GraphQLSchema,
  parent: GraphQLCompositeType,
  field: GraphQLField<unknown, unknown>,
): Price | undefined {
  if (field === SchemaMetaFieldDef || field === TypeMetaFieldDef) return anObject;
  if (!parent.name.startsWith('__')) return undefined;
  let prices = known.get(schema);
  if (prices === undefined) known.set(schema, (prices = pricesOf(schema)));
  return prices.get(`${parent.name}.${field.name}`);
}

/** Each list has its average length in this schema. */
function pricesOf(schema: GraphQLSchema): Map<string, Price> {
  const types = Object.values(schema.getTypeMap());
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
  const fields = types.flatMap((type) =>
    isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [],
  );
  const sizes: Readonly<Record<string, number>> = {
    '__Schema.types': types.length,
    '__Schema.directives': schema.getDirectives().length,
    '__Type.fields': fields.length / types.length,
    '__Type.inputFields':
      sum(types.map((type) => (isInputObjectType(type) ? Object.keys(type.getFields()).length : 0))) / types.length,
    '__Type.enumValues': sum(types.map((type) => (isEnumType(type) ? type.getValues().length : 0))) / types.length,
    '__Type.interfaces':
      sum(types.map((type) => (isObjectType(type) ? type.getInterfaces().length : 0))) / types.length,
    '__Type.possibleTypes':
      sum(types.map((type) => (isAbstractType(type) ? schema.getPossibleTypes(type).length : 0))) / types.length,
    '__Field.args': sum(fields.map(({ args }) => args.length)) / fields.length,
    '__Directive.args':
      sum(schema.getDirectives().map(({ args }) => args.length)) / Math.max(1, schema.getDirectives().length),
    '__Directive.locations': 0,
  };
  const lists = Object.entries(sizes).map(([name, size]) => [name, aListOf(size)] as const);
  return new Map<string, Price>([...lists, ['__Type.ofType', aWrappedType]]);
}

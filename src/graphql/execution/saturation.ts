import { defaultFieldResolver, getNamedType, type GraphQLSchema, GraphQLInt, isObjectType } from 'graphql';

/** The largest number that GraphQL's own Int carries. */
const MAX_INT = 2 ** 31 - 1;

/**
 * Fields of the type Int answer the largest there is for whatever is larger, as Credits and SafeInt do by themselves: an
 * amount in cents may pass it, and must not break the page that shows it.
 */
export function saturateInts(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      if (getNamedType(field.type) !== GraphQLInt) continue;
      const resolve = field.resolve ?? defaultFieldResolver;
      field.resolve = (source, args, context, info) => {
        const value: unknown = resolve(source, args, context, info);
        return typeof value === 'number' && Math.abs(value) > MAX_INT ? Math.sign(value) * MAX_INT : value;
      };
    }
  }
  return schema;
}

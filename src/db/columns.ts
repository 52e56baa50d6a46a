/** Select lists for whole SQL, from the one description that a table has. */
import { type InferEntity, UnderscoreNamingStrategy } from '@mikro-orm/core';

/** The part of `defineEntity`'s result that a select list needs. */
interface Description {
  readonly meta: { readonly properties: object };
}

const naming = new UnderscoreNamingStrategy();

/** The column of a property, as the ORM names it. */
export function columnName(property: string): string {
  return naming.propertyToColumnName(property);
}

/**
 * The columns of a table, each under the name of its property, so that a row of the statement is an `InferEntity` of the
 * description and needs no mapper.
 * @param only these; else all but the `lazy` ones, which the EntityManager leaves out, too
 */
export function columnsOf<Table extends Description>(
  { meta }: Table,
  alias: string,
  only?: readonly (keyof InferEntity<Table> & string)[],
): string {
  const properties = Object.entries(meta.properties as Record<string, { readonly lazy?: boolean }>);
  const wanted = only ?? properties.filter(([, { lazy }]) => lazy !== true).map(([name]) => name);
  return wanted.map((name) => `${alias}.${columnName(name)} as "${name}"`).join(', ');
}

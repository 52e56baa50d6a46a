/** Select lists for whole SQL, from the one description that a table has. */
import { UnderscoreNamingStrategy } from '@mikro-orm/core';

/** What `defineEntity` gives, as far as a select list needs it. */
interface Description {
  readonly meta: { readonly properties: object };
}

const names = new UnderscoreNamingStrategy();

/**
 * The columns of a table, each under the name of its property, so that a row of the statement is an `InferEntity` of the
 * description and needs no mapper. Columns that are `lazy` are left out, as the EntityManager leaves them out.
 */
export function columnsOf({ meta }: Description, alias: string): string {
  return Object.entries(meta.properties as Record<string, { readonly lazy?: boolean }>)
    .filter(([, property]) => property.lazy !== true)
    .map(([name]) => `${alias}.${names.propertyToColumnName(name)} as "${name}"`)
    .join(', ');
}

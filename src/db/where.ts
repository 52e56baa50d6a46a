/**
 * The conditions of a statement that is built for what is asked, with their parameters numbered as they come. A condition
 * that is not asked for is not there: one that says «or $n is null» would keep the planner from the right index.
 */
export class Conditions {
  readonly values: unknown[];
  readonly #texts: string[] = [];

  /** @param values of the same statement, where it has other conditions elsewhere */
  constructor(values: unknown[] = []) {
    this.values = values;
  }

  /** Conditions of their own within the same statement: their parameters are numbered on. */
  part(): Conditions {
    return new Conditions(this.values);
  }

  /** Takes a value; returns how the statement names it. */
  value(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  and(text: string): this {
    this.#texts.push(text);
    return this;
  }

  /** The column has one of these values, of which there is at least one. A single one is compared by `=`: only that lets an index keep its order. */
  isOneOf(column: string, values: readonly unknown[]): this {
    return this.and(
      values.length === 1 ? `${column} = ${this.value(values[0])}` : `${column} = any(${this.value(values)})`,
    );
  }

  /** `where` with all of them. */
  get clause(): string {
    return this.#texts.length === 0 ? '' : `where ${this.#texts.join(' and ')}`;
  }
}

/** Whose rows a statement lists: one entity's, or those of each of several by itself. */
export interface Owners {
  /** The value that a row's `billing_entity_id` must have. */
  readonly condition: (alias: string) => string;
  /** The whole statement: the rows of each, so many at most, in this order. */
  readonly list: (list: ListOf) => string;
}

interface ListOf {
  readonly columns: string;
  /** The table, under the name that columns, conditions and order use. */
  readonly alias: string;
  readonly table: string;
  readonly where: Conditions;
  readonly order: string;
  readonly limit: number;
}

/**
 * Lists rows of these entities. One is compared by `=`. Of several each is read through the index that serves one, in one
 * statement that names all of them besides, so that a distributed database asks only where they are.
 */
export function ownersOf(ids: readonly string[], where: Conditions): Owners {
  const [only, ...more] = ids;
  if (more.length === 0) {
    const id = where.value(only);
    return {
      condition: (alias) => `${alias}.billing_entity_id = ${id}`,
      list: ({ columns, table, alias, where: conditions, order, limit }) =>
        `select ${columns} from ${table} ${alias} ${conditions.clause} order by ${order} limit ${conditions.value(limit)}`,
    };
  }
  const all = where.value(ids);
  return {
    condition: (alias) => `${alias}.billing_entity_id = o.owner and ${alias}.billing_entity_id = any(${all})`,
    list: ({ columns, table, alias, where: conditions, order, limit }) =>
      `select ${columns} from unnest(${all}::uuid[]) as o(owner) cross join lateral (
         select * from ${table} ${alias} ${conditions.clause} order by ${order} limit ${conditions.value(limit)}
       ) ${alias} order by ${order}`,
  };
}

/** A port for code that writes one statement into whatever transaction its caller is in. */
import type { EntityManager } from '@mikro-orm/postgresql';

/** A transaction's client, or the database for a statement by itself. */
export interface SqlClient {
  /** `$1` to `$n` stand in the text once each, in the order of the values. */
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** The transaction that an entity manager is in. */
export function clientOf(em: EntityManager): SqlClient {
  // The ORM numbers its parameters by their order alone.
  return { query: (text, values) => em.execute(text.replace(/\$\d+/g, '?'), values) };
}

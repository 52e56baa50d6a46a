/** Tells a database that this release knows from one that a newer release has migrated, which an older one must not write to. */
import pg from 'pg';
import { migrations } from '../../migrations/list.ts';
import { MendableError } from '../kernel/mendable-error.ts';

/** Migrations know their names once there is one. */
const KNOWN = new Set(migrations.map((Each) => new Each(null as never, null as never).name));

/** A newer release has migrated the database. The message is one line for whoever starts this one. */
export class NewerSchemaError extends MendableError {
  override readonly name = 'NewerSchemaError';

  constructor(unknown: readonly string[]) {
    super(
      `the database has been migrated by a newer release (${unknown.join(', ')}): start that one, or a newer one, here`,
    );
  }
}

/**
 * Looks whether every migration that the database has had is known here; writes nothing. A database that was never
 * migrated, or not to the end, passes.
 * @throws {NewerSchemaError}
 */
export async function requireKnownSchema(databaseUrl: string): Promise<void> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'tollgate',
    connectionTimeoutMillis: 3_000,
    statement_timeout: 30_000,
  });
  // One that breaks meanwhile fails the query, too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows: there } = await client.query<{ there: boolean }>(
      `select to_regclass('schema_migration') is not null as there`,
    );
    if (there[0]?.there !== true) return;
    const { rows } = await client.query<{ name: string }>('select name from schema_migration order by id');
    const unknown = rows.map(({ name }) => name).filter((name) => !KNOWN.has(name));
    if (unknown.length > 0) throw new NewerSchemaError(unknown);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Which base credits nobody paid for. Noted before they are taken back, so that whoever goes on knows why they were. */
import type { Database } from '../db/database.ts';

export class UnpaidBases {
  readonly #database: Database;

  constructor({ database }: { readonly database: Database }) {
    this.#database = database;
  }

  /** Grants of the entity that are noted. */
  async of(billingEntityId: string): Promise<string[]> {
    const { rows } = await this.#database.query<{ grant_id: string }>(
      'select grant_id from unpaid_base where billing_entity_id = $1 order by grant_id',
      [billingEntityId],
    );
    return rows.map((row) => row.grant_id);
  }

  async note(billingEntityId: string, grantIds: readonly string[]): Promise<void> {
    if (grantIds.length === 0) return;
    await this.#database.query(
      `insert into unpaid_base (billing_entity_id, grant_id) select $1, unnest($2::uuid[])
       on conflict (billing_entity_id, grant_id) do nothing`,
      [billingEntityId, grantIds],
    );
  }

  async forget(billingEntityId: string, grantId: string): Promise<void> {
    await this.#database.query('delete from unpaid_base where billing_entity_id = $1 and grant_id = $2', [
      billingEntityId,
      grantId,
    ]);
  }
}

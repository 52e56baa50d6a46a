import type { Database } from '../db/database.ts';
import type { PendingPayment } from './plan-state.ts';

/** The change of each entity's subscription that waits for the payer. It is shown to callers and decides nothing. */
export class PendingPayments {
  readonly #database: Database;

  constructor({ database }: { readonly database: Database }) {
    this.#database = database;
  }

  /** Notes the change that waits; null: none does. */
  async note(billingEntityId: string, pending: PendingPayment | null): Promise<void> {
    if (pending === null) {
      await this.#database.query('delete from pending_payment where billing_entity_id = $1', [billingEntityId]);
      return;
    }
    await this.#database.query(
      `insert into pending_payment (billing_entity_id, plan, quantity, hosted_url, expires_at)
       values ($1, $2, $3, $4, $5)
       on conflict (billing_entity_id) do update
         set plan = excluded.plan, quantity = excluded.quantity, hosted_url = excluded.hosted_url,
           expires_at = excluded.expires_at`,
      [billingEntityId, pending.plan.code, pending.quantity, pending.hostedUrl, pending.expiresAt],
    );
  }
}

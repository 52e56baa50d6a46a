import { Migration } from '@mikro-orm/migrations';

/** An alert is acknowledged once, in a table of its own: the alerts themselves are the ledger's, and are never changed. */
export class AcknowledgedAlerts extends Migration {
  override name = '0019-acknowledged-alerts';

  override up(): void {
    this.addSql(`create table alert_acknowledgement (
      billing_entity_id uuid not null,
      number bigint not null,
      acknowledged_at timestamptz(3) not null,
      acknowledged_by text not null,
      constraint alert_acknowledgement_pkey primary key (billing_entity_id, number)
    )`);
  }
}

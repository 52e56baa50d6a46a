import { Migration } from '@mikro-orm/migrations';

/** Any number of periods may be unpaid at once, and outlive the customer. */
export class UnpaidBases extends Migration {
  override name = '0007-unpaid-bases';

  override up(): void {
    this.addSql(`create table unpaid_base (
      billing_entity_id uuid not null,
      grant_id uuid not null,
      constraint unpaid_base_pkey primary key (billing_entity_id, grant_id)
    )`);
    this.addSql(`insert into unpaid_base (billing_entity_id, grant_id)
      select billing_entity_id, unpaid_grant_id from stripe_customer where unpaid_grant_id is not null`);
    this.addSql('alter table stripe_customer drop column unpaid_grant_id');
  }
}

import { Migration } from '@mikro-orm/migrations';

/**
 * Findings: parts of an entity's subscription that are not followed whole, or wait for somebody, as it was last looked at. And
 * customers that an entity was before, which the account of Stripe's did not know.
 */
export class SubscriptionFindings extends Migration {
  override name = '0021-subscription-findings';

  override up(): void {
    this.addSql(`create table subscription_finding (
      billing_entity_id uuid not null,
      kind text not null,
      subject text not null,
      reason text not null,
      since timestamptz(3) not null,
      constraint subscription_finding_pkey primary key (billing_entity_id, kind, subject)
    )`);
    this.addSql(`create table former_customer (
      billing_entity_id uuid not null,
      customer_id text not null,
      constraint former_customer_pkey primary key (billing_entity_id, customer_id)
    )`);
  }
}

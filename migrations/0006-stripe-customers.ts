import { Migration } from '@mikro-orm/migrations';

/** Which customer of Stripe's an entity is, and the change of its subscription that waits for the payer. */
export class StripeCustomers extends Migration {
  override name = '0006-stripe-customers';

  override up(): void {
    this.addSql(`create table stripe_customer (
      billing_entity_id uuid not null,
      customer_id text not null,
      unpaid_grant_id uuid,
      constraint stripe_customer_pkey primary key (billing_entity_id)
    )`);
    this.addSql(`create table pending_payment (
      billing_entity_id uuid not null,
      plan text not null,
      quantity int not null,
      hosted_url text not null,
      expires_at timestamptz(3),
      constraint pending_payment_pkey primary key (billing_entity_id),
      constraint pending_payment_quantity_positive check (quantity > 0)
    )`);
  }
}

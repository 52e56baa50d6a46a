import { Migration } from '@mikro-orm/migrations';

/** What Stripe delivered, each event once. Shared, as the directory is: an event comes before its billing entity is known. */
export class StripeInbox extends Migration {
  override name = '0005-stripe-inbox';

  override up(): void {
    this.addSql(`create table stripe_event (
      id text not null,
      type text not null,
      thin boolean not null,
      object_id text,
      customer_id text,
      created_at timestamptz(3) not null,
      received_at timestamptz(3) not null,
      processed_at timestamptz(3),
      constraint stripe_event_pkey primary key (id)
    )`);
    this.addSql(`create index stripe_event_unprocessed on stripe_event (received_at) where processed_at is null`);
  }
}

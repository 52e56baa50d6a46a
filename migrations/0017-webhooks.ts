import { Migration } from '@mikro-orm/migrations';

/** Webhooks to customers: one endpoint an entity, the secrets that sign, and what was and will be sent. */
export class Webhooks extends Migration {
  override name = '0017-webhooks';

  override up(): void {
    this.addSql(`create table webhook_endpoint (
      billing_entity_id uuid not null,
      url text not null,
      created_at timestamptz(3) not null,
      failing_since timestamptz(3),
      lagging boolean not null,
      disabled_at timestamptz(3),
      disabled_reason text,
      notice_pending boolean not null,
      constraint webhook_endpoint_pkey primary key (billing_entity_id),
      constraint webhook_endpoint_disabled_for_a_reason check ((disabled_at is null) = (disabled_reason is null)),
      constraint webhook_endpoint_notice_of_disabled check (disabled_at is not null or not notice_pending)
    )`);
    this.addSql(`create index webhook_endpoint_notice on webhook_endpoint (billing_entity_id) where notice_pending`);

    // One row a secret: the one that is shown once, and during a rotation the one before it, which has an end.
    this.addSql(`create table webhook_secret (
      billing_entity_id uuid not null,
      id uuid not null,
      key_encryption_key text not null,
      wrapped_data_key bytea not null,
      ciphertext bytea not null,
      created_at timestamptz(3) not null,
      expires_at timestamptz(3),
      constraint webhook_secret_pkey primary key (billing_entity_id, id)
    )`);
    this.addSql(
      `create unique index webhook_secret_current on webhook_secret (billing_entity_id) where expires_at is null`,
    );

    this.addSql(`create table webhook_delivery (
      billing_entity_id uuid not null,
      id uuid not null,
      event_type text not null,
      body bytea not null,
      status text not null,
      attempts int not null,
      step int not null,
      response_status int,
      error text,
      created_at timestamptz(3) not null,
      next_attempt_at timestamptz(3),
      claimed_until timestamptz(3),
      delivered_at timestamptz(3),
      constraint webhook_delivery_pkey primary key (billing_entity_id, id),
      constraint webhook_delivery_status_known check (status in ('PENDING', 'DELIVERED', 'FAILED')),
      constraint webhook_delivery_pending_has_a_next check ((status = 'PENDING') = (next_attempt_at is not null)),
      constraint webhook_delivery_delivered_at_an_instant check ((status = 'DELIVERED') = (delivered_at is not null)),
      constraint webhook_delivery_counts check (attempts >= 0 and step >= 0 and step <= attempts)
    )`);
    this.addSql(`create index webhook_delivery_due on webhook_delivery (next_attempt_at) where status = 'PENDING'`);
    this.addSql(`create index webhook_delivery_pending on webhook_delivery (billing_entity_id, next_attempt_at)
      where status = 'PENDING'`);
    this.addSql(`create index webhook_delivery_old on webhook_delivery (created_at)`);
  }
}

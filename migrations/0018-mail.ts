import { Migration } from '@mikro-orm/migrations';

/** E-mail: news that waits, mails, and addresses with what their owners said. */
export class MailTables extends Migration {
  override name = '0018-mail';

  override up(): void {
    this.addSql(`create table mail_item (
      billing_entity_id uuid not null,
      id text not null,
      number bigint not null,
      content json not null,
      member_id uuid,
      created_at timestamptz(3) not null,
      folded_at timestamptz(3),
      constraint mail_item_pkey primary key (billing_entity_id, id)
    )`);
    this.addSql(`create index mail_item_waiting on mail_item (billing_entity_id, created_at) where folded_at is null`);

    // The row is the lock under which an entity's news is folded.
    this.addSql(`create table mail_window (
      billing_entity_id uuid not null,
      mailed_at timestamptz(3),
      constraint mail_window_pkey primary key (billing_entity_id)
    )`);

    this.addSql(`create table mail (
      billing_entity_id uuid not null,
      id uuid not null,
      address_id uuid not null,
      kind text not null,
      recipient text not null,
      content json,
      created_at timestamptz(3) not null,
      attempts int not null default 0,
      next_attempt_at timestamptz(3) not null,
      claimed_until timestamptz(3),
      sent_at timestamptz(3),
      failed_at timestamptz(3),
      failure text,
      constraint mail_pkey primary key (billing_entity_id, id),
      constraint mail_kind_known check (kind in ('DIGEST', 'CONFIRMATION')),
      constraint mail_ends_once check (sent_at is null or failed_at is null),
      constraint mail_has_content_until_it_ends
        check (content is not null or sent_at is not null or failed_at is not null)
    )`);
    this.addSql(`create index mail_unsent on mail (next_attempt_at) where sent_at is null and failed_at is null`);
    this.addSql(`create index mail_of_address on mail (billing_entity_id, address_id, created_at)`);

    this.addSql(`create table alert_address (
      billing_entity_id uuid not null,
      key text not null,
      id uuid not null,
      address text not null,
      position int,
      confirmed_at timestamptz(3),
      unsubscribed_at timestamptz(3),
      confirmation_sent_at timestamptz(3),
      created_at timestamptz(3) not null,
      constraint alert_address_pkey primary key (billing_entity_id, key),
      constraint alert_address_id_unique unique (billing_entity_id, id)
    )`);

    this.addSql(`create table user_email (
      billing_entity_id uuid not null,
      address text not null,
      seen_at timestamptz(3) not null,
      constraint user_email_pkey primary key (billing_entity_id)
    )`);

    // The one table of no entity: strangers are protected from all entities together.
    this.addSql(`create table confirmation_count (
      key text not null,
      day timestamptz(3) not null,
      sent int not null,
      constraint confirmation_count_pkey primary key (key),
      constraint confirmation_count_positive check (sent > 0)
    )`);
  }
}

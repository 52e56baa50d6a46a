import { Migration } from '@mikro-orm/migrations';

/** Billing entities and their directory, accounts, grants, the ledger and usage records. One statement per call. */
export class TheTill extends Migration {
  override name = '0001-the-till';

  override up(): void {
    this.addSql(`create table entity_key (
      namespace text not null,
      key text not null,
      billing_entity_id uuid not null,
      constraint entity_key_pkey primary key (namespace, key)
    )`);

    this.addSql(`create table billing_entity (
      billing_entity_id uuid not null,
      type text not null,
      external_id text not null,
      name text not null,
      created_at timestamptz(3) not null,
      suspended_at timestamptz(3),
      suspension_reason text,
      constraint billing_entity_pkey primary key (billing_entity_id),
      constraint billing_entity_type_known check (type in ('USER', 'ORGANIZATION'))
    )`);

    // The hot row of every account. No index covers a column that use changes, and half of each page stays free, so
    // that an update is a heap-only one and leaves no index entry behind.
    this.addSql(`create table credit_account (
      billing_entity_id uuid not null,
      available bigint not null,
      held bigint not null,
      used bigint not null,
      overage bigint not null,
      owed bigint not null,
      version bigint not null,
      sequence bigint not null,
      period_start timestamptz(3) not null,
      period_end timestamptz(3) not null,
      carries jsonb not null,
      trial_given boolean not null,
      touched_at timestamptz(3) not null,
      due_at timestamptz(3),
      constraint credit_account_pkey primary key (billing_entity_id),
      constraint credit_account_available_not_negative check (available >= 0),
      constraint credit_account_held_not_negative check (held >= 0),
      constraint credit_account_used_not_negative check (used >= 0),
      constraint credit_account_overage_not_negative check (overage >= 0),
      constraint credit_account_owed_not_negative check (owed >= 0),
      constraint credit_account_version_not_negative check (version >= 0),
      constraint credit_account_sequence_not_negative check (sequence >= 0),
      constraint credit_account_owed_only_when_empty check (owed = 0 or available = 0),
      constraint credit_account_period_runs_forward check (period_start < period_end)
    ) with (fillfactor = 50)`);
    this.addSql(`create index credit_account_due on credit_account (due_at) where due_at is not null`);

    this.addSql(`create table credit_grant (
      billing_entity_id uuid not null,
      id uuid not null,
      source text not null,
      amount bigint not null,
      remaining bigint not null,
      priority int not null,
      state text not null,
      open boolean not null,
      effective_at timestamptz(3) not null,
      expires_at timestamptz(3),
      reason text,
      created_at timestamptz(3) not null,
      constraint credit_grant_pkey primary key (billing_entity_id, id),
      constraint credit_grant_remaining_in_range check (remaining >= 0 and remaining <= amount),
      constraint credit_grant_open_until_closed check (open or state in ('SPENT', 'LAPSED')),
      constraint credit_grant_closed_for_good check (not open or state in ('PENDING', 'ACTIVE')),
      constraint credit_grant_closed_is_empty check (open or remaining = 0),
      constraint credit_grant_expires_after_effect check (expires_at > effective_at)
    ) with (fillfactor = 70)`);
    this.addSql(`create index credit_grant_open on credit_grant (billing_entity_id) where open`);

    // No foreign keys between the ledger's tables: every row is written by the one write door under the account's
    // lock, verification holds them against each other, and a key share lock per row would cost a tenth of the rate.
    this.addSql(`create table ledger_entry (
      billing_entity_id uuid not null,
      sequence bigint not null,
      kind text not null,
      amount bigint not null,
      available_after bigint not null,
      held_change bigint not null,
      held_after bigint not null,
      overage_change bigint not null,
      overage_after bigint not null,
      owed_change bigint not null,
      owed_after bigint not null,
      grant_id uuid,
      draw_grant_ids uuid[],
      draw_credits bigint[],
      actor text not null,
      reason text,
      idempotency_key text,
      fingerprint bytea,
      created_at timestamptz(3) not null,
      constraint ledger_entry_pkey primary key (billing_entity_id, sequence),
      constraint ledger_entry_sequence_positive check (sequence > 0),
      constraint ledger_entry_after_not_negative
        check (available_after >= 0 and held_after >= 0 and overage_after >= 0 and owed_after >= 0),
      constraint ledger_entry_key_with_fingerprint check ((idempotency_key is null) = (fingerprint is null))
    )`);
    this.addSql(`create unique index ledger_entry_idempotency_key
      on ledger_entry (billing_entity_id, idempotency_key) where idempotency_key is not null`);

    this.addSql(`create table usage_record (
      billing_entity_id uuid not null,
      sequence bigint not null,
      line smallint not null,
      user_id uuid,
      billing_mode text not null,
      resource text not null,
      quantity bigint not null,
      credits bigint not null,
      overage bigint not null,
      rate_units bigint not null,
      rate_credits bigint not null,
      carried_before text not null,
      carried_after text not null,
      draw_grant_ids uuid[] not null,
      draw_credits bigint[] not null,
      metadata jsonb,
      occurred_at timestamptz(3) not null,
      recorded_at timestamptz(3) not null,
      constraint usage_record_pkey primary key (billing_entity_id, sequence, line),
      constraint usage_record_amounts check (quantity >= 0 and credits >= 0 and overage >= 0 and overage <= credits),
      constraint usage_record_draws_pair check (cardinality(draw_grant_ids) = cardinality(draw_credits))
    )`);
    this.addSql(`create index usage_record_history on usage_record (billing_entity_id, occurred_at, sequence, line)`);

    this.addSql(`create function refuse_rewriting_history() returns trigger language plpgsql as $$
      begin
        raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
      end $$`);
    // A distributed table takes a row trigger only with this setting; plain PostgreSQL accepts and ignores it.
    this.addSql(`set local citus.enable_unsafe_triggers = on`);
    this.addSql(`create trigger ledger_entry_append_only before update or delete on ledger_entry
      for each row execute function refuse_rewriting_history()`);
    this.addSql(`create trigger usage_record_append_only before update or delete on usage_record
      for each row execute function refuse_rewriting_history()`);
    this.addSql(`revoke update, delete, truncate on ledger_entry from current_user`);
    this.addSql(`revoke update, delete, truncate on usage_record from current_user`);
  }
}

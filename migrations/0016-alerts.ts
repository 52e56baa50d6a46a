import { Migration } from '@mikro-orm/migrations';

/** Alerts, raised by the ledger's transaction once per crossing, and what each account wants to hear of. */
export class Alerts extends Migration {
  override name = '0016-alerts';

  override up(): void {
    // null: nothing was raised or set yet. What an account has passed already is not raised: it was passed before anybody asked.
    this.addSql(`alter table credit_account add column alert_state jsonb, add column alert_preferences jsonb`);
    // null: an entry of before. A ledger is never rewritten, and what it passed then is no news.
    this.addSql(`alter table ledger_entry add column step smallint`);
    this.addSql(`alter table ledger_entry add constraint ledger_entry_step_known check (step >= 0 and step <= 2)`);
    this.addSql(`alter table use_counter add column alerted smallint not null default 0`);
    this.addSql(
      `alter table use_counter add constraint use_counter_alerted_in_range check (alerted >= 0 and alerted <= 3)`,
    );

    this.addSql(`create table alert (
      billing_entity_id uuid not null,
      number bigint not null,
      type text not null,
      per_mille smallint,
      remaining bigint,
      crossing text not null,
      used bigint not null,
      allowance bigint not null,
      available bigint not null,
      member_id uuid,
      member_limit bigint,
      member_used bigint,
      invoice_id text,
      is_refusal boolean not null,
      channels text[] not null,
      sequence bigint not null,
      period_start timestamptz(3) not null,
      created_at timestamptz(3) not null,
      checksum bytea not null,
      constraint alert_pkey primary key (billing_entity_id, number),
      constraint alert_number_positive check (number > 0),
      constraint alert_amounts_not_negative check (used >= 0 and allowance >= 0 and available >= 0 and sequence >= 0),
      constraint alert_level_in_range check (per_mille >= 1 and per_mille <= 1000),
      constraint alert_remaining_positive check (remaining > 0),
      constraint alert_has_a_channel check (cardinality(channels) > 0),
      constraint alert_threshold_of_its_type check (
        case type when 'WARNING' then num_nonnulls(per_mille, remaining) = 1
          when 'CRITICAL' then num_nonnulls(per_mille, remaining) = 1
          when 'MEMBER_LIMIT' then per_mille is not null and remaining is null
          else num_nonnulls(per_mille, remaining) = 0 end),
      constraint alert_member_of_its_type check (
        num_nonnulls(member_id, member_limit, member_used) = case type when 'MEMBER_LIMIT' then 3 else 0 end),
      constraint alert_invoice_of_its_type check ((invoice_id is not null) = (type = 'PAYMENT_FAILED'))
    )`);
    this.addSql(`create unique index alert_crossing on alert (billing_entity_id, crossing)`);
    this.addSql(
      `create index alert_of_member on alert (billing_entity_id, member_id, number) where member_id is not null`,
    );

    this.addSql(`create table undelivered_alert (
      billing_entity_id uuid not null,
      number bigint not null,
      created_at timestamptz(3) not null,
      constraint undelivered_alert_pkey primary key (billing_entity_id, number)
    )`);

    this.addSql(`create table alert_preference_change (
      billing_entity_id uuid not null,
      number bigint not null,
      preferences jsonb not null,
      sequence bigint not null,
      alerts_before bigint not null,
      actor text not null,
      created_at timestamptz(3) not null,
      checksum bytea not null,
      constraint alert_preference_change_pkey primary key (billing_entity_id, number),
      constraint alert_preference_change_place check (number > 0 and sequence >= 0 and alerts_before >= 0)
    )`);

    this.addSql(`set local citus.enable_unsafe_triggers = on`);
    for (const table of ['alert', 'alert_preference_change']) {
      this.addSql(`create trigger ${table}_append_only before update or delete on ${table}
        for each row execute function refuse_rewriting_history()`);
      this.addSql(`revoke update, delete, truncate on ${table} from current_user`);
    }
  }
}

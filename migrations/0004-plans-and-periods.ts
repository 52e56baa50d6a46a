import { Migration } from '@mikro-orm/migrations';

/** Subscriptions in the account's row, lifetime totals of overage, and the reports that bill it. */
export class PlansAndPeriods extends Migration {
  override name = '0004-plans-and-periods';

  override up(): void {
    // Nothing could switch overage on before this, so that no account has any: both totals begin at 0.
    this.addSql(`alter table credit_account
      add column subscription jsonb,
      add column overage_total bigint not null default 0,
      add column overage_reported bigint not null default 0`);
    this.addSql(`alter table credit_account add constraint credit_account_overage_reported_in_range
      check (overage_reported >= 0 and overage_reported <= overage_total)`);
    // For whoever reports. Only accounts in overage are in it, and only their use changes a column that it covers.
    this.addSql(`create index credit_account_unreported on credit_account (billing_entity_id)
      where overage_reported < overage_total`);

    this.addSql(`create table meter_report (
      billing_entity_id uuid not null,
      id uuid not null,
      subscription_id text,
      credits bigint not null,
      period_start timestamptz(3) not null,
      period_end timestamptz(3) not null,
      stamped_at timestamptz(3) not null,
      created_at timestamptz(3) not null,
      state text not null,
      attempts int not null,
      error text,
      sent_at timestamptz(3),
      checksum bytea not null,
      constraint meter_report_pkey primary key (billing_entity_id, id),
      constraint meter_report_credits_positive check (credits > 0),
      constraint meter_report_stamped_in_its_period check (stamped_at >= period_start and stamped_at < period_end),
      constraint meter_report_state_known check (state in ('PENDING', 'SENT', 'FAILED', 'BILLED')),
      constraint meter_report_sent_when_delivered check ((sent_at is not null) = (state in ('SENT', 'BILLED'))),
      constraint meter_report_attempts_not_negative check (attempts >= 0)
    )`);
    this.addSql(`create index meter_report_undelivered on meter_report (created_at)
      where state in ('PENDING', 'FAILED')`);

    // What is reported stays as it was frozen; only what became of it changes.
    this.addSql(`create function refuse_changing_report() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' or (old.billing_entity_id, old.id, old.subscription_id, old.credits, old.period_start,
            old.period_end, old.stamped_at, old.created_at)
          is distinct from (new.billing_entity_id, new.id, new.subscription_id, new.credits, new.period_start,
            new.period_end, new.stamped_at, new.created_at)
        then
          raise exception '% is frozen', tg_table_name using errcode = 'restrict_violation';
        end if;
        return new;
      end $$`);
    this.addSql(`set local citus.enable_unsafe_triggers = on`);
    this.addSql(`create trigger meter_report_frozen before update or delete on meter_report
      for each row execute function refuse_changing_report()`);
    this.addSql(`revoke delete, truncate on meter_report from current_user`);
  }
}

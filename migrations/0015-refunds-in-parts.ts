import { Migration } from '@mikro-orm/migrations';

/**
 * A record is refunded in parts. Each part begins where the part before it stopped, and the primary key holds that place to
 * one part, so that no credit of a charge is given back twice.
 */
export class RefundsInParts extends Migration {
  override name = '0015-refunds-in-parts';

  override up(): void {
    // Refunds of before are of whole records and say no credits. They stay as they are: a ledger is never rewritten.
    this.addSql(
      `alter table usage_refund add column credits bigint, add column credits_before bigint not null default 0`,
    );
    this.addSql(`alter table usage_refund drop constraint usage_refund_pkey`);
    this.addSql(`alter table usage_refund add constraint usage_refund_pkey
      primary key (billing_entity_id, sequence, line, credits_before)`);
    this.addSql(`create index usage_refund_by_entry on usage_refund (billing_entity_id, refund_sequence)`);
    this.addSql(`alter table usage_refund add constraint usage_refund_credits_not_negative
      check (credits >= 0 and credits_before >= 0)`);
    this.addSql(`alter table usage_refund add constraint usage_refund_part_of_something
      check (credits_before = 0 or (credits is not null and credits > 0))`);
  }
}

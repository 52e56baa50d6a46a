import { Migration } from '@mikro-orm/migrations';

/** What a command left that its entries do not tell, so that who is answered again can be told the balance of then. */
export class AnswersGivenAgain extends Migration {
  override name = '0009-answers-given-again';

  override up(): void {
    // Entries of before stay without: a ledger is never rewritten.
    this.addSql(`alter table ledger_entry
      add column last_sequence bigint,
      add column used_after bigint,
      add column allowance_after bigint,
      add column version_after bigint`);
    this.addSql(`alter table ledger_entry add constraint ledger_entry_after_command_whole
      check (num_nulls(last_sequence, used_after, allowance_after, version_after) in (0, 4))`);
  }
}

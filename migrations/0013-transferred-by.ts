import { Migration } from '@mikro-orm/migrations';

/**
 * A transferred grant names the account that transferred it. Those of before name none, since credits of several accounts may
 * have joined in them: they go by their root alone.
 */
export class TransferredBy extends Migration {
  override name = '0013-transferred-by';

  override up(): void {
    this.addSql(`alter table credit_grant add column transferred_by uuid`);
    this.addSql(`alter table credit_grant add constraint credit_grant_transferred_by_only_of_transfer
      check (transferred_by is null or source = 'TRANSFER')`);
  }
}

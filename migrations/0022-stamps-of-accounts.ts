import { Migration } from '@mikro-orm/migrations';

/** Tables that belong to payers besides the ledger's, and the changes in them that decide what may be charged: these stamp the account. */
const OF_PAYERS = [
  { table: 'billing_entity', changes: 'update of external_id, visibility, suspended_at' },
  { table: 'membership', changes: 'insert or delete or update of status, credit_limit' },
  {
    table: 'api_key',
    changes: 'insert or delete or update of billing_mode, credit_limit, expires_at, revoked_at',
  },
] as const;

/**
 * Stamps of accounts: who knows the stamp knows the account, and all else that belongs to its payer. The ledger stamps what it
 * writes. Whatever else writes (a release from before, an administrator's change, a hand) is stamped by triggers, so that
 * nothing changes under a stamp that somebody remembers.
 */
export class StampsOfAccounts extends Migration {
  override name = '0022-stamps-of-accounts';

  override up(): void {
    this.addSql(`alter table credit_account add column stamp uuid`);
    this.addSql(`alter table credit_account alter column stamp set default gen_random_uuid()`);
    this.addSql(`create function stamp_account() returns trigger language plpgsql as $$
      begin
        new.stamp := gen_random_uuid();
        return new;
      end $$`);
    this.addSql(`create function stamp_account_of_payer() returns trigger language plpgsql as $$
      begin
        update credit_account set stamp = gen_random_uuid()
          where billing_entity_id = coalesce(new.billing_entity_id, old.billing_entity_id);
        return null;
      end $$`);
    this.addSql(`set local citus.enable_unsafe_triggers = on`);
    this.addSql(`create trigger credit_account_stamped before update on credit_account
      for each row when (new.stamp is not distinct from old.stamp) execute function stamp_account()`);
    for (const { table, changes } of OF_PAYERS) {
      this.addSql(`create trigger ${table}_stamps_account after ${changes} on ${table}
        for each row execute function stamp_account_of_payer()`);
    }
  }
}

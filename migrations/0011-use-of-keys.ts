import { Migration } from '@mikro-orm/migrations';

/** Charges of a key are found in whatever accounts paid, also in those that its owner has left. */
export class UseOfKeys extends Migration {
  override name = '0011-use-of-keys';

  override up(): void {
    // No update of a counter changes what is indexed, so that they stay as cheap as they were.
    this.addSql(`create index use_counter_by_api_key on use_counter (subject_id) where scope = 'API_KEY'`);
  }
}

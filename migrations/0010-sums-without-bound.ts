import { Migration } from '@mikro-orm/migrations';

/** No number of lines overflows what they are summed up in. (Rewrites both tables: seconds for some millions of sums.) */
export class SumsWithoutBound extends Migration {
  override name = '0010-sums-without-bound';

  override up(): void {
    for (const table of ['usage_rollup', 'usage_rollup_day']) {
      this.addSql(`alter table ${table}
        alter column quantity type numeric, alter column credits type numeric, alter column overage type numeric`);
    }
  }
}

import { Migration } from '@mikro-orm/migrations';

/** Use in a public organization is found in the order of recording, in whatever accounts paid. Other use has no entry in it. */
export class PublicUseByRecording extends Migration {
  override name = '0014-public-use-by-recording';

  override up(): void {
    this.addSql(`create index usage_record_by_recording on usage_record (organization_id, recorded_at)
      where organization_id <> billing_entity_id`);
  }
}

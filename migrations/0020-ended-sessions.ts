import { Migration } from '@mikro-orm/migrations';

/** Sessions of the portal that were ended before their time. Each is remembered until its time would have been over. */
export class EndedSessions extends Migration {
  override name = '0020-ended-sessions';

  override up(): void {
    this.addSql(`create table ended_session (
      id uuid not null,
      expires_at timestamptz(3) not null,
      constraint ended_session_pkey primary key (id)
    )`);
  }
}

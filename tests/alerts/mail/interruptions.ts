/** Refuses every note that a mail was sent, for as long as a test wants, as a database does that is read-only meanwhile. */
import type { Client } from 'pg';

export interface Interruption {
  begin(): Promise<void>;
  /** How often something was refused: a sequence counts what is rolled back, too. */
  refused(): Promise<number>;
  end(): Promise<void>;
}

export async function interceptorOf(admin: Client): Promise<Interruption> {
  await admin.query('create sequence refused_notes');
  await admin.query('grant usage on sequence refused_notes to public');
  await admin.query(`create function refuse_note() returns trigger language plpgsql as $$
    begin
      perform nextval('refused_notes');
      raise exception 'the database is being restarted' using errcode = '57P03';
    end $$`);
  return {
    async begin() {
      await admin.query(`create trigger refuse_note before update of sent_at on mail
        for each row when (new.sent_at is not null) execute function refuse_note()`);
    },
    async refused() {
      const { rows } = await admin.query<{ count: bigint | string }>(
        `select case when is_called then last_value else 0 end as count from refused_notes`,
      );
      return Number(rows[0]?.count ?? 0);
    },
    async end() {
      await admin.query('drop trigger refuse_note on mail');
    },
  };
}

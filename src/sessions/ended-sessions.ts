import type { Database } from '../db/database.ts';
import { insertUnlessThere, type Rows } from '../db/rows.ts';
import type { Clock } from '../kernel/clock.ts';
import { EndedSessionRow } from './ended-session.entity.ts';

/** Remembers, for every process, the sessions of the portal that were ended before their time. */
export class EndedSessions {
  readonly #rows: Rows;
  readonly #database: Database;
  readonly #clock: Clock;

  constructor({ rows, database, clock }: { rows: Rows; database: Database; clock: Clock }) {
    this.#rows = rows;
    this.#database = database;
    this.#clock = clock;
  }

  /** Ends a session for all processes. A second time changes nothing. @throws Refusal UNAVAILABLE */
  async end(session: { readonly id: string; readonly expiresAt: Date }): Promise<void> {
    const { id, expiresAt } = session;
    await this.#rows.read((em) => insertUnlessThere(em, EndedSessionRow, { id, expiresAt }));
  }

  /** The ids, among these, whose sessions were ended. @throws Refusal UNAVAILABLE */
  async endedAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#database.query<{ id: string }>({
      name: 'ended-sessions',
      text: 'select id from ended_session where id = any($1::uuid[])',
      values: [ids],
    });
    return new Set(rows.map(({ id }) => id));
  }

  /** Forgets those whose time is over. */
  async forget(): Promise<void> {
    await this.#database.query('delete from ended_session where expires_at <= $1', [this.#clock.now()]);
  }
}

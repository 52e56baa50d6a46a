/** Alerts and alert preferences as the proof reads them: in order, and a page at a time. */
import type { PoolClient } from 'pg';
import {
  ALERT_COLUMNS,
  alertChecksum,
  type AlertRow,
  PREFERENCE_CHANGE_COLUMNS,
  preferenceChangeChecksum,
  type PreferenceChangeRow,
  toAlert,
  toPreferenceChange,
} from '../store/alert-tables.ts';
import type { Alert, AlertPreferenceChange } from '../rules/alerts.ts';
import type { Stored } from './findings.ts';
import { type Checked, read, readable, stored } from './read.ts';
import type { Replay } from './replay.ts';

const PAGE = 1_000;

const ALERTS = `select ${ALERT_COLUMNS}, n.checksum from alert n
  where n.billing_entity_id = $1 and n.number > $2 order by n.number limit ${PAGE}`;
const CHANGES = `select ${PREFERENCE_CHANGE_COLUMNS}, p.checksum from alert_preference_change p
  where p.billing_entity_id = $1 and p.number > $2 order by p.number limit ${PAGE}`;

/** The place of a row: its number, and the entry that it stands at. */
interface Place {
  readonly number: bigint;
  readonly sequence: bigint;
}

/** A table that is read on from row to row. */
interface Reading {
  readonly text: string;
  /** The last row that was read. null: there are no more. */
  last: Place | null;
}

export class AlertReader {
  readonly #client: PoolClient;
  readonly #billingEntityId: string;
  readonly #alerts: Reading = { text: ALERTS, last: { number: 0n, sequence: -1n } };
  readonly #changes: Reading = { text: CHANGES, last: { number: 0n, sequence: -1n } };

  constructor(client: PoolClient, billingEntityId: string) {
    this.#client = client;
    this.#billingEntityId = billingEntityId;
  }

  /** Gives the replay all rows that stand at entries up to this one, and perhaps some more. null: all that are left. */
  async read(replay: Replay, through: bigint | null): Promise<void> {
    const alerts: Stored<Alert>[] = [];
    for await (const row of this.#rows<AlertRow & Checked>(this.#alerts, through)) {
      const alert = readable(row, toAlert);
      if (alert === null) replay.unreadable(`alert ${row.number}`);
      else alerts.push(stored(alert, row, alertChecksum));
    }
    const changes: Stored<AlertPreferenceChange>[] = [];
    for await (const row of this.#rows<PreferenceChangeRow & Checked>(this.#changes, through)) {
      const change = readable(row, toPreferenceChange);
      if (change === null) replay.unreadable(`preferences ${row.number}`);
      else changes.push(stored(change, row, preferenceChangeChecksum));
    }
    replay.alerts(alerts, changes);
  }

  async *#rows<Row extends Place>(reading: Reading, through: bigint | null): AsyncGenerator<Row, void, undefined> {
    const isAhead = ({ sequence }: Place): boolean => through !== null && sequence > through;
    while (reading.last !== null && !isAhead(reading.last)) {
      const rows = await read<Row>(this.#client, reading.text, [this.#billingEntityId, reading.last.number]);
      reading.last = rows.length < PAGE ? null : (rows.at(-1) ?? null);
      yield* rows;
    }
  }
}

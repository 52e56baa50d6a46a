/** Alerts that were raised: listed, found, acknowledged. The ledger raises them; nothing here changes one. */
import type { Database } from '../db/database.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import type { Clock } from '../kernel/clock.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import { ALERT_COLUMNS, type AlertRow, toAlert } from '../ledger/store/alert-tables.ts';
import type { AlertRef, RaisedAlert } from './raised-alert.ts';

/** The only alerts that are read. */
export interface AlertTerms {
  /** The member about whose limit they are; null: all alerts. */
  readonly onlyMemberId: string | null;
}

type RaisedRow = AlertRow & { readonly acknowledged_at: Date | null };

const COLUMNS = `${ALERT_COLUMNS}, (select a.acknowledged_at from alert_acknowledgement a
  where a.billing_entity_id = n.billing_entity_id and a.number = n.number) as acknowledged_at`;
/** Most alerts that are read for streams at one time. */
const MOST_AT_ONCE = 100;

export class Alerts {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor({ database, clock }: { readonly database: Database; readonly clock: Clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  /** An entity's alerts, newest first. @throws Refusal BAD_USER_INPUT */
  async list(billingEntityId: string, page: PageRequest, terms: AlertTerms): Promise<Page<RaisedAlert>> {
    const [only] = await this.lists([billingEntityId], page, terms);
    return only as Page<RaisedAlert>;
  }

  /** The same of several entities, in their order. */
  async lists(ids: readonly string[], page: PageRequest, { onlyMemberId }: AlertTerms): Promise<Page<RaisedAlert>[]> {
    checkPage(page);
    const after = decodeCursor(page.after, ['integer']);
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('n'));
    if (after) where.and(`n.number < ${where.value(after[0])}`);
    if (onlyMemberId !== null) where.and(`n.member_id = ${where.value(onlyMemberId)}`);
    const list = { columns: COLUMNS, table: 'alert', alias: 'n', order: 'n.number desc' };
    const { rows } = await this.#database.query<RaisedRow>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    return toPages(ids, rows.map(toRaisedAlert), { request: page, keyOf: ({ number }) => [String(number)] });
  }

  /** The alert, or null. */
  async find({ billingEntityId, number }: AlertRef): Promise<RaisedAlert | null> {
    const { rows } = await this.#database.query<RaisedRow>(
      `select ${COLUMNS} from alert n where n.billing_entity_id = $1 and n.number = $2`,
      [billingEntityId, number],
    );
    const [row] = rows;
    return row === undefined ? null : toRaisedAlert(row);
  }

  /** The alerts after this one, oldest first, a hundred at most. */
  async after({ billingEntityId, number }: AlertRef): Promise<RaisedAlert[]> {
    const { rows } = await this.#database.query<RaisedRow>(
      `select ${COLUMNS} from alert n where n.billing_entity_id = $1 and n.number > $2
       order by n.number limit ${MOST_AT_ONCE}`,
      [billingEntityId, number],
    );
    return rows.map(toRaisedAlert);
  }

  /** The number of the newest alert; 0: none was raised. */
  async newest(billingEntityId: string): Promise<bigint> {
    const { rows } = await this.#database.query<{ number: bigint }>(
      'select coalesce(max(n.number), 0) as number from alert n where n.billing_entity_id = $1',
      [billingEntityId],
    );
    return rows[0]?.number ?? 0n;
  }

  /** Acknowledges an alert for everybody who reads it. Again: it stays as it was. @throws Refusal NOT_FOUND */
  async acknowledge(ref: AlertRef, actor: string): Promise<RaisedAlert> {
    const { billingEntityId, number } = ref;
    await this.#database.query(
      `insert into alert_acknowledgement (billing_entity_id, number, acknowledged_at, acknowledged_by)
       select n.billing_entity_id, n.number, $3, $4 from alert n where n.billing_entity_id = $1 and n.number = $2
       on conflict do nothing`,
      [billingEntityId, number, this.#clock.now(), actor],
    );
    const alert = await this.find(ref);
    if (alert === null) throw new Refusal('NOT_FOUND', 'there is no such alert');
    return alert;
  }
}

function toRaisedAlert(row: RaisedRow): RaisedAlert {
  return { ...toAlert(row), acknowledgedAt: row.acknowledged_at };
}

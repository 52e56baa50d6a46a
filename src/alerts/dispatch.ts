/**
 * Sends alerts on their ways. The ledger leaves each in `undelivered_alert`, in the transaction that raised it. Here the row
 * becomes webhook deliveries and mails and is deleted, in one transaction: a crash neither loses an alert nor repeats one.
 */
import { BillingEntityRow } from '../billing-entities/billing-entity.entity.ts';
import { type Party, toParty } from '../billing-entities/party.ts';
import type { Database } from '../db/database.ts';
import type { Rows, Transaction } from '../db/rows.ts';
import type { Log } from '../kernel/log.ts';
import { alertId } from '../kernel/public-ids.ts';
import { ALERT_COLUMNS, type AlertRow, toAlert } from '../ledger/store/alert-tables.ts';
import type { AlertMails } from './mail/alert-mails.ts';
import { messageOf } from './alert-text.ts';
import { levelOf, printAlert, type RaisedAlert } from './raised-alert.ts';
import type { WebhookDeliveries } from './webhooks/deliveries.ts';
import type { DisabledNotice, WebhookEndpoints } from './webhooks/endpoints.ts';

interface Options {
  readonly database: Database;
  readonly rows: Rows;
  readonly deliveries: Pick<WebhookDeliveries, 'enqueue' | 'wake'>;
  readonly endpoints: Pick<WebhookEndpoints, 'takeNotices'>;
  readonly mails: Pick<AlertMails, 'enqueue' | 'enqueueNotice'>;
  /** Called when mails may wait, after it was committed. */
  readonly onMailsQueued: () => void;
  readonly log: Log;
}

/** Alerts of one entity that are sent in one transaction. */
const MOST_ALERTS = 100;
/** Entities that are looked for at one time. */
const MOST_ENTITIES = 500;

export class AlertDispatch {
  readonly #options: Options;
  #lookAgain = false;
  #looking: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Sends what waits, unless it stops. It does not wait for it: what fails is found by the next look, on any process. */
  wake(): void {
    if (this.#isStopping) return;
    this.run().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'alerts could not be sent on now; they are looked for again');
    });
  }

  /** Sends everything that waits, and resolves then. Whoever asks while it is being done has it done once more. */
  run(): Promise<void> {
    this.#lookAgain = true;
    return (this.#looking ??= this.#look().finally(() => (this.#looking = null)));
  }

  /** Has mailed which endpoints were disabled. Few ever are, so this is looked for by the clock and not at every alert. */
  async tellOfDisabled(): Promise<void> {
    const { endpoints, onMailsQueued } = this.#options;
    const told = await endpoints.takeNotices((notice, transaction) => this.#tell(notice, transaction));
    if (told > 0) onMailsQueued();
  }

  /** Alerts that wait to be sent on. */
  async waiting(): Promise<number> {
    const { rows } = await this.#options.database.query<{ count: number }>(
      'select count(*)::int as count from undelivered_alert u',
    );
    return rows[0]?.count ?? 0;
  }

  /** Begins nothing new, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#looking?.catch(() => undefined);
  }

  async #look(): Promise<void> {
    const { database, deliveries, onMailsQueued } = this.#options;
    while (this.#lookAgain && !this.#isStopping) {
      this.#lookAgain = false;
      // Found without locks and over all entities; each is then served by itself.
      const { rows } = await database.query<{ billing_entity_id: string }>(
        `select u.billing_entity_id from undelivered_alert u
         group by u.billing_entity_id order by min(u.created_at) limit $1`,
        [MOST_ENTITIES],
      );
      let isFull = rows.length === MOST_ENTITIES;
      for (const { billing_entity_id: billingEntityId } of rows) {
        if (this.#isStopping) return;
        isFull = (await this.#sendOrLeave(billingEntityId)) === MOST_ALERTS || isFull;
      }
      if (isFull) this.#lookAgain = true;
      if (rows.length === 0) continue;
      deliveries.wake();
      onMailsQueued();
    }
  }

  /** Sends alerts of one entity. A failure leaves them for the next look, and keeps no other entity waiting. */
  async #sendOrLeave(billingEntityId: string): Promise<number> {
    try {
      return await this.#send(billingEntityId);
    } catch (error) {
      this.#options.log.warn({ err: error, billingEntityId }, 'alerts could not be sent on now; they are tried again');
      return 0;
    }
  }

  /** Sends alerts of one entity, in order: of two processes the second waits for the first. @returns how many */
  #send(billingEntityId: string): Promise<number> {
    return this.#options.rows.transaction(async (transaction) => {
      const { rows } = await transaction.client.query<AlertRow>(
        `with taken as (
           delete from undelivered_alert u where u.billing_entity_id = $1 and u.number in (
             select w.number from undelivered_alert w where w.billing_entity_id = $1
             order by w.number limit $2 for update)
           returning u.number)
         select ${ALERT_COLUMNS} from alert n
         where n.billing_entity_id = $1 and n.number in (select t.number from taken t) order by n.number`,
        [billingEntityId, MOST_ALERTS],
      );
      const alerts = rows.map(toAlert);
      const parties = await partiesOf(transaction, [billingEntityId, ...alerts.map(({ memberId }) => memberId)]);
      for (const alert of alerts) await this.#enqueue({ ...alert, acknowledgedAt: null }, parties, transaction);
      return alerts.length;
    });
  }

  async #enqueue(alert: RaisedAlert, parties: ReadonlyMap<string, Party>, transaction: Transaction): Promise<void> {
    const { deliveries, mails } = this.#options;
    const { billingEntityId, number, type, channels, createdAt: at, memberId } = alert;
    const member = memberId === null ? null : (parties.get(memberId) ?? null);
    if (channels.includes('WEBHOOK')) {
      const data = printAlert(alert, member);
      await deliveries.enqueue({ billingEntityId, eventType: 'alert.raised', data, at }, transaction);
    }
    if (!channels.includes('EMAIL')) return;
    await mails.enqueue(
      {
        ...{ billingEntityId, id: alertId(billingEntityId, number), number, type, at },
        entityName: parties.get(billingEntityId)?.name ?? '',
        ...{ level: levelOf(alert.perMille), available: alert.available },
        member: member && { billingEntityId: member.id, name: member.name },
        message: messageOf(alert, member?.name ?? null),
      },
      transaction,
    );
  }

  /** Has an entity mailed that its endpoint was disabled. */
  async #tell(
    { billingEntityId, url, disabledAt, disabledReason }: DisabledNotice,
    transaction: Transaction,
  ): Promise<void> {
    const parties = await partiesOf(transaction, [billingEntityId]);
    await this.#options.mails.enqueueNotice(
      {
        billingEntityId,
        id: `webhook ${disabledAt.toISOString()}`,
        entityName: parties.get(billingEntityId)?.name ?? '',
        title: 'Webhooks are no longer sent',
        message: `The webhook endpoint at ${new URL(url).host} was disabled: ${disabledReason}. Set its address again to enable it.`,
        at: disabledAt,
      },
      transaction,
    );
  }
}

async function partiesOf(
  { em }: Pick<Transaction, 'em'>,
  ids: readonly (string | null)[],
): Promise<ReadonlyMap<string, Party>> {
  const known = [...new Set(ids)].filter((id) => id !== null);
  const entities = await em.find(BillingEntityRow, { billingEntityId: { $in: known } });
  return new Map(entities.map((entity) => [entity.billingEntityId, toParty(entity)]));
}

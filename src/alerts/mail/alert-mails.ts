/** News of entities on its way to mails: it waits in a row, and is folded when the entity may be mailed again. */
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../db/database.ts';
import type { Rows, Transaction } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { AlertToMail, NoticeToMail } from './alert-to-mail.ts';
import { type Outlook, titleOf, writeDigest } from './content.ts';
import { type Digest, digestsOf, mayMail, WINDOW_MS } from './digest.ts';
import type { MailLinks } from './links.ts';
import { MailItemRow, MailRow, MailWindowRow, type StoredItem } from './mail.entity.ts';
import { recipientsOf } from './recipients.ts';

interface Options {
  readonly database: Database;
  readonly rows: Rows;
  readonly links: MailLinks;
  /** How fast an entity's credits go; null: it has no account. */
  readonly outlook: (billingEntityId: string) => Promise<Outlook | null>;
  readonly clock: Clock;
  readonly log: Log;
  /** The name of the installation. */
  readonly installation: string;
  /** False: nothing is mailed, and so nothing is kept for later. */
  readonly isOn: boolean;
}

/** News that is folded at one time; the rest follows in the next mail. */
const MOST_ITEMS = 500;
/** Entities that are looked at in one sweep. */
const MOST_ENTITIES = 500;

export class AlertMails {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Has an alert mailed once the transaction commits: at once, or with others when the entity may be mailed again. Handed
   * over again, it is not mailed again. `MailSender.nudge` after the commit saves the wait for the next sweep.
   */
  async enqueue(alert: AlertToMail, transaction: Transaction): Promise<void> {
    const { entityName, message, available, member, number } = alert;
    const content = { entityName, title: titleOf(alert), message, available: String(available) };
    await this.#add(transaction, alert, { content, memberId: member?.billingEntityId ?? null, number });
  }

  /** The same for a notice, which goes to those who are mailed all alerts of the entity. */
  async enqueueNotice(notice: NoticeToMail, transaction: Transaction): Promise<void> {
    const { entityName, title, message } = notice;
    await this.#add(transaction, notice, {
      content: { entityName, title, message, available: null },
      memberId: null,
      number: 0n,
    });
  }

  /** Makes mails of the news of every entity that may be mailed now. */
  async fold(): Promise<void> {
    const { database, clock, log } = this.#options;
    const { rows } = await database.query<{ billing_entity_id: string }>(
      `select i.billing_entity_id from mail_item i
       where i.folded_at is null and not exists (
         select from mail_window w where w.billing_entity_id = i.billing_entity_id
           and w.mailed_at > $1::timestamptz and w.mailed_at <= $2)
       group by i.billing_entity_id order by min(i.created_at) limit $3`,
      [new Date(clock.now().getTime() - WINDOW_MS), clock.now(), MOST_ENTITIES],
    );
    for (const { billing_entity_id: billingEntityId } of rows) {
      await this.#foldOne(billingEntityId).catch((error: unknown) => {
        log.warn({ err: error, billingEntityId }, 'news could not be made a mail; it is tried again');
      });
    }
  }

  async #add(
    { client }: Transaction,
    { billingEntityId, id, at }: Pick<AlertToMail, 'billingEntityId' | 'id' | 'at'>,
    { content, memberId, number }: Pick<StoredNews, 'content' | 'memberId'> & { readonly number: bigint },
  ): Promise<void> {
    if (!this.#options.isOn) return;
    await client.query(
      `insert into mail_item (billing_entity_id, id, number, content, member_id, created_at) values ($1, $2, $3, $4, $5, $6)
       on conflict (billing_entity_id, id) do nothing`,
      [billingEntityId, id, number, JSON.stringify(content), memberId, at],
    );
  }

  /** Folds the news of one entity under its window's lock, so that of two processes one does. */
  async #foldOne(billingEntityId: string): Promise<void> {
    const outlook = await this.#options.outlook(billingEntityId);
    await this.#options.rows.transaction(async (transaction) => {
      const { em, client } = transaction;
      const now = this.#options.clock.now();
      if (!mayMail(await lockedState(transaction, billingEntityId, now))) return;
      const items = await em.find(
        MailItemRow,
        { billingEntityId, foldedAt: null },
        { orderBy: { createdAt: 'asc', number: 'asc', id: 'asc' }, limit: MOST_ITEMS },
      );
      if (items.length === 0) return;
      const memberIds = [...new Set(items.map(({ memberId }) => memberId))].filter((id) => id !== null);
      const recipients = await recipientsOf(transaction, { billingEntityId, memberIds, now });
      const digests = digestsOf(items, recipients);
      for (const digest of digests) await em.insert(MailRow, this.#mailOf(billingEntityId, digest, { outlook, now }));
      await client.query(`update mail_item set folded_at = $2 where billing_entity_id = $1 and id = any($3::text[])`, [
        billingEntityId,
        now,
        items.map(({ id }) => id),
      ]);
      // News that nobody is mailed keeps no later news waiting.
      if (digests.length > 0) await em.nativeUpdate(MailWindowRow, { billingEntityId }, { mailedAt: now });
    });
  }

  #mailOf(
    billingEntityId: string,
    { recipient, items }: Digest<StoredNews>,
    { outlook, now }: { readonly outlook: Outlook | null; readonly now: Date },
  ) {
    const { links, installation } = this.#options;
    const ref = { billingEntityId, id: recipient.addressId };
    return {
      billingEntityId,
      id: uuidv7(),
      addressId: recipient.addressId,
      kind: 'DIGEST' as const,
      recipient: recipient.address,
      content: writeDigest({
        installation,
        items: items.map(({ content, createdAt }) => ({ ...content, createdAt })),
        // A plain member sees the balance, and not how fast the organization uses it.
        outlook: recipient.readsAll ? outlook : null,
        now,
        links: {
          home: links.homeUrl,
          preferences: links.preferencesUrl(ref),
          unsubscribe: links.unsubscribeUrl(ref),
        },
      }),
      createdAt: now,
      nextAttemptAt: now,
      claimedUntil: null,
      sentAt: null,
      failedAt: null,
      failure: null,
    };
  }
}

interface StoredNews {
  readonly content: StoredItem;
  readonly memberId: string | null;
  readonly createdAt: Date;
}

/** Locks the entity's window, and tells when it was mailed and what it is still to be mailed. */
async function lockedState(
  { client }: Transaction,
  billingEntityId: string,
  now: Date,
): Promise<{ now: Date; mailedAt: Date | null; unsentSince: Date | null }> {
  const { rows: windows } = await client.query<{ mailed_at: Date | null }>(
    `insert into mail_window as w (billing_entity_id) values ($1)
     on conflict (billing_entity_id) do update set mailed_at = w.mailed_at returning mailed_at`,
    [billingEntityId],
  );
  const { rows: unsent } = await client.query<{ since: Date | null }>(
    `select max(m.created_at) as since from mail m
     where m.billing_entity_id = $1 and m.kind = 'DIGEST' and m.sent_at is null and m.failed_at is null`,
    [billingEntityId],
  );
  return { now, mailedAt: windows[0]?.mailed_at ?? null, unsentSince: unsent[0]?.since ?? null };
}

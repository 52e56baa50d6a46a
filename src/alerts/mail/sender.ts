/**
 * Sends mails that wait, on however many processes. A mail is taken under the lock of its address, which ends with the
 * process, and for a time that outlasts every conversation with a server; so nobody else sends it meanwhile. What the
 * server took is noted however long the database is away, and is sent again only if the process dies before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Exclusive } from '../../db/advisory-lock.ts';
import type { Database } from '../../db/database.ts';
import type { Rows } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { AlertMails } from './alert-mails.ts';
import { WINDOW_MS } from './digest.ts';
import { AlertAddressRow, type Mail, MailRow } from './mail.entity.ts';
import { type MailTransport, SendFailure } from './transport.ts';

interface Options {
  readonly database: Database;
  readonly rows: Rows;
  readonly exclusive: Exclusive;
  readonly mails: AlertMails;
  /** null: nothing is sent. */
  readonly transport: MailTransport | null;
  readonly clock: Clock;
  readonly log: Log;
  /** The pause between two looks without a nudge. */
  readonly intervalMs: number;
  /** The longest that one conversation with the server may take. */
  readonly conversationMs?: number | undefined;
}

const AT_ONCE = 4;
/** Mails that one look finds. */
const PAGE = 200;
/** Far above the longest conversation and the wait for a database that is being restarted. */
const CLAIM_MS = 300_000;
const CONVERSATION_MS = 60_000;
const STOP_MS = 10_000;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** News of the day before is no news. */
const GIVE_UP_MS = 86_400_000;
const NOTE_PAUSE_MS = 250;

type MailKey = Pick<Mail, 'billingEntityId' | 'id' | 'addressId'>;
type Waiting = Mail & { readonly content: NonNullable<Mail['content']> };

export class MailSender {
  readonly #options: Options;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isNudged = false;
  #running: Promise<void> | null = null;

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    const { transport, log } = this.#options;
    if (transport === null) {
      log.warn('SMTP_URL is not set: no e-mail is sent');
      return;
    }
    this.#isStarted = true;
    this.nudge();
  }

  /** Looks at once. To be called after a commit that enqueued something; costs the caller nothing. */
  nudge(): void {
    if (!this.#isStarted || this.#stopping.signal.aborted) return;
    clearTimeout(this.#timer);
    if (this.#running !== null) {
      this.#isNudged = true;
      return;
    }
    this.#running = this.sendDue()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'mails could not be sent; it is tried again'))
      .then(() => {
        this.#running = null;
        if (this.#stopping.signal.aborted) return;
        const pauseMs = this.#isNudged ? 0 : this.#options.intervalMs;
        this.#isNudged = false;
        this.#timer = setTimeout(() => this.nudge(), pauseMs);
      });
  }

  /** Takes nothing new, and lets conversations that are under way end, for a while. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    clearTimeout(this.#timer);
    const cut = setTimeout(() => this.#stopping.abort(), STOP_MS);
    await this.#running;
    clearTimeout(cut);
    clearTimeout(this.#timer);
    this.#stopping.abort();
  }

  /** Folds what may be folded, and tries every mail whose time has come, once. */
  async sendDue(): Promise<void> {
    const { transport, mails } = this.#options;
    if (transport === null) return;
    await mails.fold();
    const due = await this.#due();
    let isServerAway = false;
    const work = async (): Promise<void> => {
      for (let key = due.shift(); key !== undefined && !isServerAway; key = due.shift()) {
        if (this.#isEnding()) return;
        const outcome = await this.#tryOne(transport, key);
        // The others would wait for the same time-outs. They are due as before.
        isServerAway ||= outcome === 'server away';
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Forgets news that was told and mails that ended long ago, and who was counted before today. */
  async forget(): Promise<void> {
    const { database, clock } = this.#options;
    const before = (days: number): Date => new Date(clock.now().getTime() - days * 86_400_000);
    await database.query(`delete from mail_item where folded_at < $1`, [before(30)]);
    await database.query(`delete from mail where coalesce(sent_at, failed_at) < $1`, [before(30)]);
    await database.query(`delete from confirmation_count where day < $1`, [before(2)]);
    // Nothing was said by their owners, nobody chose them, and no mail of theirs is younger.
    await database.query(
      `delete from alert_address a where a.position is null and a.confirmed_at is null and a.unsubscribed_at is null
         and a.created_at < $1 and not exists (
           select from mail m where m.billing_entity_id = a.billing_entity_id and m.address_id = a.id)`,
      [before(60)],
    );
  }

  /** The numbers of mails that wait, and of those that were given up lately. */
  async counts(): Promise<{ waiting: number; failed: number }> {
    const { rows } = await this.#options.database.query<{ waiting: number; failed: number }>(
      `select (count(*) filter (where m.failed_at is null))::int as waiting,
         (count(*) filter (where m.failed_at is not null))::int as failed
       from mail m where m.sent_at is null`,
    );
    return rows[0] ?? { waiting: 0, failed: 0 };
  }

  #isEnding(): boolean {
    return this.#stopping.signal.aborted || (!this.#isStarted && this.#running !== null);
  }

  async #due(): Promise<MailKey[]> {
    const { rows } = await this.#options.database.query<MailKey>(
      `select m.billing_entity_id as "billingEntityId", m.id, m.address_id as "addressId" from mail m
       where m.sent_at is null and m.failed_at is null and m.next_attempt_at <= $1
         and (m.claimed_until is null or m.claimed_until <= $1)
       order by m.next_attempt_at, m.id limit $2`,
      [this.#options.clock.now(), PAGE],
    );
    return rows;
  }

  async #tryOne(transport: MailTransport, key: MailKey): Promise<'done' | 'server away'> {
    const { exclusive, log } = this.#options;
    const { billingEntityId, id } = key;
    try {
      // Somebody who is at it leaves nothing to do here.
      const outcome = await exclusive.tryRun(`mail ${billingEntityId} ${key.addressId}`, async () => {
        const mail = await this.#claim(key);
        return mail === null ? ('done' as const) : this.#send(transport, mail);
      });
      return outcome ?? 'done';
    } catch (error) {
      log.warn({ err: error, billingEntityId, mail: id }, 'a mail could not be taken; it is tried again');
      return 'done';
    }
  }

  /** Takes a mail for this process, if it is still to be sent, and now; null: not by us, or not now. */
  #claim({ billingEntityId, id, addressId }: MailKey): Promise<Waiting | null> {
    const { rows, clock } = this.#options;
    return rows.transaction(async ({ em, client }) => {
      const now = clock.now();
      const where = { billingEntityId, id };
      const mail = await em.findOne(MailRow, { ...where, sentAt: null, failedAt: null });
      if (mail === null || mail.content === null || mail.nextAttemptAt > now) return null;
      if (mail.claimedUntil !== null && mail.claimedUntil > now) return null;
      const address = await em.findOne(AlertAddressRow, { billingEntityId, id: addressId });
      const reason = reasonAgainst(mail, { now, isUnsubscribed: address?.unsubscribedAt != null });
      if (reason !== null) {
        await em.nativeUpdate(MailRow, where, { failedAt: now, failure: reason, content: null, claimedUntil: null });
        return null;
      }
      if (mail.kind === 'DIGEST') {
        const { rows: sent } = await client.query<{ at: Date | null }>(
          `select max(m.sent_at) as at from mail m where m.billing_entity_id = $1 and m.address_id = $2
             and m.kind = 'DIGEST' and m.sent_at > $3 and m.sent_at <= $4`,
          [billingEntityId, addressId, new Date(now.getTime() - WINDOW_MS), now],
        );
        const lastSent = sent[0]?.at ?? null;
        if (lastSent !== null) {
          // Mails that an outage held up leave one by one, as they would have.
          await em.nativeUpdate(MailRow, where, { nextAttemptAt: new Date(lastSent.getTime() + WINDOW_MS) });
          return null;
        }
      }
      const claimedUntil = new Date(now.getTime() + CLAIM_MS);
      const attempts = mail.attempts + 1;
      await em.nativeUpdate(MailRow, where, { claimedUntil, attempts });
      return { ...mail, content: mail.content, attempts };
    });
  }

  async #send(transport: MailTransport, mail: Waiting): Promise<'done' | 'server away'> {
    const { log, conversationMs = CONVERSATION_MS } = this.#options;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(conversationMs)]);
    const about = { billingEntityId: mail.billingEntityId, mail: mail.id, attempt: mail.attempts };
    try {
      await transport.send(mail, signal);
    } catch (error) {
      if (!(error instanceof SendFailure)) throw error;
      const { message: failure, isFinal, isServerAway } = error;
      log.warn(
        { ...about, failure },
        isFinal ? 'a mail was refused for good' : 'a mail was not sent; it is tried again',
      );
      await this.#noteFailure(mail, { failure, isFinal });
      return isServerAway ? 'server away' : 'done';
    }
    await this.#noteSent(transport, mail);
    log.debug(about, 'a mail was sent');
    return 'done';
  }

  /** Notes it until it is noted: a server that took the mail is not given it again because the database was away. */
  async #noteSent({ keepsContent }: MailTransport, mail: Waiting): Promise<void> {
    const { rows, clock, log } = this.#options;
    const { billingEntityId, id } = mail;
    const sentAt = clock.now();
    for (;;) {
      try {
        await rows.transaction(async ({ em, client }) => {
          const after = { sentAt, claimedUntil: null, failure: null, ...(!keepsContent && { content: null }) };
          await em.nativeUpdate(MailRow, { billingEntityId, id }, after);
          if (mail.kind !== 'DIGEST') return;
          // A mail that was held up opens its window when it leaves.
          await client.query(
            `update mail_window set mailed_at = $2
             where billing_entity_id = $1 and (mailed_at is null or mailed_at < $2)`,
            [billingEntityId, sentAt],
          );
        });
        return;
      } catch (error) {
        log.warn({ err: error, billingEntityId, mail: id }, 'a mail was sent, which cannot be noted yet');
        await delay(NOTE_PAUSE_MS, undefined, { signal: this.#stopping.signal });
      }
    }
  }

  async #noteFailure(
    { billingEntityId, id, attempts }: Waiting,
    { failure, isFinal }: { readonly failure: string; readonly isFinal: boolean },
  ): Promise<void> {
    const { rows, clock } = this.#options;
    const now = clock.now();
    const after = isFinal
      ? { failedAt: now, failure, content: null, claimedUntil: null }
      : { nextAttemptAt: new Date(now.getTime() + pauseMs(attempts)), failure, claimedUntil: null };
    await rows.transaction(({ em }) => em.nativeUpdate(MailRow, { billingEntityId, id, sentAt: null }, after));
  }
}

/** The pause after so many tries: half a minute, doubled up to an hour. */
export function pauseMs(attempts: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (Math.min(attempts, 20) - 1));
}

/** Why a mail is not to be sent any more, as a code; null: it is. */
function reasonAgainst(
  { kind, createdAt, failure }: Mail,
  { now, isUnsubscribed }: { readonly now: Date; readonly isUnsubscribed: boolean },
): string | null {
  // Who unsubscribed after the mail was made does not get it. A confirmation is asked for by themselves then.
  if (kind === 'DIGEST' && isUnsubscribed) return 'unsubscribed';
  if (now.getTime() - createdAt.getTime() < GIVE_UP_MS) return null;
  return failure === null ? 'too late' : `too late: ${failure}`;
}

/** Mails that ask an address for its consent, and their bounds: nobody has strangers mailed by way of them. */
import { createHash } from 'node:crypto';
import type { Transaction } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { mailboxOf } from './address.ts';
import { writeConfirmation } from './content.ts';
import { CONFIRMATION_VALID_MS, type MailLinks } from './links.ts';
import { AlertAddressRow, MailRow, type StoredAddress } from './mail.entity.ts';
import { newMail } from './new-mail.ts';

interface Options {
  readonly links: MailLinks;
  readonly clock: Clock;
  /** The name of the installation. */
  readonly installation: string;
}

/** A confirmation that is asked for: by its address, and by who asks. */
export interface ConfirmationRequest {
  readonly address: StoredAddress;
  readonly entityName: string;
  /** The actor, as the audit log names them: `user:…`. */
  readonly actor: string;
}

const DAY_MS = 86_400_000;
/** Confirmations that all entities together send to one mailbox in a day (UTC). */
const MOST_TO_MAILBOX = 3;
/** Confirmations that one caller brings about in a day (UTC), and that one entity sends. */
const MOST_BY_CALLER = 30;
const MOST_OF_ENTITY = 30;

export class Confirmations {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Makes the mail that asks, unless the address was asked for this entity within a day, or by all entities together often
   * enough today. The caller is not told of the latter: others may have used it up, and neither they nor the caller can
   * mend it. The address waits then, and is asked when it is set again.
   * @throws Refusal RATE_LIMITED: the caller or the entity has asked too many addresses today
   */
  async ask(transaction: Transaction, { address, entityName, actor }: ConfirmationRequest): Promise<void> {
    const { clock } = this.#options;
    const now = clock.now();
    const { billingEntityId, confirmationSentAt } = address;
    if (confirmationSentAt !== null && now.getTime() - confirmationSentAt.getTime() < DAY_MS) return;
    await requireRoom(transaction, { key: `caller ${hashOf(actor)}`, most: MOST_BY_CALLER }, now);
    await requireRoom(transaction, { key: `entity ${billingEntityId}`, most: MOST_OF_ENTITY }, now);
    if ((await count(transaction, `mailbox ${hashOf(mailboxOf(address))}`, now)) > MOST_TO_MAILBOX) return;
    await this.#compose(transaction, address, entityName, now);
  }

  async #compose({ em }: Transaction, address: StoredAddress, entityName: string, now: Date): Promise<void> {
    const { links, installation } = this.#options;
    const { billingEntityId, id: addressId, key } = address;
    await em.nativeUpdate(AlertAddressRow, { billingEntityId, key }, { confirmationSentAt: now });
    const ref = { billingEntityId, id: addressId };
    const mail = {
      billingEntityId,
      addressId,
      kind: 'CONFIRMATION' as const,
      recipient: address.address,
      content: writeConfirmation({
        installation,
        entityName,
        confirmUrl: links.confirmUrl(ref),
        validUntil: new Date(now.getTime() + CONFIRMATION_VALID_MS),
        links: links.mailed(ref),
      }),
    };
    await em.insert(MailRow, newMail(mail, now));
  }
}

/** @throws Refusal RATE_LIMITED */
async function requireRoom(
  transaction: Transaction,
  { key, most }: { readonly key: string; readonly most: number },
  now: Date,
): Promise<void> {
  if ((await count(transaction, key, now)) <= most) return;
  throw new Refusal('RATE_LIMITED', `at most ${most} new addresses are asked for their consent in a day`, {
    retryAfterMs: dayOf(now).getTime() + DAY_MS - now.getTime(),
  });
}

/** Counts one more, and tells how many it makes today. What is refused is rolled back and does not count. */
async function count({ client }: Transaction, key: string, now: Date): Promise<number> {
  const { rows } = await client.query<{ sent: number }>(
    `insert into confirmation_count as c (key, day, sent) values ($1, $2, 1)
     on conflict (key) do update set day = excluded.day, sent = case when c.day = excluded.day then c.sent + 1 else 1 end
     returning sent`,
    [key, dayOf(now)],
  );
  return rows[0]?.sent ?? 1;
}

function dayOf(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / DAY_MS) * DAY_MS);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

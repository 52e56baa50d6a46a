/** Tables of e-mail. All but the counter of confirmations are the billing entity's own. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A news item as JSON keeps it: its credits and instants are text. */
export interface StoredItem {
  readonly entityName: string;
  readonly title: string;
  readonly message: string;
  /** Credits that were left then; null: it is not about a balance. */
  readonly available: string | null;
}

/** A mail as it was composed. It stays the same over all tries, as its Message-ID does. */
export interface StoredContent {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly unsubscribeUrl: string;
}

/** News that waits to be folded into a mail, and what was folded lately, so that nothing is mailed again. */
export const MailItemRow = defineEntity({
  name: 'MailItem',
  tableName: 'mail_item',
  properties: {
    billingEntityId: p.uuid().primary(),
    /** The alert's or the notice's own id. */
    id: p.text().primary(),
    /** Its place among what happened at one instant. */
    number: p.bigint(),
    content: p.json().$type<StoredItem>().columnType('json'),
    /** The person whom it concerns besides those who are mailed everything. */
    memberId: p.uuid().strictNullable(),
    createdAt: p.datetime(3),
    /** null: it waits. */
    foldedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'mail_item_waiting',
      expression: 'create index mail_item_waiting on mail_item (billing_entity_id, created_at) where folded_at is null',
    },
  ],
});

/** When an entity was last mailed. Its row is the lock under which news is folded. */
export const MailWindowRow = defineEntity({
  name: 'MailWindow',
  tableName: 'mail_window',
  properties: {
    billingEntityId: p.uuid().primary(),
    /** null: never. */
    mailedAt: p.datetime(3).strictNullable(),
  },
});

/** Mails: those that are to be sent, and what became of the others. */
export const MailRow = defineEntity({
  name: 'Mail',
  tableName: 'mail',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    /** The id in `alert_address`. */
    addressId: p.uuid(),
    kind: p.text().$type<'DIGEST' | 'CONFIRMATION'>(),
    recipient: p.text(),
    /** null: it is over, and only local mode keeps what it said. */
    content: p.json().$type<StoredContent | null>().columnType('json').strictNullable(),
    createdAt: p.datetime(3),
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime(3),
    /** Until then a process that took it may be at it. */
    claimedUntil: p.datetime(3).strictNullable(),
    sentAt: p.datetime(3).strictNullable(),
    /** It was given up. */
    failedAt: p.datetime(3).strictNullable(),
    /** Why the last try failed, as a code; never what the server said, which repeats the address. */
    failure: p.text().strictNullable(),
  },
  checks: [
    { name: 'mail_kind_known', expression: "kind in ('DIGEST', 'CONFIRMATION')" },
    { name: 'mail_ends_once', expression: 'sent_at is null or failed_at is null' },
    {
      name: 'mail_has_content_until_it_ends',
      expression: 'content is not null or sent_at is not null or failed_at is not null',
    },
  ],
  indexes: [
    {
      name: 'mail_unsent',
      expression: 'create index mail_unsent on mail (next_attempt_at) where sent_at is null and failed_at is null',
    },
    { name: 'mail_of_address', properties: ['billingEntityId', 'addressId', 'createdAt'] },
  ],
});

export type Mail = InferEntity<typeof MailRow>;

/** Addresses of an entity: those that it chose, and what is remembered of those that were ever mailed. */
export const AlertAddressRow = defineEntity({
  name: 'AlertAddress',
  tableName: 'alert_address',
  properties: {
    billingEntityId: p.uuid().primary(),
    /** The address in lower case: two spellings of it are one address. */
    key: p.text().primary(),
    /** Names it in links. */
    id: p.uuid(),
    /** As it was first given. */
    address: p.text(),
    /** Its place among those that the entity chose; null: the entity did not choose it. */
    position: p.integer().strictNullable(),
    /** When its owner said yes, or the token of whoever set it vouched for it. */
    confirmedAt: p.datetime(3).strictNullable(),
    /** When its owner said no, which only they take back. */
    unsubscribedAt: p.datetime(3).strictNullable(),
    confirmationSentAt: p.datetime(3).strictNullable(),
    createdAt: p.datetime(3),
  },
  uniques: [{ name: 'alert_address_id_unique', properties: ['billingEntityId', 'id'] }],
});

export type StoredAddress = InferEntity<typeof AlertAddressRow>;

/** The address that a person's token vouched for when they were last seen. */
export const UserEmailRow = defineEntity({
  name: 'UserEmail',
  tableName: 'user_email',
  properties: {
    billingEntityId: p.uuid().primary(),
    address: p.text(),
    seenAt: p.datetime(3),
  },
});

/**
 * Confirmations that were asked for in a day, by address and by caller, whatever the entity: it keeps a hash of either and
 * belongs to no entity.
 */
export const ConfirmationCountRow = defineEntity({
  name: 'ConfirmationCount',
  tableName: 'confirmation_count',
  properties: {
    key: p.text().primary(),
    /** Its beginning, in UTC. */
    day: p.datetime(3),
    sent: p.integer(),
  },
  checks: [{ name: 'confirmation_count_positive', expression: 'sent > 0' }],
});

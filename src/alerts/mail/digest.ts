/** News becomes mails (pure): the first at once, and what follows within ten minutes together. */

/** The least time between two mails about one entity. */
export const WINDOW_MS = 600_000;

/** While a mail about the entity cannot be sent, later news waits for it, but not longer than this. */
const PATIENCE_MS = 3_600_000;

/** The facts that decide if an entity's news may be mailed. */
export interface DigestState {
  readonly now: Date;
  /** When the entity was last mailed; null: never. */
  readonly mailedAt: Date | null;
  /** When the newest mail about it was made that is still to be sent; null: there is none. */
  readonly unsentSince: Date | null;
}

/**
 * Says if the news that waits may become a mail now. A clock that was set back by more than the window does not silence an
 * entity for as long as it was set back.
 */
export function mayMail({ now, mailedAt, unsentSince }: DigestState): boolean {
  if (unsentSince !== null && Math.abs(now.getTime() - unsentSince.getTime()) < PATIENCE_MS) return false;
  return mailedAt === null || Math.abs(now.getTime() - mailedAt.getTime()) >= WINDOW_MS;
}

/** Somebody who may be mailed about an entity. */
export interface Recipient {
  /** The id in `alert_address`. */
  readonly addressId: string;
  readonly address: string;
  /** The people whose address it is, as far as they are known here. */
  readonly userIds: readonly string[];
  /** True for who is mailed all news of the entity, its pace included; others hear of their own limit alone. */
  readonly readsAll: boolean;
}

/** One mail: for whom, and what it tells, in the order in which it happened. */
export interface Digest<Item> {
  readonly recipient: Recipient;
  readonly items: readonly Item[];
}

/** The mails that tell this news. Nobody gets an empty one. */
export function digestsOf<Item extends { readonly memberId: string | null }>(
  items: readonly Item[],
  recipients: readonly Recipient[],
): Digest<Item>[] {
  return recipients
    .map((recipient) => ({
      recipient,
      items: items.filter(
        ({ memberId }) => recipient.readsAll || (memberId !== null && recipient.userIds.includes(memberId)),
      ),
    }))
    .filter((digest) => digest.items.length > 0);
}

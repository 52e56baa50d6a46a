/** Recipients of an entity's news. */
import { v7 as uuidv7 } from 'uuid';
import { BillingEntityRow } from '../../billing-entities/billing-entity.entity.ts';
import { MembershipRow } from '../../billing-entities/membership.entity.ts';
import type { Transaction } from '../../db/rows.ts';
import type { MailAddress } from './address.ts';
import { stateOf } from './addresses.ts';
import type { Recipient } from './digest.ts';
import { AlertAddressRow } from './mail.entity.ts';
import { emailsOf } from './token-emails.ts';

/** People of an organization who are mailed where it chose no addresses; of more, the first to have joined. */
const MOST_PEOPLE = 50;

interface Question {
  readonly billingEntityId: string;
  /** Members whose own limits the news is about. */
  readonly memberIds: readonly string[];
  readonly now: Date;
}

/**
 * The addresses that the entity chose and that are active. Where it chose none: of a user the one that their token vouches
 * for, of an organization those of its active OWNERs, ADMINs and BILLINGs. Besides them the members whom the news is about.
 * Who unsubscribed from this entity is left out, whoever else chose them.
 */
export async function recipientsOf(
  { em, client }: Transaction,
  { billingEntityId, memberIds, now }: Question,
): Promise<Recipient[]> {
  const chosen = await em.find(
    AlertAddressRow,
    { billingEntityId, position: { $ne: null } },
    { orderBy: { position: 'asc' } },
  );
  const { readers, members } = await peopleOf({ em, client }, { billingEntityId, memberIds });
  const addresses = await emailsOf({ client }, [...readers, ...members]);
  const reached = new Map<string, Recipient>();
  for (const { id, address, key } of chosen.filter((row) => stateOf(row) === 'ACTIVE')) {
    reached.set(key, { addressId: id, address, userIds: [], readsAll: true });
  }
  const people = [
    ...(chosen.length === 0 ? readers.map((userId) => ({ userId, readsAll: true })) : []),
    ...members.map((userId) => ({ userId, readsAll: false })),
  ];
  for (const { userId, readsAll } of people) {
    const email = addresses.get(userId);
    if (email === undefined) continue;
    const known = reached.get(email.key) ?? (await remembered({ em, client }, billingEntityId, email, now));
    if (known === null) continue;
    reached.set(email.key, {
      ...known,
      userIds: [...known.userIds, userId],
      readsAll: known.readsAll || readsAll,
    });
  }
  return [...reached.values()];
}

/** The row of an address that a token vouches for, made now if it never was mailed; null: its owner unsubscribed. */
async function remembered(
  { em, client }: Transaction,
  billingEntityId: string,
  { address, key }: MailAddress,
  now: Date,
): Promise<Recipient | null> {
  await client.query(
    `insert into alert_address (billing_entity_id, key, id, address, created_at) values ($1, $2, $3, $4, $5)
     on conflict (billing_entity_id, key) do nothing`,
    [billingEntityId, key, uuidv7(), address, now],
  );
  const row = await em.findOneOrFail(AlertAddressRow, { billingEntityId, key });
  return row.unsubscribedAt === null ? { addressId: row.id, address, userIds: [], readsAll: false } : null;
}

/** The people who are mailed everything by default, and those of `memberIds` who belong here. */
async function peopleOf(
  { em }: Transaction,
  { billingEntityId, memberIds }: Pick<Question, 'billingEntityId' | 'memberIds'>,
): Promise<{ readers: string[]; members: string[] }> {
  const entity = await em.findOne(BillingEntityRow, { billingEntityId });
  if (entity === null) return { readers: [], members: [] };
  if (entity.type === 'USER') return { readers: [billingEntityId], members: [] };
  const readers = await em.find(
    MembershipRow,
    { billingEntityId, role: { $in: ['OWNER', 'ADMIN', 'BILLING'] }, status: 'ACTIVE' },
    { orderBy: { joinedAt: 'asc', userId: 'asc' }, limit: MOST_PEOPLE },
  );
  const members =
    memberIds.length === 0
      ? []
      : await em.find(MembershipRow, { billingEntityId, userId: { $in: [...memberIds] }, status: { $ne: 'INVITED' } });
  return { readers: readers.map(({ userId }) => userId), members: members.map(({ userId }) => userId) };
}

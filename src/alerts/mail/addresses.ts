/** Addresses that an entity has its alerts mailed to, and what their owners say to it. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../../billing-entities/access.ts';
import { lockEntity } from '../../billing-entities/billing-entity.repository.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { Rows, Transaction } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { writeAuditRow } from '../../ledger/store/audit-rows.ts';
import { type MailAddress, maskedAddress, parseAddress } from './address.ts';
import type { Confirmations } from './confirmations.ts';
import type { AddressRef } from './links.ts';
import { AlertAddressRow, type StoredAddress } from './mail.entity.ts';

/**
 * ACTIVE: it is mailed. PENDING: it is mailed once its owner confirms it. UNSUBSCRIBED: its owner wants no mail about this
 * entity, until they themselves say otherwise.
 */
export type AddressState = 'ACTIVE' | 'PENDING' | 'UNSUBSCRIBED';

export interface AlertAddress {
  readonly address: string;
  readonly state: AddressState;
  /** When it was last asked to confirm; null: never. */
  readonly confirmationSentAt: Date | null;
}

/** A new list of addresses. */
export interface AddressesToSet {
  readonly billingEntityId: string;
  /** In the order in which they are shown. None: alerts go where they go by default. */
  readonly emails: readonly string[];
  readonly principal: Principal;
}

interface Options {
  readonly rows: Rows;
  readonly clock: Clock;
  /** null: no mail is sent, and so nobody can be asked. */
  readonly confirmations: Confirmations | null;
}

const MOST_ADDRESSES = 10;
/** Texts that are looked at: duplicates are no addresses of their own, but reading them is work. */
const MOST_TEXTS = 100;

export class AlertAddresses {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Replaces the addresses that the entity chose. Two spellings of one address are one. An address that the caller's own
   * token vouches for is mailed at once; any other, unless its owner confirmed it for this entity before, is asked first, at
   * most once a day. Who unsubscribed stays so; only they themselves, if their token vouches for the address, have it
   * asked again.
   * @param inTransaction the transaction that this is a part of; absent: one of its own
   * @throws Refusal BAD_USER_INPUT (no address, or more than ten), RATE_LIMITED (too many new ones in a day), NOT_FOUND
   */
  async set(change: AddressesToSet, inTransaction?: Transaction): Promise<AlertAddress[]> {
    const wanted = addressesIn(change.emails);
    const write = (transaction: Transaction): Promise<AlertAddress[]> => this.#set(transaction, change, wanted);
    return inTransaction === undefined ? this.#options.rows.transaction(write) : write(inTransaction);
  }

  /** The addresses that the entity chose, in its order; none: it chose none. */
  async list(billingEntityId: string): Promise<AlertAddress[]> {
    const [only = []] = await this.lists([billingEntityId]);
    return only;
  }

  /** The same of several entities, in their order. */
  async lists(billingEntityIds: readonly string[]): Promise<AlertAddress[][]> {
    if (billingEntityIds.length === 0) return [];
    const rows = await this.#options.rows.read((em) =>
      em.find(
        AlertAddressRow,
        { billingEntityId: { $in: [...new Set(billingEntityIds)] }, position: { $ne: null } },
        { orderBy: { position: 'asc' } },
      ),
    );
    return billingEntityIds.map((id) => rows.filter((row) => row.billingEntityId === id).map(shown));
  }

  /** The address that a link names; null: it is not known any more. */
  async find({ billingEntityId, id }: AddressRef): Promise<AlertAddress | null> {
    const row = await this.#options.rows.read((em) => em.findOne(AlertAddressRow, { billingEntityId, id }));
    return row && shown(row);
  }

  /** Ends mail to this address about this entity. Again: nothing changes. False: the address is not known. */
  async unsubscribe({ billingEntityId, id }: AddressRef): Promise<boolean> {
    const unsubscribedAt = this.#options.clock.now();
    return this.#options.rows.transaction(async ({ em }) => {
      await em.nativeUpdate(AlertAddressRow, { billingEntityId, id, unsubscribedAt: null }, { unsubscribedAt });
      return (await em.count(AlertAddressRow, { billingEntityId, id })) === 1;
    });
  }

  /** The address's owner says yes, which also undoes an earlier no. False: the address is not known. */
  async confirm({ billingEntityId, id }: AddressRef): Promise<boolean> {
    const confirmedAt = this.#options.clock.now();
    const confirmed = await this.#options.rows.transaction(({ em }) =>
      em.nativeUpdate(AlertAddressRow, { billingEntityId, id }, { confirmedAt, unsubscribedAt: null }),
    );
    return confirmed === 1;
  }

  async #set(
    transaction: Transaction,
    { billingEntityId, principal }: AddressesToSet,
    wanted: readonly MailAddress[],
  ): Promise<AlertAddress[]> {
    const { em, client } = transaction;
    const now = this.#options.clock.now();
    const { name: entityName } = await lockEntity(em, billingEntityId);
    const before = await em.find(AlertAddressRow, { billingEntityId }, { orderBy: { position: 'asc' } });
    const known = new Map(before.map((row) => [row.key, row]));
    await letGo(
      em,
      before.filter(({ key, position }) => position !== null && !wanted.some((address) => address.key === key)),
    );
    const own = ownAddressOf(principal);
    const after: StoredAddress[] = [];
    for (const [position, { address, key }] of wanted.entries()) {
      const old = known.get(key);
      const row: StoredAddress = {
        billingEntityId,
        key,
        id: old?.id ?? uuidv7(),
        address: old?.address ?? address,
        position,
        confirmedAt: old?.confirmedAt ?? (own?.key === key ? now : null),
        unsubscribedAt: old?.unsubscribedAt ?? null,
        confirmationSentAt: old?.confirmationSentAt ?? null,
        createdAt: old?.createdAt ?? now,
      };
      after.push(row);
      if (old === undefined) await em.insert(AlertAddressRow, row);
      else await em.nativeUpdate(AlertAddressRow, { billingEntityId, key }, { position, confirmedAt: row.confirmedAt });
    }
    // In order of their keys, so that two callers who ask the same addresses never wait for each other crosswise.
    for (const row of after.toSorted((one, other) => (one.key < other.key ? -1 : 1))) {
      const isOwn = own !== null && own.key === row.key;
      const state = stateOf(row);
      if (state === 'PENDING' || (state === 'UNSUBSCRIBED' && isOwn)) {
        await this.#options.confirmations?.ask(transaction, { address: row, entityName, actor: actorOf(principal) });
      }
    }
    const [was, is] = [before.filter(({ position }) => position !== null), after].map(audited);
    if (was !== is) {
      await writeAuditRow(client, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'alertEmails.set',
        subject: `entity:${billingEntityId}`,
        before: { emails: was ?? '' },
        after: { emails: is ?? '' },
        reason: null,
        createdAt: now,
      });
    }
    const rows = await em.find(
      AlertAddressRow,
      { billingEntityId, position: { $ne: null } },
      { orderBy: { position: 'asc' } },
    );
    return rows.map(shown);
  }
}

/** The state of an address, by what its owner said last. */
export function stateOf({ confirmedAt, unsubscribedAt }: StoredAddress): AddressState {
  if (unsubscribedAt !== null) return 'UNSUBSCRIBED';
  return confirmedAt === null ? 'PENDING' : 'ACTIVE';
}

/** The addresses in these texts, each once. @throws Refusal BAD_USER_INPUT */
function addressesIn(texts: readonly string[]): MailAddress[] {
  if (texts.length > MOST_TEXTS) throw tooMany();
  const addresses = new Map<string, MailAddress>();
  for (const [index, text] of texts.entries()) {
    const address = parseAddress(text);
    // The text is not repeated: it may be anything.
    if (address === null) {
      throw Refusal.ofField(`emails.${index}`, 'emails must be e-mail addresses such as ana@example.com');
    }
    if (!addresses.has(address.key)) addresses.set(address.key, address);
  }
  if (addresses.size > MOST_ADDRESSES) throw tooMany();
  return [...addresses.values()];
}

function tooMany(): Refusal {
  return Refusal.ofField('emails', `emails has at most ${MOST_ADDRESSES} addresses`);
}

/** The address that the caller's token vouches for. */
function ownAddressOf(principal: Principal): MailAddress | null {
  return principal.kind === 'USER' && principal.email !== undefined ? parseAddress(principal.email) : null;
}

/** Addresses that are no longer chosen. What their owners said is kept, and when they were asked. */
async function letGo(em: EntityManager, rows: readonly StoredAddress[]): Promise<void> {
  for (const { billingEntityId, key } of rows) {
    await em.nativeUpdate(AlertAddressRow, { billingEntityId, key }, { position: null });
  }
}

function shown(row: StoredAddress): AlertAddress {
  return { address: row.address, state: stateOf(row), confirmationSentAt: row.confirmationSentAt };
}

/** The audit log is kept for ever, so it tells whose mail host it is, and not who. */
function audited(rows: readonly StoredAddress[]): string {
  return rows.map(({ address }) => maskedAddress(address)).join(', ');
}

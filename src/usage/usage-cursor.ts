/** The cursors of live use: places in the order of recording, up to which a watcher has been told everything. */
import { encodeCursor, isKeyPart, keyOfCursor } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { OwnUse, UseOf } from './use-filter.ts';

/** The use that somebody watches: all of an entity's, or only their own of it. */
export interface Watched extends UseOf {
  readonly own: OwnUse | null;
}

/** A place in one account, whose entries become visible in their order: the sequence of the last entry that was told. */
export interface AccountPlace {
  readonly kind: 'account';
  readonly sequence: bigint;
}

/**
 * A place in what is used in a public organization, over all accounts that pay for it. Their commits become visible in no order,
 * so a place is what had been seen by then: of an old time everything, and of the newest how much.
 */
export interface PublicPlace {
  readonly kind: 'public';
  /** Everything that was recorded until then has been seen. Nothing older becomes visible any more. */
  readonly since: Date;
  /** The number of records seen of those that were recorded after `since`. */
  readonly seen: bigint;
  /** Not before `since`. Of what was recorded after it, `heads` says what has been seen; what was recorded before it is only counted. */
  readonly settled: Date;
  /** The sequence of the last entry seen of each account with records after `settled`. */
  readonly heads: readonly (readonly [billingEntityId: string, sequence: bigint])[];
}

export type UsagePlace = AccountPlace | PublicPlace;

/** Most accounts of which a place says what has been seen: a cursor travels with every event. */
export const MAX_HEADS = 10;

/** The cursor of these places of what somebody watches. */
export function usageCursor(watched: Watched, places: readonly UsagePlace[]): string {
  return encodeCursor([watched.billingEntityId, ownerOf(watched), ...places.map(toParts)]);
}

/**
 * The places that a cursor names; null: it was made for other use of this entity, as before its watcher gained or lost a right,
 * and says nothing about this.
 * @throws Refusal BAD_USER_INPUT for anything that is no cursor of this entity's live use
 */
export function placesOfCursor(
  cursor: string,
  watched: Watched,
  kinds: readonly UsagePlace['kind'][],
): UsagePlace[] | null {
  const key = cursor.length > MAX_LENGTH ? null : keyOfCursor(cursor);
  if (!Array.isArray(key)) throw noCursor();
  const [billingEntityId, owner, ...parts] = key as unknown[];
  const places = parts.map(toPlace);
  if (billingEntityId !== watched.billingEntityId || !isOwner(owner)) throw noCursor();
  if (parts.length < 1 || parts.length > 2 || !places.every((place) => place !== null)) throw noCursor();
  const isOfThis = owner === ownerOf(watched) && places.map(({ kind }) => kind).join() === kinds.join();
  return isOfThis ? places : null;
}

/** The longest cursor has some 1 200 characters. */
const MAX_LENGTH = 2_000;

/** Names whose use it is, so that a place in everybody's use is not taken for one in somebody's own. */
function ownerOf({ own }: Watched): string {
  if (own === null) return 'all';
  return 'userId' in own ? `user ${own.userId}` : `key ${own.apiKeyId}`;
}

function isOwner(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const [kind, id, ...more] = value.split(' ');
  if (kind === 'all') return id === undefined;
  return (kind === 'user' || kind === 'key') && isKeyPart.uuid(id) && more.length === 0;
}

function toParts(place: UsagePlace): unknown[] {
  if (place.kind === 'account') return [place.sequence.toString()];
  const { since, seen, settled, heads } = place;
  const seenOf = heads.map(([billingEntityId, sequence]) => [billingEntityId, sequence.toString()]);
  return [since.toISOString(), seen.toString(), settled.toISOString(), seenOf];
}

function toPlace(parts: unknown): UsagePlace | null {
  if (!Array.isArray(parts)) return null;
  const [first, seen, settled, heads] = parts as unknown[];
  if (parts.length === 1) return isCount(first) ? { kind: 'account', sequence: BigInt(first) } : null;
  if (parts.length !== 4 || !isInstant(first) || !isCount(seen) || !isInstant(settled) || settled < first) return null;
  if (!Array.isArray(heads) || heads.length > MAX_HEADS || !heads.every(isHead)) return null;
  return {
    kind: 'public',
    since: new Date(first),
    seen: BigInt(seen),
    settled: new Date(settled),
    heads: heads.map(([billingEntityId, sequence]) => [billingEntityId, BigInt(sequence)] as const),
  };
}

function isHead(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && isKeyPart.uuid(value[0]) && isCount(value[1]);
}

function isCount(value: unknown): value is string {
  return isKeyPart.integer(value) && !(value as string).startsWith('-');
}

function isInstant(value: unknown): value is string {
  return isKeyPart.instant(value);
}

function noCursor(): Refusal {
  return new Refusal('BAD_USER_INPUT', 'that is not a cursor of this live use');
}

/**
 * What a PLATFORM key looks like: `tg_live_`, then in base64url its billing entity and its own id, which one statement
 * finds it by, a random secret, and a checksum, by which a mistyped key is told without asking the database.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { parse, stringify } from 'uuid';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';

/** Whatever begins so is meant to be one of our keys, and is no JSON Web Token. */
export const KEY_NAMESPACE = 'tg_';

const PREFIX = 'tg_live_';
/** 216 bits. The hint shows the last four characters, which are of the checksum, and so gives 24 of them away. */
const SECRET_BYTES = 27;
const CHECKSUM_BYTES = 4;
/** A multiple of three: base64url spells it in whole characters, and so in one way only. */
const TOTAL_BYTES = 16 + 16 + SECRET_BYTES + CHECKSUM_BYTES;
const SHAPE = new RegExp(`^${PREFIX}[\\w-]{${(TOTAL_BYTES / 3) * 4}}$`);

/** A new key of this name. It is nowhere else from then on. */
export function makeKey({ billingEntityId, id }: ApiKeyRef): string {
  const body = Buffer.concat([parse(billingEntityId), parse(id), randomBytes(SECRET_BYTES)]);
  return PREFIX + Buffer.concat([body, checksumOf(body)]).toString('base64url');
}

/** Which key this claims to be; null when it cannot be one. */
export function parseKey(text: string): ApiKeyRef | null {
  if (!SHAPE.test(text)) return null;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (!checksumOf(body).equals(bytes.subarray(-CHECKSUM_BYTES))) return null;
  try {
    return { billingEntityId: stringify(body.subarray(0, 16)), id: stringify(body.subarray(16, 32)) };
  } catch {
    // The checksum is no secret: whoever makes one up for bytes that are no UUID learns nothing from it.
    return null;
  }
}

/** The hash of a key, which is all that is kept of it. A key holds so much chance that a plain hash cannot be searched. */
export function hashOfKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** True where both are the same hash. It takes as long whether they differ early or late. */
export function isSameHash(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Enough of a secret to recognise it by: what its kind begins with, and its last four characters. */
export function hintOf(secret: string): string {
  const prefix = /^(?:tg_live_|sk-ant-|sk-proj-|sk-)/.exec(secret)?.[0] ?? '';
  return `${prefix}…${secret.slice(-4)}`;
}

/** CRC-32 misses no change that lies within 32 bits; a character is six. */
function checksumOf(body: Uint8Array): Buffer {
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32BE(crc32(body, crc32(PREFIX)));
  return checksum;
}

/**
 * Public ids. A billing entity's id is its UUID; the id of anything it owns carries that UUID, so that one statement on
 * one shard finds it. They are opaque to clients, at most 64 characters, and stable. A prefix tells the kinds apart, so
 * that no two things of different kinds share an id.
 */
import { parse, stringify, validate } from 'uuid';
import { Refusal } from './refusal.ts';

const GRANT = 'grt_';
const ENTRY = 'ent_';
const RECORD = 'use_';
const RESERVATION = 'rsv_';
const API_KEY = 'key_';
const MEMBERSHIP = 'mem_';
const AUDIT = 'aud_';
const WEBHOOK_DELIVERY = 'whd_';
const ALERT = 'alt_';
const ALERT_PREFERENCE = 'apf_';
/** The logs strike out whatever begins with `tg_`. */
const EXPORT_TOKEN = 'tg_export_';

/** Bytes of the secret in an export link's token. */
export const EXPORT_SECRET_BYTES = 32;

/** Public id of a grant. */
export function grantId(billingEntityId: string, id: string): string {
  return GRANT + encode(parse(billingEntityId), parse(id));
}

/** The grant that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseGrantId(id: string): { billingEntityId: string; id: string } {
  return parsePair(id, GRANT);
}

/** Public id of a ledger entry. */
export function entryId(billingEntityId: string, sequence: bigint): string {
  return ENTRY + encode(parse(billingEntityId), eightBytes(sequence));
}

/** The ledger entry that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseEntryId(id: string): { billingEntityId: string; sequence: bigint } {
  const bytes = decode(id, ENTRY, 24);
  return { billingEntityId: entityOf(bytes), sequence: bytes.readBigInt64BE(16) };
}

/** Public id of a usage record. */
export function recordId(billingEntityId: string, sequence: bigint, line: number): string {
  return RECORD + encode(parse(billingEntityId), eightBytes(sequence), Uint8Array.of(line));
}

/** The usage record that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseRecordId(id: string): { billingEntityId: string; sequence: bigint; line: number } {
  const bytes = decode(id, RECORD, 25);
  return { billingEntityId: entityOf(bytes), sequence: bytes.readBigInt64BE(16), line: bytes.readUInt8(24) };
}

/** Public id of a reservation. */
export function reservationId(billingEntityId: string, id: string): string {
  return RESERVATION + encode(parse(billingEntityId), parse(id));
}

/** The reservation that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseReservationId(id: string): { billingEntityId: string; id: string } {
  return parsePair(id, RESERVATION);
}

/** Public id of an API key: names it, and is no secret. */
export function apiKeyId(billingEntityId: string, id: string): string {
  return API_KEY + encode(parse(billingEntityId), parse(id));
}

/** The API key that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseApiKeyId(id: string): { billingEntityId: string; id: string } {
  return parsePair(id, API_KEY);
}

/** Public id of a user's membership in an organization. */
export function membershipId(organizationId: string, userId: string): string {
  return MEMBERSHIP + encode(parse(organizationId), parse(userId));
}

/**
 * The membership that an id names. `personId` is the id that it was made from: the user's, or a made-up one where they
 * were invited. @throws Refusal NOT_FOUND when malformed
 */
export function parseMembershipId(id: string): { organizationId: string; personId: string } {
  const { billingEntityId: organizationId, id: personId } = parsePair(id, MEMBERSHIP);
  return { organizationId, personId };
}

/** Public id of an entry of the audit log. */
export function auditLogEntryId(billingEntityId: string, id: string): string {
  return AUDIT + encode(parse(billingEntityId), parse(id));
}

/** The entry of the audit log that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseAuditLogEntryId(id: string): { billingEntityId: string; id: string } {
  return parsePair(id, AUDIT);
}

/** Public id of an alert. */
export function alertId(billingEntityId: string, number: bigint): string {
  return ALERT + encode(parse(billingEntityId), eightBytes(number));
}

/** The alert that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseAlertId(id: string): { billingEntityId: string; number: bigint } {
  const bytes = decode(id, ALERT, 24);
  return { billingEntityId: entityOf(bytes), number: bytes.readBigInt64BE(16) };
}

/** Public id of an alert preference, by the name that it has within its entity. */
export function alertPreferenceId(billingEntityId: string, name: string): string {
  return ALERT_PREFERENCE + encode(parse(billingEntityId), Buffer.from(name));
}

export type IdKind =
  | 'entity'
  | 'grant'
  | 'entry'
  | 'record'
  | 'reservation'
  | 'apiKey'
  | 'membership'
  | 'audit'
  | 'alert';

/** The kind of thing that an id names, as far as its prefix tells. Without a prefix it can only be a billing entity. */
export function kindOfId(id: string): IdKind {
  return KINDS.get(id.slice(0, PREFIX_LENGTH)) ?? 'entity';
}

const PREFIX_LENGTH = 4;
const KINDS: ReadonlyMap<string, IdKind> = new Map([
  [GRANT, 'grant'],
  [ENTRY, 'entry'],
  [RECORD, 'record'],
  [RESERVATION, 'reservation'],
  [API_KEY, 'apiKey'],
  [MEMBERSHIP, 'membership'],
  [AUDIT, 'audit'],
  [ALERT, 'alert'],
]);

/** Public id of a webhook delivery, which receivers know as `webhook-id`. */
export function webhookDeliveryId(billingEntityId: string, id: string): string {
  return WEBHOOK_DELIVERY + encode(parse(billingEntityId), parse(id));
}

/** The webhook delivery that an id names. @throws Refusal NOT_FOUND when malformed */
export function parseWebhookDeliveryId(id: string): { billingEntityId: string; id: string } {
  const bytes = decode(id, WEBHOOK_DELIVERY, 32);
  return { billingEntityId: entityOf(bytes), id: uuidOf(bytes.subarray(16)) };
}

/** The token of an export link: it names the link, as an id would, and carries its secret besides. */
export function exportToken({ billingEntityId, id, secret }: ExportTokenParts): string {
  return EXPORT_TOKEN + encode(parse(billingEntityId), parse(id), secret);
}

/** The link and the secret in an export link's token. @throws Refusal NOT_FOUND when malformed */
export function parseExportToken(token: string): ExportTokenParts {
  const bytes = decode(token, EXPORT_TOKEN, 32 + EXPORT_SECRET_BYTES);
  return { billingEntityId: entityOf(bytes), id: uuidOf(bytes.subarray(16, 32)), secret: bytes.subarray(32) };
}

export interface ExportTokenParts {
  readonly billingEntityId: string;
  readonly id: string;
  readonly secret: Uint8Array;
}

/** A billing entity's id, as the database spells it. @throws Refusal NOT_FOUND when malformed */
export function parseEntityId(id: string): string {
  if (!validate(id)) throw notFound();
  return id.toLowerCase();
}

function encode(...parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('base64url');
}

/** An entity's UUID, and that of something within it. */
function parsePair(id: string, prefix: string): { billingEntityId: string; id: string } {
  const bytes = decode(id, prefix, 32);
  return { billingEntityId: entityOf(bytes), id: uuidOf(bytes.subarray(16)) };
}

/** Only what `encode` writes comes back: another spelling of the same bytes is another, unknown id. */
function decode(id: string, prefix: string, length: number): Buffer {
  const text = id.startsWith(prefix) ? id.slice(prefix.length) : '';
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== length || bytes.toString('base64url') !== text) throw notFound();
  return bytes;
}

function eightBytes(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function entityOf(bytes: Buffer): string {
  return uuidOf(bytes.subarray(0, 16));
}

/** @throws Refusal NOT_FOUND for bytes that are no UUID: this server made no such id */
function uuidOf(bytes: Uint8Array): string {
  try {
    return stringify(bytes);
  } catch {
    throw notFound();
  }
}

function notFound(): Refusal {
  return new Refusal('NOT_FOUND', 'there is nothing with this id');
}

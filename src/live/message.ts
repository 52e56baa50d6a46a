import type { Balance } from '../ledger/rules/balance.ts';

/** PostgreSQL refuses NOTIFY payloads of 8 000 bytes. */
const maxMessageBytes = 7_900;

/** The kinds of news: use in a public organization, alerts of an entity. */
export const TOPICS = ['used', 'alerted'] as const;
export type Topic = (typeof TOPICS)[number];

/**
 * Messages between processes. Balances are arrays in a fixed order, whole numbers as strings (JSON's are floats).
 * `from` stands first, so that a process knows its own messages without parsing them.
 */
export interface Message {
  /** The sending process. */
  readonly from: string;
  /** Undecoded entries: most are of accounts that nobody here watches. */
  readonly balances: readonly unknown[];
  /** Undecoded ids of what there is news of. */
  readonly news: Readonly<Record<Topic, readonly unknown[]>>;
  /** The sender had to drop states: any account may have changed. */
  readonly lossy: boolean;
  /** The sender stops, with nothing left to tell. */
  readonly leaving: boolean;
}

/** Packs states into as few messages as the size limit allows; at least one, which may be empty (a sign of life). */
export function encodeMessages(
  from: string,
  balances: Iterable<Balance>,
  flags: { readonly lossy?: boolean; readonly leaving?: boolean } = {},
): string[] {
  const head = `${messageHead(from)}"balances":[`;
  const tail = `]${flags.lossy === true ? ',"lossy":true' : ''}${flags.leaving === true ? ',"leaving":true' : ''}}`;
  const messages = packed(balances, encodeBalance, { head, tail });
  return messages.length === 0 ? [head + tail] : messages;
}

/**
 * Packs the ids that there is news of into as few messages as the size limit allows. Processes of a release that does not know
 * of the topic find nothing in them.
 */
export function encodeNews(from: string, topic: Topic, ids: Iterable<string>): string[] {
  return packed(ids, JSON.stringify, { head: `${messageHead(from)}"balances":[],"${topic}":[`, tail: ']}' });
}

function packed<Item>(
  items: Iterable<Item>,
  encode: (item: Item) => string,
  { head, tail }: { readonly head: string; readonly tail: string },
): string[] {
  const roomBytes = maxMessageBytes - Buffer.byteLength(head) - Buffer.byteLength(tail);
  const messages: string[] = [];
  let entries: string[] = [];
  let usedBytes = 0;
  for (const item of items) {
    const entry = encode(item);
    const entryBytes = Buffer.byteLength(entry) + 1;
    if (usedBytes + entryBytes > roomBytes && entries.length > 0) {
      messages.push(head + entries.join(',') + tail);
      entries = [];
      usedBytes = 0;
    }
    entries.push(entry);
    usedBytes += entryBytes;
  }
  if (entries.length > 0) messages.push(head + entries.join(',') + tail);
  return messages;
}

/** The beginning of every message of this process. */
export function messageHead(from: string): string {
  return `{"from":${JSON.stringify(from)},`;
}

/** Reads a message's envelope; null when it is not one of ours. Anybody who can connect can send, so everything is checked. */
export function decodeMessage(text: string): Message | null {
  if (text.length > maxMessageBytes) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { from, balances, used = [], alerted = [], lossy, leaving } = value as Record<string, unknown>;
  if (typeof from !== 'string' || from.length === 0 || from.length > 64) return null;
  if (!Array.isArray(balances) || !Array.isArray(used) || !Array.isArray(alerted)) return null;
  return { from, balances, news: { used, alerted }, lossy: lossy === true, leaving: leaving === true };
}

/** The account that an entry speaks of, or null. */
export function accountOf(entry: unknown): string | null {
  const id: unknown = Array.isArray(entry) ? entry[0] : null;
  return typeof id === 'string' ? id : null;
}

/** Reads one state; null when any of it differs from what this process would have written. */
export function decodeBalance(entry: unknown): Balance | null {
  if (!Array.isArray(entry) || entry.length !== 11) return null;
  const [id, ...rest] = entry as unknown[];
  const [available, held, used, allowance, overage, owed, version, sequence] = rest.slice(0, 8).map(wholeNumber);
  const [usedRatio, asOfMs] = rest.slice(8);
  if (typeof id !== 'string') return null;
  if (available == null || held == null || used == null || allowance == null) return null;
  if (overage == null || owed == null || version == null || sequence == null) return null;
  if (typeof usedRatio !== 'number' || !Number.isFinite(usedRatio)) return null;
  if (typeof asOfMs !== 'number' || !Number.isFinite(asOfMs) || Math.abs(asOfMs) > 8.64e15) return null;
  const asOf = new Date(asOfMs);
  return { billingEntityId: id, available, held, used, allowance, overage, owed, usedRatio, version, sequence, asOf };
}

function encodeBalance(balance: Balance): string {
  const { available, held, used, allowance, overage, owed, version, sequence } = balance;
  return (
    `[${JSON.stringify(balance.billingEntityId)},"${available}","${held}","${used}","${allowance}","${overage}",` +
    `"${owed}","${version}","${sequence}",${balance.usedRatio},${balance.asOf.getTime()}]`
  );
}

/** The billing entity that an entry names; null when it is no id. */
export function decodeEntityId(entry: unknown): string | null {
  return typeof entry === 'string' && /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(entry) ? entry : null;
}

/** A bigint of PostgreSQL in digits, or null. */
function wholeNumber(value: unknown): bigint | null {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return null;
  const number = BigInt(value);
  return BigInt.asIntN(64, number) === number ? number : null;
}

/**
 * Links in mails. A link's token names an address of an entity and one purpose, and is signed. Nothing that would let
 * somebody make such a link is in the database, and no address stands in one.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { parse, stringify } from 'uuid';
import type { Clock } from '../../kernel/clock.ts';

/** The links of a mail. */
export interface MailedLinks {
  readonly home: string;
  readonly preferences: string;
  readonly unsubscribe: string;
}

export type LinkPurpose = 'unsubscribe' | 'confirm';

/** An address of an entity, by the ids that links carry. */
export interface AddressRef {
  readonly billingEntityId: string;
  readonly id: string;
}

interface Options {
  /** Newest first: the first signs, and each verifies. */
  readonly keys: readonly Uint8Array[];
  /** The address of this installation, with a slash at its end. */
  readonly publicUrl: () => URL;
  readonly clock: Clock;
}

/** The logs strike out whatever begins with `tg_`. */
const PREFIX = 'tg_mail_';
const IDS_BYTES = 32;
const EXPIRY_BYTES = 6;
const MAC_BYTES = 24;
/** An unsubscribe link works as long as the mail is kept. */
const NEVER = 2 ** 48 - 1;

export const CONFIRMATION_VALID_MS = 3 * 86_400_000;

export class MailLinks {
  readonly #keys: readonly Uint8Array[];
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    // A key of its own for this use, so that no signature here is worth anything elsewhere.
    this.#keys = options.keys.map((key) => new Uint8Array(hkdfSync('sha256', key, '', 'tollgate links in mails', 32)));
  }

  /** Ends mail to this address about this entity. */
  unsubscribeUrl(address: AddressRef): string {
    return this.#url('unsubscribe', this.unsubscribeToken(address));
  }

  /** The page on which its owner sees what is mailed, and changes it. */
  preferencesUrl(address: AddressRef): string {
    return this.#url('mail-preferences', this.unsubscribeToken(address));
  }

  /** The links that every mail to this address has. */
  mailed(address: AddressRef): MailedLinks {
    return {
      home: this.homeUrl,
      preferences: this.preferencesUrl(address),
      unsubscribe: this.unsubscribeUrl(address),
    };
  }

  /** Says yes to mail about this entity. */
  confirmUrl(address: AddressRef): string {
    return this.#url('confirm-email', this.confirmToken(address));
  }

  get homeUrl(): string {
    return this.#options.publicUrl().href;
  }

  unsubscribeToken(address: AddressRef): string {
    return this.#sign('unsubscribe', address, NEVER);
  }

  confirmToken(address: AddressRef): string {
    return this.#sign('confirm', address, this.#options.clock.now().getTime() + CONFIRMATION_VALID_MS);
  }

  /** The address that a token names; null: it was not made here, is for another purpose, or has expired. */
  read(purpose: LinkPurpose, token: string): AddressRef | null {
    const text = token.startsWith(PREFIX) ? token.slice(PREFIX.length) : '';
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== IDS_BYTES + EXPIRY_BYTES + MAC_BYTES || bytes.toString('base64url') !== text) return null;
    const body = bytes.subarray(0, IDS_BYTES + EXPIRY_BYTES);
    const mac = bytes.subarray(IDS_BYTES + EXPIRY_BYTES);
    if (!this.#keys.some((key) => timingSafeEqual(macOf(key, purpose, body), mac))) return null;
    if (body.readUIntBE(IDS_BYTES, EXPIRY_BYTES) <= this.#options.clock.now().getTime()) return null;
    return { billingEntityId: stringify(body.subarray(0, 16)), id: stringify(body.subarray(16, 32)) };
  }

  #sign(purpose: LinkPurpose, { billingEntityId, id }: AddressRef, expiresAtMs: number): string {
    const [key] = this.#keys;
    if (key === undefined) throw new Error('links need a key');
    const expiry = Buffer.alloc(EXPIRY_BYTES);
    expiry.writeUIntBE(expiresAtMs, 0, EXPIRY_BYTES);
    const body = Buffer.concat([parse(billingEntityId), parse(id), expiry]);
    return PREFIX + Buffer.concat([body, macOf(key, purpose, body)]).toString('base64url');
  }

  #url(path: string, token: string): string {
    const url = new URL(path, this.#options.publicUrl());
    url.searchParams.set('token', token);
    return url.href;
  }
}

function macOf(key: Uint8Array, purpose: LinkPurpose, body: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(`${purpose}\0`).update(body).digest().subarray(0, MAC_BYTES);
}

/** E-mail addresses as they are compared, bounded and shown (pure). */
import { domainToASCII } from 'node:url';

export interface MailAddress {
  /** As it is written to: the local part as given, the domain in ASCII and lower case. */
  readonly address: string;
  /** Two addresses with one key are one address. */
  readonly key: string;
}

const LONGEST = 254;
const LONGEST_LOCAL = 64;
/** A dot-atom (RFC 5322), without the quoted forms that nobody has and that injections are made of. */
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads an address; null: it is none that we write to. Spaces around it are ignored. A domain in another script becomes
 * its ASCII form. Upper and lower case make no difference: no mail host that is in use tells them apart.
 */
export function parseAddress(text: string): MailAddress | null {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  const local = trimmed.slice(0, at);
  // The conversion passes line breaks over in silence.
  if (/[\s\p{C}]/u.test(trimmed)) return null;
  const domain = domainToASCII(trimmed.slice(at + 1)).toLowerCase();
  if (at < 1 || local.length > LONGEST_LOCAL || !LOCAL.test(local)) return null;
  const labels = domain.split('.');
  const isDomain = labels.length > 1 && labels.every((label) => LABEL.test(label)) && /[a-z]/.test(labels.at(-1) ?? '');
  const address = `${local}@${domain}`;
  if (!isDomain || address.length > LONGEST) return null;
  return { address, key: address.toLowerCase() };
}

/** The mailbox behind an address, for bounds: what follows a plus sign leads to the same person. */
export function mailboxOf({ key }: Pick<MailAddress, 'key'>): string {
  const at = key.lastIndexOf('@');
  const [mailbox = ''] = key.slice(0, at).split('+');
  return `${mailbox === '' ? key.slice(0, at) : mailbox}${key.slice(at)}`;
}

/** The address as logs and pages may show it: enough for its owner to know it. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, 1)}…${address.slice(at)}`;
}

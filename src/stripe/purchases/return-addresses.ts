/** Hosted pages may send people back only to our own addresses, so that nobody is sent elsewhere in our name. */
import { isLoopbackHost } from '../../kernel/loopback.ts';
import { Refusal } from '../../kernel/refusal.ts';

export interface ReturnRules {
  /** The public address of this installation, asked for each time. */
  readonly publicUrl: () => URL;
  readonly origins: readonly string[];
  /** Local mode allows any application that is developed on this machine. */
  readonly anyLoopback: boolean;
}

const LONGEST = 2_000;
/** Characters that browsers and parsers read differently: backslashes, spaces and characters that are not printed. */
const AMBIGUOUS = /[\\\s\p{Cc}]/u;

/** @throws Refusal BAD_USER_INPUT naming the field, for an address of any other origin */
export function checkReturnAddress(rules: ReturnRules, field: string, address: string): string {
  const url = address.length <= LONGEST && !AMBIGUOUS.test(address) ? URL.parse(address) : null;
  const isWeb = url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  if (!isWeb || url.username !== '' || url.password !== '') {
    throw new Refusal('BAD_USER_INPUT', `${field} must be an address that begins with https:// or http://`);
  }
  const isOurs =
    url.origin === rules.publicUrl().origin ||
    rules.origins.includes(url.origin) ||
    (rules.anyLoopback && isLoopbackHost(url.hostname));
  if (!isOurs) throw new Refusal('BAD_USER_INPUT', `${field} must lead back to an origin that is allowed here`);
  // The address is returned as it was written: Stripe fills in placeholders in braces, which a parser would escape.
  return address;
}

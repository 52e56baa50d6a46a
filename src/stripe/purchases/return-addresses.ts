/** Where hosted pages may send people back to: addresses of ours, so that nobody is sent elsewhere in our name. */
import { isLoopbackHost } from '../../kernel/loopback.ts';
import { Refusal } from '../../kernel/refusal.ts';

export interface ReturnRules {
  /** How the world names this installation; asked for each address. */
  readonly publicUrl: () => URL;
  readonly origins: readonly string[];
  /** Local mode: whatever is being developed on this machine. */
  readonly anyLoopback: boolean;
}

const LONGEST = 2_000;
/** What browsers and parsers read differently: backslashes, spaces and whatever is not printed. */
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
  // As it was written: what Stripe fills in stands in braces, which would be escaped.
  return address;
}

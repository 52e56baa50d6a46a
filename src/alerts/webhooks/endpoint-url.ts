/** Addresses of endpoints as callers may give them. What a name leads to is checked when it is connected to. */
import { isIP } from 'node:net';
import { isLoopbackHost } from '../../kernel/loopback.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { isLoopbackAddress, isPublicAddress } from './addresses.ts';

const MAX_URL = 2048;
/** The first port that needs no privilege. Below it lie mail, shells and the like, which nobody shall be made to knock at. */
const FIRST_HIGH_PORT = 1024;
const HTTPS_PORT = 443;
/** Ends of names that no public name server answers for. */
const PRIVATE_NAMES =
  /(^|\.)(local|localhost|localdomain|internal|intranet|lan|home|corp|private|test|invalid|onion|home\.arpa)$/i;

/**
 * The address that this text names.
 * @param options.allowLoopback this machine is allowed too: by http or https, at any port
 * @throws Refusal BAD_USER_INPUT
 */
export function checkEndpointUrl(text: string, { allowLoopback }: { readonly allowLoopback: boolean }): URL {
  if (text.length > MAX_URL) throw bad(`is longer than ${MAX_URL} characters`);
  // The parser would leave white space out, and call what is left the same address.
  const url = /[\s\p{C}\\]/u.test(text) ? null : URL.parse(text);
  if (url === null || !text.isWellFormed()) throw bad('is not a URL');
  if (url.href.length > MAX_URL) throw bad(`is longer than ${MAX_URL} characters`);
  if (url.username !== '' || url.password !== '') throw bad('must not hold a user name or a password');
  if (text.includes('#')) throw bad('must not have a fragment');
  const isHere = allowLoopback && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:' && !(isHere && url.protocol === 'http:')) throw bad('must begin with https://');
  if (isHere) return url;
  const host = hostOf(url);
  const isPublic = isIP(host) === 0 ? isPublicName(host) : isPublicAddress(host);
  if (!isPublic) throw bad('must name a public host');
  const port = portOf(url);
  if (port !== HTTPS_PORT && port < FIRST_HIGH_PORT) {
    throw bad(`must have port ${HTTPS_PORT}, or one of ${FIRST_HIGH_PORT} and more`);
  }
  return url;
}

/** True when both name the same address, however they are spelled. */
export function isSameUrl(one: string, other: string): boolean {
  return URL.parse(one)?.href === URL.parse(other)?.href;
}

/** The host as name servers and sockets know it: without brackets, and without the dot at the end. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

export function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? HTTPS_PORT : 80) : Number(port);
}

/** True when this address may be connected to for the sake of this URL. */
export function mayConnect(address: string, url: URL, { allowLoopback }: { readonly allowLoopback: boolean }): boolean {
  if (isLoopbackAddress(address)) return allowLoopback;
  return url.protocol === 'https:' && isPublicAddress(address);
}

/** True for two labels and more, none of them empty: a second dot at the end would hide what the name ends with. */
function isPublicName(host: string): boolean {
  return host.includes('.') && !host.split('.').includes('') && !PRIVATE_NAMES.test(host);
}

function bad(what: string): Refusal {
  return Refusal.ofField('url', `url ${what}`);
}

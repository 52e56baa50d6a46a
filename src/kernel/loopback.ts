import { isIPv4 } from 'node:net';

/**
 * Whether a Host header, or the host of an address, names this machine and nothing else: `localhost`, names below it,
 * 127.0.0.0/8 and `[::1]`, with any port. Nobody's name server can make another name of one of them.
 */
export function isLoopbackHost(host: string): boolean {
  const [, name = ''] = /^(\[[\da-f:]+\]|[^:]+)(?::\d{1,5})?$/i.exec(host) ?? [];
  return /^([a-z\d-]+\.)*localhost$/i.test(name) || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

import { isIPv4 } from 'node:net';

/**
 * Says whether a host, with or without a port, names this machine and nothing else: `localhost`, names below it,
 * 127.0.0.0/8 and `[::1]`. No name server can lead such a name elsewhere. The Host header, origins and the addresses that
 * payers return to are all recognised here.
 */
export function isLoopbackHost(host: string): boolean {
  const [, name = ''] = /^(\[[\da-f:]+\]|[^:]+)(?::\d{1,5})?$/i.exec(host) ?? [];
  return /^([a-z\d-]+\.)*localhost$/i.test(name) || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

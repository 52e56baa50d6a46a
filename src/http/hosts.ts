import type { Config } from '../config/config.ts';
import { isLoopbackHost } from '../kernel/loopback.ts';

/** True when a request with this Host header is meant for us. */
export type HostCheck = (host: string | undefined) => boolean;

/**
 * Local mode gives tokens to anybody who asks, so it answers only to names that lead to this machine whatever a name server
 * says. Otherwise the owner of `evil.example` could make that name lead here, and no check of origins would stop their page.
 * PUBLIC_URL's host and an explicit HOST are accepted too. In production the proxy checks names.
 */
export function createHostCheck({ mode, host, publicUrl }: Pick<Config, 'mode' | 'host' | 'publicUrl'>): HostCheck {
  if (mode !== 'local') return () => true;
  const own = host.includes(':') ? `[${host}]` : host.toLowerCase();
  const isNamed = !['0.0.0.0', '::'].includes(host);
  const isOurs = (asked: string): boolean => {
    const name = asked.toLowerCase().replace(/:\d{1,5}$/, '');
    return isLoopbackHost(asked) || (isNamed && name === own) || name === publicUrl?.hostname;
  };
  // Nearly every request names the host that the one before it did.
  let known: string | undefined;
  return (asked) => {
    if (asked === undefined) return false;
    if (asked !== known && isOurs(asked)) known = asked;
    return asked === known;
  };
}

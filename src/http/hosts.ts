import type { Config } from '../config/config.ts';
import { isLoopbackHost } from '../kernel/loopback.ts';

/** Whether a request for this Host header is meant for us. */
export type HostCheck = (host: string | undefined) => boolean;

/**
 * Local mode hands out tokens to whoever asks, so it answers only for names that lead to this machine whatever a name server
 * says: a page of `evil.example` whose name is made to lead here is of one origin with itself, and no check of origins stops it.
 * PUBLIC_URL's host and a HOST that was named on purpose are answered for as well. In production names are the proxy's business.
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

import { type Config, publicUrlOf } from '../config/config.ts';
import { isLoopbackHost } from '../kernel/loopback.ts';

/** Says whether a page of `origin` may call the API; `host` is the Host header of its request. */
export type OriginCheck = (origin: string | undefined, host: string | undefined) => boolean;

/**
 * Pages of PUBLIC_URL and CORS_ORIGINS may call the API, and in local mode every page of this machine. Where PUBLIC_URL
 * is not given, a page must come from the host that it calls. A caller without an Origin is not a browser, and may call.
 */
export function createOriginCheck(config: Pick<Config, 'mode' | 'publicUrl' | 'corsOrigins'>): OriginCheck {
  const { mode, publicUrl } = config;
  const allowed = new Set(config.corsOrigins);
  if (publicUrl !== null) allowed.add(publicUrl.origin);
  return (origin, host) => {
    if (origin === undefined || allowed.has(origin)) return true;
    if (mode === 'local') return isLoopbackOrigin(origin);
    return publicUrl === null && host !== undefined && (origin === `https://${host}` || origin === `http://${host}`);
  };
}

/**
 * Says whether a request comes from a page of this very installation: only those may use the session's cookie. That is
 * PUBLIC_URL's origin. In local mode it is also the one that it listens on, under each loopback name that the page itself was
 * asked for by: cookies do not tell ports apart, so that another program's page on this machine would have them too.
 */
export function createOwnPageCheck(
  config: Pick<Config, 'mode' | 'publicUrl' | 'host'>,
  listeningPort: () => number,
): OriginCheck {
  const { mode, publicUrl } = config;
  return (origin, host) => {
    if (origin === undefined) return false;
    if (mode === 'production') return publicUrl !== null && origin === publicUrl.origin;
    if (origin === publicUrlOf(config, listeningPort()).origin) return true;
    return host !== undefined && isLoopbackHost(host) && origin === `http://${host}`;
  };
}

function isLoopbackOrigin(origin: string): boolean {
  const [, host] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
  return host !== undefined && isLoopbackHost(host);
}

import type { Config } from '../config/config.ts';
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

function isLoopbackOrigin(origin: string): boolean {
  const [, host] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
  return host !== undefined && isLoopbackHost(host);
}

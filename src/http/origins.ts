import type { Config } from '../config/config.ts';

/** Whether a page of `origin` may call us; `host` is the request's Host header. */
export type OriginCheck = (origin: string | undefined, host: string | undefined) => boolean;

/**
 * Pages of PUBLIC_URL and RETURN_ORIGINS may call us, and in local mode any loopback one. Where PUBLIC_URL is not
 * given, the page must come from the host that it calls. Callers that send no Origin are not browsers, and may.
 */
export function createOriginCheck(config: Pick<Config, 'mode' | 'publicUrl' | 'returnOrigins'>): OriginCheck {
  const { mode, publicUrl } = config;
  const allowed = new Set(config.returnOrigins);
  if (publicUrl !== null) allowed.add(publicUrl.origin);
  return (origin, host) => {
    if (origin === undefined || allowed.has(origin)) return true;
    if (mode === 'local') return isLoopback(origin);
    return publicUrl === null && host !== undefined && (origin === `https://${host}` || origin === `http://${host}`);
  };
}

function isLoopback(origin: string): boolean {
  return /^https?:\/\/(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/.test(origin);
}

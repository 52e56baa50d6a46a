import { createHash, timingSafeEqual } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { Config } from '../config.ts';
import { strikeText } from '../log.ts';
import { answer, answerError, answerJson, httpError } from './exchange.ts';
import type { Exchange, Route } from './exchange.ts';

/** One thing that must work before requests are worth sending, such as the database. Resolves when it does; rejects with the reason. */
export interface ReadinessCheck {
  readonly name: string;
  check(): Promise<void>;
}

export interface HealthOptions {
  readonly config: Pick<Config, 'mode' | 'metricsToken'>;
  readonly readiness: readonly ReadinessCheck[];
  readonly registry: Registry;
  readonly isDraining: () => boolean;
  /** How long a check may take. */
  readonly checkTimeoutMs?: number;
}

/** `/healthz`: the process is alive. `/readyz`: it can work; 503 with the reasons while it cannot. `/metrics`: Prometheus. */
export function createHealthRoutes(options: HealthOptions): readonly Route[] {
  const methods = ['GET', 'HEAD'];
  return [
    { path: '/healthz', methods, handle: (exchange) => answerJson(exchange, 200, { status: 'alive' }) },
    { path: '/readyz', methods, handle: (exchange) => answerReadiness(exchange, options) },
    { path: '/metrics', methods, handle: (exchange) => answerMetrics(exchange, options) },
  ];
}

async function answerReadiness(exchange: Exchange, options: HealthOptions): Promise<void> {
  if (options.isDraining()) {
    answerJson(exchange, 503, { status: 'unavailable', reasons: { server: 'shutting down' } });
    return;
  }
  const reasons: Record<string, string> = {};
  await Promise.all(
    options.readiness.map(async (item) => {
      const reason = await reasonAgainst(item, options.checkTimeoutMs ?? 2000);
      if (reason !== null) reasons[item.name] = reason;
    }),
  );
  const isReady = Object.keys(reasons).length === 0;
  answerJson(exchange, isReady ? 200 : 503, isReady ? { status: 'ready' } : { status: 'unavailable', reasons });
}

async function reasonAgainst(item: ReadinessCheck, timeoutMs: number): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
  });
  try {
    return await Promise.race([item.check().then(() => null), late]);
  } catch (error) {
    return strikeText(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

async function answerMetrics(exchange: Exchange, options: HealthOptions): Promise<void> {
  const { mode, metricsToken } = options.config;
  const isOpen = mode === 'local' && metricsToken === null;
  if (!isOpen && !isBearer(exchange.request.headers.authorization, metricsToken)) {
    answerError(exchange, 401, httpError('UNAUTHENTICATED', 'METRICS_TOKEN must be sent as bearer.'), [
      'www-authenticate',
      'Bearer',
    ]);
    return;
  }
  answer(exchange, 200, options.registry.contentType, await options.registry.metrics());
}

/** Compared by hash, so that the time it takes says nothing about the token. */
function isBearer(authorization: string | undefined, token: string | null): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (given === undefined || token === null) return false;
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { strikeText } from '../kernel/log.ts';
import { answer, answerError, answerJson, httpError } from './answers.ts';
import type { Route } from './route.ts';

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
export function createHealthRoutes(options: HealthOptions): Route {
  const method = ['GET', 'HEAD'];
  return async (app) => {
    app.route({ method, url: '/healthz', handler: (_, reply) => answerJson(reply, 200, { status: 'alive' }) });
    app.route({ method, url: '/readyz', handler: (_, reply) => answerReadiness(reply, options) });
    app.route({ method, url: '/metrics', handler: (request, reply) => answerMetrics(request, reply, options) });
  };
}

async function answerReadiness(reply: FastifyReply, options: HealthOptions): Promise<FastifyReply> {
  if (options.isDraining()) {
    return answerJson(reply, 503, { status: 'unavailable', reasons: { server: 'shutting down' } });
  }
  const reasons: Record<string, string> = {};
  await Promise.all(
    options.readiness.map(async (item) => {
      const reason = await reasonAgainst(item, options.checkTimeoutMs ?? 2000);
      if (reason !== null) reasons[item.name] = reason;
    }),
  );
  const isReady = Object.keys(reasons).length === 0;
  return answerJson(reply, isReady ? 200 : 503, isReady ? { status: 'ready' } : { status: 'unavailable', reasons });
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

async function answerMetrics(
  request: FastifyRequest,
  reply: FastifyReply,
  options: HealthOptions,
): Promise<FastifyReply> {
  const { mode, metricsToken } = options.config;
  const isOpen = mode === 'local' && metricsToken === null;
  if (!isOpen && !isBearer(request.headers.authorization, metricsToken)) {
    const error = httpError('UNAUTHENTICATED', 'METRICS_TOKEN must be sent as bearer.');
    return answerError(reply, 401, error, { 'www-authenticate': 'Bearer' });
  }
  return answer(reply, 200, options.registry.contentType, await options.registry.metrics());
}

/** Compared by hash, so that the time it takes says nothing about the token. */
function isBearer(authorization: string | undefined, token: string | null): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (given === undefined || token === null) return false;
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}

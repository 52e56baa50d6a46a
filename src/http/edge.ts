/** Rules for every request on every route: its id, allowed callers, the headers of every answer, and counting. */
import { Readable } from 'node:stream';
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLError } from 'graphql';
import type { Config } from '../config/config.ts';
import type { Log } from '../kernel/log.ts';
import { answerError, httpError } from './answers.ts';
import type { Connections } from './connections.ts';
import { createHostCheck } from './hosts.ts';
import type { EdgeMetrics } from './metrics.ts';
import { createOriginCheck } from './origins.ts';
import { pathOf, Paths } from './paths.ts';
import { PIECE_BYTES, piecesOf } from './pieces.ts';
import type { UnreadBytes } from './unread-bytes.ts';
import './requests.ts';

interface Options {
  readonly config: Config;
  readonly connections: Connections;
  readonly unread: UnreadBytes;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
  readonly isDraining: () => boolean;
}

/** Applies the rules to all routes that are registered after it. */
export async function registerEdge(app: FastifyInstance, options: Options): Promise<void> {
  const paths = new Paths();
  app.decorate('connections', options.connections);
  app.decorateRequest('principal', null);
  app.decorateRequest('holder', null);
  app.decorateRequest('isServedElsewhere', {
    getter(this: FastifyRequest) {
      return paths.methodsAt(pathOf(this.url)).length > 0;
    },
  });
  app.decorateRequest('release', null);
  app.addHook('onRoute', ({ url, method }) => paths.add(url, method));
  // Each route reads its own body: no form of it fits them all.
  app.removeAllContentTypeParsers();
  receive(app, options, paths);
  await app.register(cors, { delegator: (request, done) => done(null, corsOptionsOf(request, paths)) });
  send(app, options);
  app.setNotFoundHandler((request, reply) => answerNotFound(request, reply, paths));
}

/** Host, Origin and path are checked, in this order, before anything else of the request is read. */
function receive(app: FastifyInstance, options: Options, paths: Paths): void {
  const allowsHost = createHostCheck(options.config);
  const allowsOrigin = createOriginCheck(options.config);
  const observe = createObserver(options);
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.once('close', () => observe(request, reply));
    void reply
      .header('x-request-id', request.id)
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff');
    const { host, origin } = request.headers;
    if (!allowsHost(host)) answerError(reply, 403, foreignHost());
    else if (!allowsOrigin(origin, host)) answerError(reply, 403, foreignOrigin());
    else if (request.method !== 'OPTIONS' || isServed(request, reply, paths)) done();
  });
}

/** Local mode is reached by a name that is not this machine's. */
export function foreignHost(): GraphQLError {
  return httpError('FORBIDDEN', 'This installation does not answer under this name: PUBLIC_URL says which it has.');
}

function foreignOrigin(): GraphQLError {
  return httpError('FORBIDDEN', 'Pages of this origin may not call this service.');
}

/** What may be done at the path is told beside what a preflight asks; where there is nothing, that is answered, and false. */
function isServed(request: FastifyRequest, reply: FastifyReply, paths: Paths): boolean {
  const methods = paths.methodsAt(pathOf(request.url));
  if (methods.length === 0) answerNotFound(request, reply, paths);
  else void reply.header('allow', [...methods, 'OPTIONS'].join(', '));
  return methods.length > 0;
}

/** A caller that passed the checks may call, from any origin. */
function corsOptionsOf(request: FastifyRequest, paths: Paths): FastifyCorsOptions {
  if (request.method === 'OPTIONS') {
    const asked = request.headers['access-control-request-headers'];
    return {
      ...CORS,
      methods: [...paths.methodsAt(pathOf(request.url))],
      ...(asked === undefined && { allowedHeaders: USUAL_HEADERS }),
    };
  }
  return request.headers.origin === undefined ? NO_CORS : CORS;
}

/** Pages of an allowed origin may send whatever headers they ask for: clients and tracers add ever others of their own. */
const CORS: FastifyCorsOptions = {
  origin: true,
  exposedHeaders: 'x-request-id, retry-after',
  maxAge: 7200,
  // Callers that are no browsers get these headers too.
  strictPreflight: false,
};
/** Told to whoever asks for none by name. */
const USUAL_HEADERS = 'authorization, content-type, accept, x-request-id';
const NO_CORS: FastifyCorsOptions = { origin: false };

function answerNotFound(request: FastifyRequest, reply: FastifyReply, paths: Paths): void {
  const methods = paths.methodsAt(pathOf(request.url));
  if (methods.length === 0 || methods.includes(request.method)) {
    answerError(reply, 404, httpError('NOT_FOUND', 'There is nothing at this path.'));
    return;
  }
  const error = httpError('METHOD_NOT_ALLOWED', `Use ${methods.join(' or ')}.`);
  answerError(reply, 405, error, { allow: methods.join(', ') });
}

/**
 * Counts every answer as unread until the kernel has it or its connection is gone. A long one goes out in pieces, so that a
 * slow reader can be told from one that does not read at all.
 */
function send(app: FastifyInstance, { connections, unread }: Options): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (payload === null || payload === undefined || request.method === 'HEAD') {
      done();
      return;
    }
    const { socket } = request.raw;
    const isText = typeof payload === 'string';
    const isWhole = isText || Buffer.isBuffer(payload);
    const bytes = isText ? Buffer.byteLength(payload) : isWhole ? payload.length : STREAM_BYTES;
    request.release?.();
    request.release = connections.handed(socket, request.holder ?? unread.holderOf(null, socket.remoteAddress), bytes);
    if (!isWhole || bytes <= PIECE_BYTES) {
      done(null, payload);
      return;
    }
    void reply.header('content-length', String(bytes));
    done(null, Readable.from(piecesOf(isText ? Buffer.from(payload) : payload), { objectMode: false }));
  });
}

/** Bytes of a stream that wait in memory while its reader does not read. */
const STREAM_BYTES = 2 * PIECE_BYTES;

/** Counts and logs the answer, once it has gone out or its connection is gone. */
function createObserver({ metrics, log, isDraining }: Options): (request: FastifyRequest, reply: FastifyReply) => void {
  const counters = new Map<string, Map<number, { inc(): void }>>();
  const counterOf = (route: string, status: number): { inc(): void } => {
    let ofRoute = counters.get(route);
    if (ofRoute === undefined) counters.set(route, (ofRoute = new Map<number, { inc(): void }>()));
    let counter = ofRoute.get(status);
    if (counter === undefined) {
      ofRoute.set(status, (counter = metrics.httpRequests.labels(route, String(status))));
    }
    return counter;
  };
  return (request, reply) => {
    request.release?.();
    // It was told to keep the connection, perhaps before the order to stop came.
    if (isDraining()) request.raw.socket.end();
    const route = request.is404 ? undefined : request.routeOptions.url;
    if (route === undefined || route === '*') return;
    counterOf(route, reply.statusCode).inc();
    if (log.isLevelEnabled('debug')) {
      log.debug(
        { requestId: request.id, method: request.method, path: pathOf(request.url), status: reply.statusCode },
        'answered',
      );
    }
  };
}

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GraphQLSchema } from 'graphql';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { OnWatch } from '../graphql/context.ts';
import { internalError, refusalBody } from '../graphql/errors.ts';
import { Operations } from '../graphql/operations.ts';
import type { Rights } from '../graphql/rights.ts';
import { type Scheduler, systemScheduler } from '../live/scheduler.ts';
import type { Log } from '../log.ts';
import type { Authenticator } from './authentication.ts';
import { answerError, commonHeaders, httpError } from './exchange.ts';
import type { Exchange, Route } from './exchange.ts';
import { createGraphqlRoute } from './graphql-route.ts';
import { createHealthRoutes } from './health.ts';
import type { ReadinessCheck } from './health.ts';
import type { EdgeMetrics } from './metrics.ts';
import { createOriginCheck } from './origins.ts';
import type { OriginCheck } from './origins.ts';
import { createRateLimit } from './rate-limit.ts';
import { UnreadBytes } from './unread-bytes.ts';
import { refuseUpgrade, SocketRoad } from './websocket.ts';

export interface HttpServerOptions {
  readonly config: Config;
  readonly log: Log;
  readonly schema: GraphQLSchema;
  readonly authenticator: Authenticator;
  /** A fresh context for one operation, or for one event of a subscription. */
  readonly contextFor: (principal: Principal | null, onWatch?: OnWatch) => object;
  /** Whether what sockets were opened with still holds; without it nobody asks. */
  readonly rights?: Rights;
  readonly readiness: readonly ReadinessCheck[];
  readonly metrics: EdgeMetrics;
  readonly clock: Clock;
  /** Paces the checks of `rights`; the machine's timers unless given. */
  readonly scheduler?: Scheduler;
  /** Everything besides `/graphql`, `/healthz`, `/readyz` and `/metrics`. */
  readonly routes?: readonly Route[];
}

export interface HttpServer {
  /**
   * Starts to listen where the configuration says.
   * @throws {PortTakenError}
   */
  listen(): Promise<{ port: number }>;
  /** Takes nothing new, finishes what is in flight, closes sockets; bounded by DRAIN_TIMEOUT_MS. */
  drain(): Promise<void>;
}

/** Something else listens on the port. The message is one line for the user. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';

  constructor(host: string, port: number) {
    super(
      `PORT ${port} is taken on ${host}: stop what listens there, or set PORT to another one (0: any that is free)`,
    );
  }
}

/** Puts the roads together: HTTP routes and the WebSocket, on one port, with one set of checks. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, schema, log, metrics } = options;
  const operations = new Operations({
    schema,
    limits: config.limits,
    log,
    suggestions: config.mode === 'local',
    observe: metrics.observeOperation,
  });
  const road = {
    ...options,
    operations,
    scheduler: options.scheduler ?? systemScheduler,
    rateLimit: createRateLimit(config.limits.rateLimits),
    allowsOrigin: createOriginCheck(config),
    limits: config.limits,
    unread: new UnreadBytes(config.limits.unreadBytes),
  };
  const graphql = await createGraphqlRoute({ ...road, bodyBytes: config.limits.bodyBytes });
  return new NodeHttpServer(options, graphql, new SocketRoad(road), road.allowsOrigin);
}

class NodeHttpServer implements HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #sockets: SocketRoad;
  readonly #allowsOrigin: OriginCheck;
  readonly #exact = new Map<string, Route>();
  readonly #below: Route[] = [];
  readonly #counters = new WeakMap<Route, Map<number, { inc(): void }>>();
  #isDraining = false;

  constructor(options: HttpServerOptions, graphql: Route, sockets: SocketRoad, allowsOrigin: OriginCheck) {
    this.#options = options;
    this.#sockets = sockets;
    this.#allowsOrigin = allowsOrigin;
    const { config, readiness, metrics } = options;
    const health = createHealthRoutes({
      config,
      readiness,
      registry: metrics.registry,
      isDraining: () => this.#isDraining,
    });
    for (const route of [graphql, ...health, ...(options.routes ?? [])]) {
      if (route.path.endsWith('/*')) this.#below.push(route);
      else this.#exact.set(route.path, route);
    }
    const { limits } = config;
    this.#server = createServer(
      {
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 5000),
        noDelay: true,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) =>
      this.#upgrade(request, connection, head),
    );
    this.#server.on('clientError', answerClientError);
  }

  listen(): Promise<{ port: number }> {
    const { host, port } = this.#options.config;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'EADDRINUSE' ? new PortTakenError(host, port) : error);
      });
      this.#server.listen(port, host, () => resolve({ port: (this.#server.address() as AddressInfo).port }));
    });
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    const { drainTimeoutMs } = this.#options.config.limits;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const deadline = setTimeout(() => this.#server.closeAllConnections(), drainTimeoutMs);
    await this.#sockets.drain(drainTimeoutMs);
    await closed;
    clearTimeout(deadline);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = exchangeOf(request, response);
    if (this.#isDraining) response.shouldKeepAlive = false;
    const route = this.#route(exchange);
    if (route === null) return;
    try {
      const handling = route.handle(exchange);
      if (handling !== undefined) await handling;
    } catch (error) {
      answerError(exchange, 500, internalError(error, this.#options.log));
    }
    this.#count(route, response.statusCode);
    // It was told to keep the connection, perhaps before the order to stop came.
    if (this.#isDraining) request.socket.end();
    const { log } = this.#options;
    if (log.isLevelEnabled('debug')) {
      log.debug(
        { requestId: exchange.requestId, method: request.method, path: exchange.path, status: response.statusCode },
        'answered',
      );
    }
  }

  /** The route that shall answer; null when the request was answered here, because none may. */
  #route(exchange: Exchange): Route | null {
    const { request, path, origin } = exchange;
    const method = request.method ?? 'GET';
    if (origin !== undefined && !this.#allowsOrigin(origin, request.headers.host)) {
      request.resume();
      answerError(
        { ...exchange, origin: undefined },
        403,
        httpError('FORBIDDEN', 'Pages of this origin may not call this service.'),
      );
      return null;
    }
    const route =
      this.#exact.get(path) ?? this.#below.find((candidate) => path.startsWith(candidate.path.slice(0, -1)));
    if (route === undefined) {
      request.resume();
      answerError(exchange, 404, httpError('NOT_FOUND', 'There is nothing at this path.'));
      return null;
    }
    if (route.methods.includes(method)) return route;
    request.resume();
    if (method === 'OPTIONS') answerPreflight(exchange, route);
    else {
      answerError(exchange, 405, httpError('METHOD_NOT_ALLOWED', `Use ${route.methods.join(' or ')}.`), [
        'allow',
        route.methods.join(', '),
      ]);
    }
    return null;
  }

  #upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    if (pathOf(request.url ?? '/') === '/graphql') this.#sockets.upgrade(request, connection, head);
    else refuseUpgrade(connection, '404 Not Found', httpError('NOT_FOUND', 'WebSockets are served at /graphql.'));
  }

  #count(route: Route, status: number): void {
    let ofRoute = this.#counters.get(route);
    if (ofRoute === undefined) this.#counters.set(route, (ofRoute = new Map<number, { inc(): void }>()));
    let counter = ofRoute.get(status);
    if (counter === undefined) {
      ofRoute.set(status, (counter = this.#options.metrics.httpRequests.labels(route.path, String(status))));
    }
    counter.inc();
  }
}

function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  const url = request.url ?? '/';
  const path = pathOf(url);
  const given = request.headers['x-request-id'];
  return {
    request,
    response,
    path,
    search: url.slice(path.length + 1),
    requestId: typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID(),
    origin: request.headers.origin,
  };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function answerPreflight(exchange: Exchange, route: Route): void {
  const { response } = exchange;
  response.writeHead(204, [
    ...commonHeaders(exchange),
    ...['access-control-allow-methods', route.methods.join(', ')],
    ...[
      'access-control-allow-headers',
      'authorization, content-type, accept, x-request-id, apollo-require-preflight, x-apollo-operation-name',
    ],
    ...['access-control-max-age', '7200', 'allow', [...route.methods, 'OPTIONS'].join(', ')],
  ]);
  response.end();
}

/** What is not even HTTP, or comes too slowly or with too many headers. */
function answerClientError(error: NodeJS.ErrnoException, connection: Duplex): void {
  const socket = connection as Socket;
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const statuses: Readonly<Record<string, string>> = {
    HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  };
  const body = JSON.stringify(refusalBody(httpError('BAD_REQUEST', 'The request could not be read as HTTP.')));
  socket.end(
    `HTTP/1.1 ${statuses[error.code ?? ''] ?? '400 Bad Request'}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

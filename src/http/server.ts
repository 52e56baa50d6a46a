import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Config } from '../config/config.ts';
import type { Asked } from '../graphql/request/context.ts';
import { Operations } from '../graphql/execution/operations.ts';
import type { Rights } from '../graphql/request/rights.ts';
import { type Scheduler, systemScheduler } from '../kernel/scheduler.ts';
import type { Log } from '../kernel/log.ts';
import { MendableError } from '../kernel/mendable-error.ts';
import { answerError, httpError } from './answers.ts';
import type { Authenticator } from './authentication.ts';
import { Connections } from './connections.ts';
import { foreignHost, registerEdge } from './edge.ts';
import { createFailureHandler } from './failures.ts';
import { createGraphqlRoute } from './graphql-route.ts';
import { createHealthRoutes } from './health.ts';
import type { ReadinessCheck } from './health.ts';
import { createHostCheck } from './hosts.ts';
import type { EdgeMetrics } from './metrics.ts';
import { answerClientError, createNodeServer } from './node-server.ts';
import { createOriginCheck } from './origins.ts';
import { pathOf } from './paths.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Route } from './route.ts';
import type { Sessions } from './sessions.ts';
import { UnreadBytes } from './unread-bytes.ts';
import { refuseUpgrade, SocketRoad } from './websocket.ts';

export interface HttpServerOptions {
  readonly config: Config;
  readonly log: Log;
  readonly schema: GraphQLSchema;
  readonly authenticator: Authenticator;
  /** Sessions of the portal; absent: only tokens and keys name a caller. */
  readonly sessions?: Sessions;
  /** A fresh context for one operation, or for one event of a subscription. */
  readonly contextFor: (principal: Principal | null, asked?: Asked) => object;
  /** Checks that open sockets still have their rights; absent: nothing is checked. */
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
export class PortTakenError extends MendableError {
  override readonly name = 'PortTakenError';

  constructor(host: string, port: number) {
    super(
      `PORT ${port} is taken on ${host}: stop what listens there, or set PORT to another one (0: any that is free)`,
    );
  }
}

/** A plugin's name, as Fastify looks it up: it searches all modules that were ever loaded for one that has none. */
const PLUGIN_NAME = Symbol.for('fastify.display-name');

/** Composes HTTP routes and the WebSocket on one port, with one set of checks. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, schema, log, metrics } = options;
  const { limits } = config;
  const unread = new UnreadBytes(limits.unreadBytes);
  metrics.unreadBytes(() => unread.all);
  const connections = new Connections({ unread, stallMs: limits.writeStallMs });
  const road = {
    ...options,
    operations: new Operations({
      schema,
      limits,
      log,
      suggestions: config.mode === 'local',
      observe: metrics.observeOperation,
    }),
    scheduler: options.scheduler ?? systemScheduler,
    rateLimit: createRateLimit(limits.rateLimits),
    allowsOrigin: createOriginCheck(config),
    limits,
    unread,
    connections,
  };
  let isDraining = false;
  const app = createApplication(config);
  app.server.on('connection', (socket: Socket) => connections.opened(socket));
  app.setErrorHandler(createFailureHandler({ metrics, log }));
  await registerEdge(app, { ...road, isDraining: () => isDraining });
  const routes = [
    await createGraphqlRoute(road),
    createHealthRoutes({ ...road, registry: metrics.registry, isDraining: () => isDraining }),
    ...(options.routes ?? []),
  ];
  for (const [at, route] of routes.entries()) {
    await app.register(Object.assign(route, { [PLUGIN_NAME]: `routes ${at}` }));
  }
  const sockets = new SocketRoad(road);
  routeUpgrades(app, config, { sockets, connections });

  return {
    async listen() {
      const { host, port } = config;
      try {
        await app.listen({ host, port });
      } catch (error) {
        throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? new PortTakenError(host, port) : error;
      }
      return { port: (app.server.address() as AddressInfo).port };
    },
    async drain() {
      isDraining = true;
      options.sessions?.stop();
      const closed = app.close();
      const deadline = setTimeout(() => app.server.closeAllConnections(), limits.drainTimeoutMs);
      await sockets.drain(limits.drainTimeoutMs);
      await closed;
      clearTimeout(deadline);
      connections.stop();
    },
  };
}

function createApplication({ limits }: Config): FastifyInstance {
  return fastify({
    serverFactory: (handler) => createNodeServer(limits, handler),
    clientErrorHandler: answerClientError,
    genReqId: requestIdOf,
    exposeHeadRoutes: false,
    // A request that its client sent before it could know is still answered; then its connection closes.
    return503OnClosing: false,
    frameworkErrors: (_error, _request, reply) =>
      void answerError(reply, 404, httpError('NOT_FOUND', 'There is nothing at this path.')),
  });
}

/** The request's id: the client's x-request-id if it is well formed, else ours. It is sent back and logged. */
function requestIdOf({ headers }: { readonly headers: IncomingMessage['headers'] }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
}

function routeUpgrades(
  app: FastifyInstance,
  config: Config,
  { sockets, connections }: { sockets: SocketRoad; connections: Connections },
): void {
  const allowsHost = createHostCheck(config);
  app.server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    // From here on the socket's own session watches its reader.
    connections.setWatched(connection as Socket, false);
    if (!allowsHost(request.headers.host)) refuseUpgrade(connection, '403 Forbidden', foreignHost());
    else if (pathOf(request.url ?? '/') === '/graphql') sockets.upgrade(request, connection, head);
    else refuseUpgrade(connection, '404 Not Found', httpError('NOT_FOUND', 'WebSockets are served at /graphql.'));
  });
}

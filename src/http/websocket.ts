import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql';
import { handleProtocols, makeServer } from 'graphql-ws';
import type { Context, Server, ServerOptions, SubscribePayload } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import type { OnWatch } from '../graphql/context.ts';
import { refusalBody, refusalError, thrownError } from '../graphql/errors.ts';
import type { Operation, Operations } from '../graphql/operations.ts';
import type { Rights } from '../graphql/rights.ts';
import type { Scheduler } from '../live/scheduler.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import type { Authenticator } from './authentication.ts';
import { httpError } from './exchange.ts';
import { sendFrames } from './fan-out.ts';
import type { EdgeMetrics } from './metrics.ts';
import type { OriginCheck } from './origins.ts';
import type { RateLimit } from './rate-limit.ts';
import { RightsWatch } from './rights-watch.ts';
import { closeCodes, SocketSession } from './socket-session.ts';

export interface SocketRoadOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly authenticator: Authenticator;
  readonly rateLimit: RateLimit;
  readonly contextFor: (principal: Principal | null, onWatch?: OnWatch) => object;
  readonly rights?: Rights;
  readonly scheduler: Scheduler;
  readonly allowsOrigin: OriginCheck;
  readonly limits: Limits;
  readonly metrics: EdgeMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** What of graphql-ws's arguments is ours: the operation that was prepared, next to what graphql-ws wants to see. */
interface SocketExecution extends ExecutionArgs {
  readonly operation: Operation;
  readonly principal: Principal;
  readonly onWatch: OnWatch;
}

type Params = Record<string, unknown>;

/** GraphQL over WebSocket, protocol graphql-transport-ws: subscriptions, and the fast road for everything else. */
export class SocketRoad {
  readonly #options: SocketRoadOptions;
  readonly #sockets: WebSocketServer;
  readonly #protocol: Server<SocketSession>;
  readonly #sessions = new Set<SocketSession>();
  readonly #rights: RightsWatch | null;
  readonly #pinging: NodeJS.Timeout;
  #isDraining = false;

  constructor(options: SocketRoadOptions) {
    this.#options = options;
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.limits.frameBytes,
      // Compression costs memory per socket and time per message; our messages are small.
      perMessageDeflate: false,
      handleProtocols: (protocols) => handleProtocols(protocols),
    });
    this.#protocol = makeServer(this.#protocolOptions());
    const { rights, scheduler, log } = options;
    this.#rights = rights === undefined ? null : new RightsWatch({ rights, scheduler, log, sessions: this.#sessions });
    this.#pinging = setInterval(() => {
      for (const session of this.#sessions) {
        if (session.closeIfExpired()) continue;
        session.checkPeer();
        void this.#verifyAgain(session);
      }
    }, options.limits.socketPingMs);
    this.#pinging.unref();
  }

  /** Takes over a connection that asks for a WebSocket, or refuses it in plain HTTP. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    const { allowsOrigin, limits } = this.#options;
    const { origin, host } = request.headers;
    if (!allowsOrigin(origin, host)) {
      refuseUpgrade(
        connection,
        '403 Forbidden',
        httpError('FORBIDDEN', 'Pages of this origin may not call this service.'),
      );
      return;
    }
    if (this.#isDraining || this.#sessions.size >= limits.sockets) {
      refuseUpgrade(
        connection,
        '503 Service Unavailable',
        refusalError(new Refusal('UNAVAILABLE', 'No more sockets here at the moment.', { retryAfterMs: 1000 })),
      );
      return;
    }
    this.#sockets.handleUpgrade(request, connection, head, (socket) => this.#opened(socket, connection, request));
  }

  /** Completes subscriptions, lets work in flight finish within `timeoutMs`, and closes all sockets with 1001. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#pinging);
    this.#rights?.stop();
    const leaving = Promise.all([...this.#sessions].map((session) => session.leave()));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([leaving, new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
    clearTimeout(timer);
    for (const session of this.#sessions) session.close(closeCodes.goingAway, 'Shutting down');
    // Whoever does not answer the closing handshake soon is not waited for.
    setTimeout(() => this.#terminateAll(), Math.min(timeoutMs, 1000)).unref();
  }

  #terminateAll(): void {
    for (const session of this.#sessions) session.terminate();
  }

  #opened(socket: WebSocket, connection: Duplex, request: IncomingMessage): void {
    const { limits, clock, metrics, log } = this.#options;
    const session = new SocketSession({
      socket,
      connection,
      remoteAddress: request.socket.remoteAddress,
      bufferBytes: limits.socketBufferBytes,
      clock,
    });
    this.#sessions.add(session);
    this.#rights?.start();
    metrics.socketsOpen.inc();
    let handle: (text: string) => Promise<void> = async () => {};
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => session.send(text),
        close: (code, reason) => session.close(code ?? closeCodes.internalError, reason ?? ''),
        onMessage: (callback) => (handle = callback),
      },
      session,
    );
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) {
        session.close(closeCodes.unsupportedData, 'Text frames only');
        return;
      }
      handle((data as Buffer).toString()).catch((error: unknown) => {
        log.error({ err: error }, 'a WebSocket message failed unexpectedly');
        session.close(closeCodes.internalError, 'Internal server error');
      });
    });
    socket.on('pong', () => (session.isAlive = true));
    // Frames that break the protocol or are too long: ws closes the socket with the fitting code by itself.
    socket.on('error', (error) => log.debug({ err: error }, 'a WebSocket was closed for an error'));
    socket.on('close', (code, reason) => {
      this.#sessions.delete(session);
      metrics.socketsOpen.dec();
      metrics.subscriptionsOpen.dec(session.dispose());
      void Promise.resolve(closed(code, String(reason))).catch((error: unknown) =>
        log.error({ err: error }, 'a WebSocket did not close cleanly'),
      );
    });
  }

  #protocolOptions(): ServerOptions<Params, SocketSession> {
    const { operations, contextFor, metrics, limits } = this.#options;
    return {
      connectionInitWaitTimeout: limits.socketInitTimeoutMs,
      onConnect: (protocol) => this.#connected(protocol),
      onSubscribe: (protocol, id, payload) => this.#begin(protocol.extra, id, payload),
      execute: (args) => {
        const { operation, variableValues, contextValue } = args as SocketExecution;
        return operations.execute(operation, variableValues, contextValue);
      },
      subscribe: (args) => {
        const { operation, variableValues, principal, onWatch } = args as SocketExecution;
        return operations.subscribe(operation, variableValues, () => contextFor(principal, onWatch)) as ReturnType<
          NonNullable<ServerOptions<Params, SocketSession>['subscribe']>
        >;
      },
      onOperation: ({ extra }, id, _payload, _args, result) =>
        Symbol.asyncIterator in result
          ? sendFrames(result as AsyncIterator<ExecutionResult>, { id, send: (frame) => extra.send(frame) })
          : undefined,
      onComplete: ({ extra }, id) => {
        if (extra.ended(id) === 'subscription') metrics.subscriptionsOpen.dec();
      },
    };
  }

  /** connection_init: the token decides. False closes the socket; where we close it ourselves, with our code. */
  async #connected(protocol: Context<Params, SocketSession>): Promise<boolean> {
    const session = protocol.extra;
    session.protocol = protocol;
    const given = protocol.connectionParams?.['authorization'] ?? protocol.connectionParams?.['Authorization'];
    if (typeof given !== 'string' || given === '') {
      session.close(closeCodes.unauthorized, 'connectionParams.authorization must hold a token');
      return false;
    }
    try {
      const authorization = /^Bearer\s/i.test(given) ? given : `Bearer ${given}`;
      const principal = await this.#options.authenticator.authenticate(authorization, session.remoteAddress ?? '');
      if (principal === null) return false;
      session.authorization = authorization;
      session.admit(principal);
      return true;
    } catch (error) {
      const shown = thrownError(error, this.#options.log);
      const code = shown.extensions['code'];
      this.#options.metrics.refusals.inc({ code: String(code) });
      const isForLater = code === 'UNAVAILABLE' || code === 'RATE_LIMITED';
      if (code === 'UNAUTHENTICATED') session.close(closeCodes.forbidden, shown.message);
      else session.close(isForLater ? closeCodes.tryAgainLater : closeCodes.internalError, shown.message);
      return false;
    }
  }

  /** Ends a socket whose token is good no longer, such as one whose key was taken back. Of API keys others see to that. */
  async #verifyAgain(session: SocketSession): Promise<void> {
    if (session.authorization === null || session.principal?.kind === 'API_KEY') return;
    try {
      await this.#options.authenticator.authenticate(session.authorization);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'UNAUTHENTICATED') {
        session.close(closeCodes.forbidden, 'The token is not valid any more');
      } else this.#options.log.warn({ err: error }, 'the token of an open socket could not be verified again');
    }
  }

  #begin(
    session: SocketSession,
    id: string,
    payload: SubscribePayload,
  ): SocketExecution | GraphQLError[] | Promise<SocketExecution | GraphQLError[]> {
    const { principal } = session;
    if (principal === null || session.closeIfExpired()) {
      return [refusalError(new Refusal('UNAUTHENTICATED', 'The token has expired.'))];
    }
    if (this.#isDraining) {
      return [refusalError(new Refusal('UNAVAILABLE', 'The server is shutting down.', { retryAfterMs: 1000 }))];
    }
    const wait = this.#options.rateLimit(principal, session.remoteAddress);
    if (wait === undefined) return this.#admit(session, principal, id, payload);
    return wait.then(
      () => this.#admit(session, principal, id, payload),
      (error: unknown) => this.#refused(error),
    );
  }

  #admit(
    session: SocketSession,
    principal: Principal,
    id: string,
    payload: SubscribePayload,
  ): SocketExecution | GraphQLError[] {
    const { operations, contextFor, schema, limits, metrics } = this.#options;
    const variables = payload.variables;
    const { operation, errors } = operations.prepare({
      query: payload.query,
      operationName: payload.operationName,
      variables,
    });
    if (operation === null) return [...errors];
    const isSubscription = operation.kind === 'subscription';
    if (isSubscription && session.subscriptions >= limits.socketSubscriptions) {
      return this.#refused(
        new Refusal('RATE_LIMITED', `A socket holds at most ${limits.socketSubscriptions} subscriptions.`),
      );
    }
    if (!isSubscription && session.running.size - session.subscriptions >= limits.socketOperations) {
      return this.#refused(
        new Refusal('RATE_LIMITED', `A socket runs at most ${limits.socketOperations} operations at one time.`, {
          retryAfterMs: 100,
        }),
      );
    }
    let contextValue: object;
    try {
      contextValue = contextFor(principal);
    } catch (error) {
      return this.#refused(error);
    }
    session.started(id, operation.kind);
    if (isSubscription) metrics.subscriptionsOpen.inc();
    return {
      schema,
      document: operation.document,
      operationName: operation.name,
      variableValues: variables ?? {},
      contextValue,
      rootValue: undefined,
      operation,
      principal,
      onWatch(watched) {
        // It may have ended before it began.
        if (session.running.has(id)) session.watches.set(id, { ...watched, principal });
      },
    };
  }

  #refused(error: unknown): GraphQLError[] {
    const shown = thrownError(error, this.#options.log);
    this.#options.metrics.refusals.inc({ code: String(shown.extensions['code']) });
    return [shown];
  }
}

/** Before the upgrade a client still reads HTTP. */
export function refuseUpgrade(connection: Duplex, status: string, error: GraphQLError): void {
  const body = JSON.stringify(refusalBody(error));
  connection.on('error', () => connection.destroy());
  connection.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

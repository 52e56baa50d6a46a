import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLError } from 'graphql';
import { handleProtocols, type Server } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import type { RawData, ServerOptions, WebSocket } from 'ws';
import type { Clock } from '../kernel/clock.ts';
import { refusalBody, refusalError } from '../graphql/execution/errors.ts';
import type { Rights } from '../graphql/request/rights.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import { SentJson } from '../kernel/sent-json.ts';
import { Refusal } from '../kernel/refusal.ts';
import { httpError } from './answers.ts';
import type { OriginCheck } from './origins.ts';
import { RightsWatch } from './rights-watch.ts';
import { SocketPlaces } from './socket-places.ts';
import { createSocketProtocol, NO_ROOM, type SocketProtocolOptions } from './socket-protocol.ts';
import { CLOSE_PATIENCE_MS, closeCodes, SocketSession } from './socket-session.ts';

export interface SocketRoadOptions extends Omit<SocketProtocolOptions, 'places' | 'isDraining'> {
  readonly rights?: Rights;
  readonly scheduler: Scheduler;
  readonly allowsOrigin: OriginCheck;
  readonly clock: Clock;
}

/** Takes a parsed message; settles when everything that it began has ended. */
type Handle = (message: unknown) => Promise<void>;

/** GraphQL over WebSocket, protocol graphql-transport-ws: subscriptions, and the fast road for everything else. */
export class SocketRoad {
  readonly #options: SocketRoadOptions;
  readonly #sockets: WebSocketServer;
  readonly #protocol: Server<SocketSession>;
  readonly #sessions = new Set<SocketSession>();
  readonly #places: SocketPlaces<SocketSession>;
  readonly #rights: RightsWatch | null;
  readonly #pinging: NodeJS.Timeout;
  #isDraining = false;

  constructor(options: SocketRoadOptions) {
    this.#options = options;
    const { rights, scheduler, log, limits, metrics } = options;
    // The types of ws do not know `closeTimeout` yet.
    const settings: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      maxPayload: limits.frameBytes,
      // The time for a peer to answer a close frame, whichever side sent the first.
      closeTimeout: CLOSE_PATIENCE_MS,
      // Compression costs memory per socket and time per message; our messages are small.
      perMessageDeflate: false,
      // A client that is answered none of the protocols that it names never sees why: its browser ends the handshake.
      handleProtocols: (protocols) => handleProtocols(protocols) || (protocols.has(OLD_PROTOCOL) && OLD_PROTOCOL),
    };
    this.#sockets = new WebSocketServer(settings);
    this.#places = new SocketPlaces({
      all: limits.sockets,
      ofPrincipal: limits.socketsOfPrincipal,
      unadmitted: limits.socketsUnadmitted,
      unadmittedOfPeer: limits.socketsUnadmittedPeer,
    });
    metrics.observeUnadmitted(() => this.#places.unadmitted);
    this.#protocol = createSocketProtocol({
      ...options,
      places: this.#places,
      isDraining: () => this.#isDraining,
    });
    this.#rights = rights === undefined ? null : new RightsWatch({ rights, scheduler, log, sessions: this.#sessions });
    this.#pinging = setInterval(() => {
      for (const session of this.#sessions) {
        if (session.closeIfExpired()) continue;
        session.checkPeer();
        void this.#verifyAgain(session);
      }
    }, limits.socketPingMs);
    this.#pinging.unref();
  }

  /** Takes over a connection that asks for a WebSocket, or refuses it in plain HTTP. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    const { origin, host } = request.headers;
    if (!this.#options.allowsOrigin(origin, host)) {
      refuseUpgrade(
        connection,
        '403 Forbidden',
        httpError('FORBIDDEN', 'Pages of this origin may not call this service.'),
      );
      return;
    }
    if (this.#isDraining || this.#places.isFull) {
      refuseUpgrade(
        connection,
        '503 Service Unavailable',
        refusalError(new Refusal('UNAVAILABLE', NO_ROOM, { retryAfterMs: 1000 })),
      );
      return;
    }
    this.#sockets.handleUpgrade(request, connection, head, (socket) => this.#opened(socket, connection, request));
  }

  /** Lets queries and mutations in flight finish within `timeoutMs`, and closes all sockets with 1001. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#pinging);
    this.#rights?.stop();
    const leaving = Promise.all([...this.#sessions].map((session) => session.leave()));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([leaving, new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
    clearTimeout(timer);
    for (const session of this.#sessions) session.close(closeCodes.goingAway, 'Shutting down');
    // A peer that does not answer the closing handshake soon is cut.
    setTimeout(() => this.#terminateAll(), Math.min(timeoutMs, CLOSE_PATIENCE_MS)).unref();
  }

  #terminateAll(): void {
    for (const session of this.#sessions) session.terminate();
  }

  #opened(socket: WebSocket, connection: Duplex, request: IncomingMessage): void {
    const { limits, clock, metrics, log, unread, scheduler, sessions } = this.#options;
    const { remoteAddress } = request.socket;
    const cookie = sessions?.ofHandshake(request.headers) ?? null;
    const session = new SocketSession({ socket, connection, remoteAddress, cookie, limits, unread, scheduler, clock });
    this.#sessions.add(session);
    this.#places.enter(session);
    this.#rights?.start();
    metrics.socketsOpen.inc();
    let handle: Handle = async () => {};
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send(text) {
          const outgoing = session.starts.outgoing(text);
          return outgoing === null ? undefined : session.send(outgoing);
        },
        close: (code = closeCodes.internalError, reason = '') =>
          session.close(code, code === closeCodes.protocolNotSpoken ? SPEAK : reason),
        // graphql-ws parses text, and takes a parsed message as it is.
        onMessage: (callback) => (handle = callback as Handle),
      },
      session,
    );
    socket.on('message', (data: RawData, isBinary: boolean) => {
      // Messages behind a close frame, ours or the peer's, are ignored.
      if (!session.isOpen) return;
      if (isBinary) session.close(closeCodes.unsupportedData, 'Text frames only');
      else this.#receive(session, handle, (data as Buffer).toString());
    });
    socket.on('ping', () => session.allowsMessage());
    socket.on('pong', () => session.ponged());
    // Frames that break the protocol or are too long: ws closes the socket with the fitting code by itself.
    socket.on('error', (error) => log.debug({ err: error }, 'a WebSocket was closed for an error'));
    socket.on('close', (code, reason) => {
      this.#sessions.delete(session);
      this.#places.leave(session);
      metrics.socketsOpen.dec();
      session.dispose();
      void Promise.resolve(closed(code, String(reason))).catch((error: unknown) =>
        log.error({ err: error }, 'a WebSocket did not close cleanly'),
      );
    });
  }

  /** Gives a message to graphql-ws, with the key of a start in place of the client's id. */
  #receive(session: SocketSession, handle: Handle, text: string): void {
    const sent = SentJson.read(text);
    if (sent === null || typeof sent.value !== 'object' || sent.value === null) {
      session.close(closeCodes.badRequest, 'Invalid message received');
      return;
    }
    const message: { readonly type?: unknown; readonly id?: unknown } = sent.value;
    const { type, id } = message;
    if (type === 'subscribe' && typeof id === 'string' && id !== '' && session.principal !== null) {
      this.#start(session, handle, { message, id, length: text.length, sent });
      return;
    }
    if (type === 'complete' && typeof id === 'string' && id !== '') {
      const start = session.starts.completed(id);
      if (start !== null) this.#hand(session, handle, { type, id: start.key });
      else if (!session.starts.mayHaveCrossed()) session.allowsMessage();
      return;
    }
    // graphql-ws closes the socket for any of these but connection_init, ping and pong.
    if (session.allowsMessage()) this.#hand(session, handle, message);
  }

  /** Ends a socket whose token is no longer valid, for one because its signing key was withdrawn. API keys are watched elsewhere. */
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

  #start(
    session: SocketSession,
    handle: Handle,
    { message, id, length, sent }: { message: object; id: string; length: number; sent: SentJson },
  ): void {
    if (id.length > MOST_ID_LENGTH) {
      session.close(closeCodes.badRequest, `An id has at most ${MOST_ID_LENGTH} characters`);
      return;
    }
    const start = session.starts.begin(id, length);
    if (start === null) {
      session.close(closeCodes.subscriberAlreadyExists, 'A subscriber of this id already exists');
      return;
    }
    start.sent = sent;
    this.#hand(session, handle, { ...message, id: start.key }, () => {
      session.starts.settled(start);
      if (start.kind === 'subscription') this.#options.metrics.subscriptionsOpen.dec();
    });
  }

  #hand(session: SocketSession, handle: Handle, message: unknown, settled: () => void = () => {}): void {
    handle(message)
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'a WebSocket message failed unexpectedly');
        session.close(closeCodes.internalError, 'Internal server error');
      })
      .finally(settled);
  }
}

/** The protocol of `subscriptions-transport-ws`, which is no longer maintained. The package `graphql-ws` speaks another. */
const OLD_PROTOCOL = 'graphql-ws';
/** The reason of a close frame has at most 123 bytes. */
const SPEAK = 'Speak graphql-transport-ws (the package graphql-ws): subscriptions-transport-ws is not served';

/** The longest id of a client's: it is kept, and sent back with every message. */
const MOST_ID_LENGTH = 255;

/** Before the upgrade a client still reads HTTP. */
export function refuseUpgrade(connection: Duplex, status: string, error: GraphQLError): void {
  const body = JSON.stringify(refusalBody(error));
  connection.on('error', () => connection.destroy());
  connection.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

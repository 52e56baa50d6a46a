import type { ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql';
import { makeServer } from 'graphql-ws';
import type { Context, Server, ServerOptions, SubscribePayload } from 'graphql-ws';
import type { Principal } from '../billing-entities/principal.ts';
import type { Limits } from '../config/limits.ts';
import { commandsOf } from '../graphql/execution/commands-of.ts';
import type { Asked, OnWatch } from '../graphql/request/context.ts';
import { refusalError, thrownError } from '../graphql/execution/errors.ts';
import type { Operation, Operations } from '../graphql/execution/operations.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Authenticator } from './authentication.ts';
import { sendFrames } from './fan-out.ts';
import type { EdgeMetrics } from './metrics.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Sessions } from './sessions.ts';
import type { SocketPlaces } from './socket-places.ts';
import { closeCodes, type SocketSession } from './socket-session.ts';
import type { Start } from './starts.ts';
import type { UnreadBytes } from './unread-bytes.ts';

export interface SocketProtocolOptions {
  readonly schema: GraphQLSchema;
  readonly operations: Operations;
  readonly authenticator: Authenticator;
  /** Sessions of the portal; absent: there are none. */
  readonly sessions?: Sessions;
  readonly rateLimit: RateLimit;
  readonly contextFor: (principal: Principal | null, asked?: Asked) => object;
  readonly places: SocketPlaces<SocketSession>;
  readonly unread: UnreadBytes;
  readonly isDraining: () => boolean;
  readonly limits: Limits;
  readonly metrics: EdgeMetrics;
  readonly log: Log;
}

/** The reason given when there is no place for a socket. */
export const NO_ROOM = 'No more sockets here at the moment.';

/**
 * graphql-ws with our decisions on admission and execution. It is given the keys of {@link Start}s in place of
 * the client's ids, and messages that were parsed already.
 */
export function createSocketProtocol(options: SocketProtocolOptions): Server<SocketSession> {
  return makeServer(new SocketProtocol(options).hooks());
}

/** Our prepared operation, inside the arguments that graphql-ws wants to see. */
interface SocketExecution extends ExecutionArgs {
  readonly operation: Operation;
  readonly principal: Principal;
  readonly onWatch: OnWatch;
}

type Params = Record<string, unknown>;

class SocketProtocol {
  readonly #options: SocketProtocolOptions;

  constructor(options: SocketProtocolOptions) {
    this.#options = options;
  }

  hooks(): ServerOptions<Params, SocketSession> {
    const { operations, contextFor, limits } = this.#options;
    return {
      connectionInitWaitTimeout: limits.socketInitTimeoutMs,
      onConnect: (protocol) => this.#connected(protocol),
      onSubscribe: ({ extra }, key, payload) => this.#begin(extra, extra.starts.byKey(key), payload),
      execute: (args) => {
        const { operation, variableValues, contextValue } = args as SocketExecution;
        return operations.execute(operation, variableValues, contextValue);
      },
      subscribe: (args) => {
        const { operation, variableValues, principal, onWatch } = args as SocketExecution;
        return operations.subscribe(operation, variableValues, () => contextFor(principal, { onWatch })) as ReturnType<
          NonNullable<ServerOptions<Params, SocketSession>['subscribe']>
        >;
      },
      onOperation({ extra }, key, _payload, _args, result) {
        if (!(Symbol.asyncIterator in result)) return undefined;
        const start = extra.starts.byKey(key);
        const stream = sendFrames(result as AsyncIterator<ExecutionResult>, {
          id: start.id,
          send: (frame) => (start.isOpen ? extra.send(frame) : undefined),
        });
        start.streams(stream);
        return stream;
      },
    };
  }

  /**
   * connection_init: the token decides, or else the session that the handshake showed. False closes the socket; where we close
   * it ourselves, with our code.
   */
  async #connected(protocol: Context<Params, SocketSession>): Promise<boolean> {
    const session = protocol.extra;
    const { log, metrics } = this.#options;
    try {
      const principal = await this.#callerOf(session, protocol.connectionParams);
      if (principal !== null) return this.#admitted(session, principal);
      session.close(closeCodes.unauthorized, 'connectionParams.authorization must hold a token');
      return false;
    } catch (error) {
      const shown = thrownError(error, log);
      const code = shown.extensions['code'];
      metrics.refusals.inc({ code: String(code) });
      const isForLater = code === 'UNAVAILABLE' || code === 'RATE_LIMITED';
      if (code === 'UNAUTHENTICATED') session.close(closeCodes.forbidden, shown.message);
      else session.close(isForLater ? closeCodes.tryAgainLater : closeCodes.internalError, shown.message);
      return false;
    }
  }

  async #callerOf(
    session: SocketSession,
    params: Readonly<Record<string, unknown>> | undefined,
  ): Promise<Principal | null> {
    const { authenticator, sessions } = this.#options;
    const given = params?.['authorization'] ?? params?.['Authorization'];
    if (typeof given === 'string' && given !== '') {
      const authorization = /^Bearer\s/i.test(given) ? given : `Bearer ${given}`;
      const principal = await authenticator.authenticate(authorization, session.remoteAddress ?? '');
      session.authorization = authorization;
      return principal;
    }
    if (given !== undefined && given !== null && given !== '') return null;
    const { cookie } = session;
    if (cookie === null || sessions === undefined) return null;
    const principal = await sessions.principalOf(cookie);
    if (principal !== null) session.standsOn((onEnd) => sessions.whenEnded(cookie, onEnd));
    return principal;
  }

  #admitted(session: SocketSession, principal: Principal): boolean {
    // The socket may have closed, or been closed, while its token was checked.
    if (!session.isOpen) return false;
    switch (this.#options.places.admit(session, principal)) {
      case 'admitted':
        session.admit(principal);
        return true;
      case 'full':
        this.#options.metrics.refusals.inc({ code: 'UNAVAILABLE' });
        session.close(closeCodes.tryAgainLater, NO_ROOM);
        return false;
      case 'tooManyOfPrincipal':
        this.#options.metrics.refusals.inc({ code: 'RATE_LIMITED' });
        session.close(closeCodes.tryAgainLater, 'Too many sockets of one principal');
        return false;
    }
  }

  #begin(
    session: SocketSession,
    start: Start,
    payload: SubscribePayload,
  ): SocketExecution | GraphQLError[] | Promise<SocketExecution | GraphQLError[]> {
    const { principal } = session;
    if (principal === null || session.closeIfExpired()) {
      return [refusalError(new Refusal('UNAUTHENTICATED', 'The token has expired.'))];
    }
    if (this.#options.isDraining()) return this.#refusedWhileLeaving(start, payload);
    const unread = this.#options.unread.refusal(session.holder);
    if (unread !== null) return this.#refused(unread);
    const wait = this.#options.rateLimit(principal, session.remoteAddress);
    if (wait === undefined) return this.#prepare(session, principal, { start, payload });
    return wait.then(
      () => this.#prepare(session, principal, { start, payload }),
      (error: unknown) => this.#refused(error),
    );
  }

  /** To a subscription nothing is said: its client subscribes again when the socket has closed, and would not after an error. */
  #refusedWhileLeaving(start: Start, { query, operationName, variables }: SubscribePayload): GraphQLError[] {
    const { operation } = this.#options.operations.prepare({ query, operationName, variables });
    if (operation?.kind === 'subscription') start.complete();
    return [refusalError(new Refusal('UNAVAILABLE', 'The server is shutting down.', { retryAfterMs: 1000 }))];
  }

  #prepare(
    session: SocketSession,
    principal: Principal,
    { start, payload }: { start: Start; payload: SubscribePayload },
  ): SocketExecution | GraphQLError[] | Promise<SocketExecution | GraphQLError[]> {
    const { operations } = this.#options;
    const variables = payload.variables;
    const { operation, errors } = operations.prepare({
      query: payload.query,
      operationName: payload.operationName,
      variables,
    });
    if (operation === null) return [...errors];
    const wait = this.#options.rateLimit.weigh(principal, session.remoteAddress, commandsOf(operation, variables));
    if (wait === undefined) return this.#admit(session, principal, { start, operation, variables });
    return wait.then(
      () => this.#admit(session, principal, { start, operation, variables }),
      (error: unknown) => this.#refused(error),
    );
  }

  #admit(
    session: SocketSession,
    principal: Principal,
    { start, operation, variables }: { start: Start; operation: Operation; variables: SubscribePayload['variables'] },
  ): SocketExecution | GraphQLError[] {
    const { contextFor, schema, metrics } = this.#options;
    const isSubscription = operation.kind === 'subscription';
    const refusal = isSubscription ? this.#tooManyStreams(session, start) : this.#tooManyOperations(session);
    if (refusal !== null) return this.#refused(refusal);
    // A subscription stores nothing, and would keep the text for as long as it runs.
    const sent = isSubscription || start.sent === null ? undefined : { json: start.sent, values: variables ?? null };
    start.sent = null;
    let contextValue: object;
    try {
      contextValue = contextFor(principal, { sent });
    } catch (error) {
      return this.#refused(error);
    }
    session.starts.admitted(start, operation.kind);
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
      onWatch: (watched) => (start.watch = { ...watched, principal }),
    };
  }

  #tooManyStreams({ starts }: SocketSession, start: Start): Refusal | null {
    const { socketSubscriptions, documentBytes } = this.#options.limits;
    if (starts.subscriptions >= socketSubscriptions) {
      return new Refusal('RATE_LIMITED', `A socket holds at most ${socketSubscriptions} subscriptions.`);
    }
    // A message is kept for as long as its subscription runs.
    const most = STREAM_DOCUMENTS * documentBytes;
    if (starts.subscriptionsLength + start.length <= most) return null;
    return new Refusal('RATE_LIMITED', `The subscriptions of a socket have at most ${most} characters together.`);
  }

  #tooManyOperations({ starts }: SocketSession): Refusal | null {
    const { socketOperations } = this.#options.limits;
    if (starts.operations < socketOperations) return null;
    return new Refusal('RATE_LIMITED', `A socket runs at most ${socketOperations} operations at one time.`, {
      retryAfterMs: 100,
    });
  }

  #refused(error: unknown): GraphQLError[] {
    const shown = thrownError(error, this.#options.log);
    this.#options.metrics.refusals.inc({ code: String(shown.extensions['code']) });
    return [shown];
  }
}

/** The subscriptions of a socket may together be as long as this many documents of the greatest length. */
const STREAM_DOCUMENTS = 4;

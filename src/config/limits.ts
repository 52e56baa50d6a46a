import type { Principal } from '../billing-entities/principal.ts';
import type { Reader } from './reader.ts';

/**
 * Bounds of what clients may ask for, and of how long they may take. Every bound has a default:
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | DOCUMENT_BYTES | 65536 | size of one GraphQL document, UTF-8 |
 * | DOCUMENT_TOKENS | 4000 | lexical tokens of one document |
 * | DOCUMENT_DEPTH | 15 | nesting of fields, fragments included, introspection not counted |
 * | DOCUMENT_ALIASES | 100 | aliases, fragments expanded |
 * | DOCUMENT_ROOT_FIELDS | 50 | top-level fields of one operation |
 * | DOCUMENT_FIELDS | 1000 | fields in all, fragments expanded |
 * | DOCUMENT_DIRECTIVES | 50 | directives, fragments expanded |
 * | OPERATION_COST | 10000 | objects that one operation may ask for, page sizes multiplied |
 * | DOCUMENT_CACHE_BYTES | 16777216 | checked documents that are remembered, with the trees that were made of them |
 * | BODY_BYTES | 8388608 | body of one HTTP request |
 * | ANONYMOUS_BODY_BYTES | 65536 | body of one GraphQL request that bears no token |
 * | FRAME_BYTES | 4900000 | one WebSocket message: the largest batch fits, 5 MB does not |
 * | SOCKETS | 10000 | admitted sockets of this process |
 * | SOCKETS_USER, SOCKETS_API_KEY | 50, 200 | admitted sockets of one subject, of one key; 0: no limit |
 * | SOCKETS_SERVICE, SOCKETS_OPERATOR | 0, 0 | the same, per subject |
 * | SOCKETS_UNADMITTED, SOCKETS_UNADMITTED_PEER | 500, 50 | sockets that wait to be admitted, in all and of one address |
 * | SOCKET_MESSAGES | 100 | pings and other messages of one socket that are no operations, within the window of the rate limits |
 * | SOCKET_SUBSCRIPTIONS | 100 | subscriptions of one socket |
 * | SOCKET_OPERATIONS | 256 | queries and mutations of one socket at one time |
 * | SOCKET_BUFFER_BYTES | 8388608 | bytes a slow reader may leave unread before its socket is closed |
 * | SOCKET_INIT_TIMEOUT_MS | 5000 | how long a socket may wait with its connection_init |
 * | SOCKET_PING_MS | 30000 | how often a socket's peer must show that it lives |
 * | HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS | 10000, 30000 | how long a client may take to send headers, a whole request |
 * | EXPORT_STREAMS | 4 | exported files that are sent at one time |
 * | EXPORT_STREAMS_PRINCIPAL | 2 | of them, files of links that one principal made |
 * | EXPORT_STALL_MS, EXPORT_LEAST_BYTES | 60000, 16384 | a client that takes fewer bytes a second, over this time, of a file that waits for it is cut off |
 * | WRITE_STALL_MS | 30000 | how long a client may leave what it was sent unread before its connection is cut |
 * | UNREAD_BYTES_PRINCIPAL, UNREAD_BYTES_ANONYMOUS | 33554432, 8388608 | bytes of answers that a principal, all strangers of an address, may leave unread |
 * | UNREAD_BYTES | 268435456 | bytes of answers that all together may leave unread |
 * | KEEP_ALIVE_MS | 65000 | how long an idle connection is kept |
 * | DRAIN_TIMEOUT_MS | 10000 | how long work in flight may take after the order to stop |
 * | RATE_LIMIT_WINDOW_SECONDS | 10 | the window that the next five count operations in, a batch by its items; 0 operations: no limit |
 * | RATE_LIMIT_USER, RATE_LIMIT_API_KEY, RATE_LIMIT_ANONYMOUS | 3000, 10000, 300 | per subject, key, address |
 * | RATE_LIMIT_REFUSED | 300 | tokens and keys of one address that are refused within that window before it is not listened to |
 * | RATE_LIMIT_SERVICE, RATE_LIMIT_OPERATOR | 0, 0 | per subject |
 */
export interface Limits {
  readonly documentBytes: number;
  readonly documentTokens: number;
  readonly documentDepth: number;
  readonly documentAliases: number;
  readonly documentRootFields: number;
  readonly documentFields: number;
  readonly documentDirectives: number;
  readonly operationCost: number;
  readonly documentCacheBytes: number;
  readonly bodyBytes: number;
  readonly anonymousBodyBytes: number;
  readonly frameBytes: number;
  readonly sockets: number;
  readonly socketsOfPrincipal: Readonly<Record<Principal['kind'], number>>;
  readonly socketsUnadmitted: number;
  readonly socketsUnadmittedPeer: number;
  readonly socketMessages: number;
  readonly socketSubscriptions: number;
  readonly socketOperations: number;
  readonly socketBufferBytes: number;
  readonly socketInitTimeoutMs: number;
  readonly socketPingMs: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly exportStreams: number;
  readonly exportStreamsPrincipal: number;
  readonly exportStallMs: number;
  /** Bytes a second. */
  readonly exportLeastBytes: number;
  readonly writeStallMs: number;
  readonly unreadBytes: { readonly principal: number; readonly anonymous: number; readonly all: number };
  readonly keepAliveMs: number;
  readonly drainTimeoutMs: number;
  readonly rateLimits: RateLimits;
}

/** Operations that one principal may start within a window; 0: no limit. */
export interface RateLimits {
  readonly windowSeconds: number;
  readonly user: number;
  readonly apiKey: number;
  readonly anonymous: number;
  readonly service: number;
  readonly operator: number;
  /** Counts refused tokens and keys of one address. */
  readonly refused: number;
}

export function readLimits(reader: Reader): Limits {
  const megabytes = 1024 * 1024;
  return {
    documentBytes: reader.number('DOCUMENT_BYTES', 65_536, 1024, 16 * megabytes),
    documentTokens: reader.number('DOCUMENT_TOKENS', 4000, 100, 1_000_000),
    documentDepth: reader.number('DOCUMENT_DEPTH', 15, 5, 100),
    documentAliases: reader.number('DOCUMENT_ALIASES', 100, 1, 10_000),
    documentRootFields: reader.number('DOCUMENT_ROOT_FIELDS', 50, 1, 10_000),
    documentFields: reader.number('DOCUMENT_FIELDS', 1000, 10, 100_000),
    documentDirectives: reader.number('DOCUMENT_DIRECTIVES', 50, 1, 10_000),
    operationCost: reader.number('OPERATION_COST', 10_000, 100, 100_000_000),
    documentCacheBytes: reader.number('DOCUMENT_CACHE_BYTES', 16 * megabytes, 65_536, 1024 * megabytes),
    bodyBytes: reader.number('BODY_BYTES', 8 * megabytes, 1024, 1024 * megabytes),
    anonymousBodyBytes: reader.number('ANONYMOUS_BODY_BYTES', 65_536, 1024, 1024 * megabytes),
    frameBytes: reader.number('FRAME_BYTES', 4_900_000, 1024, 1024 * megabytes),
    sockets: reader.number('SOCKETS', 10_000, 1, 1_000_000),
    socketsOfPrincipal: {
      USER: reader.number('SOCKETS_USER', 50, 0, 1_000_000),
      API_KEY: reader.number('SOCKETS_API_KEY', 200, 0, 1_000_000),
      SERVICE: reader.number('SOCKETS_SERVICE', 0, 0, 1_000_000),
      OPERATOR: reader.number('SOCKETS_OPERATOR', 0, 0, 1_000_000),
    },
    socketsUnadmitted: reader.number('SOCKETS_UNADMITTED', 500, 1, 1_000_000),
    socketsUnadmittedPeer: reader.number('SOCKETS_UNADMITTED_PEER', 50, 1, 1_000_000),
    socketMessages: reader.number('SOCKET_MESSAGES', 100, 1, 1_000_000),
    socketSubscriptions: reader.number('SOCKET_SUBSCRIPTIONS', 100, 1, 100_000),
    socketOperations: reader.number('SOCKET_OPERATIONS', 256, 1, 100_000),
    socketBufferBytes: reader.number('SOCKET_BUFFER_BYTES', 8 * megabytes, 65_536, 1024 * megabytes),
    socketInitTimeoutMs: reader.number('SOCKET_INIT_TIMEOUT_MS', 5000, 10, 600_000),
    socketPingMs: reader.number('SOCKET_PING_MS', 30_000, 10, 3_600_000),
    headersTimeoutMs: reader.number('HEADERS_TIMEOUT_MS', 10_000, 100, 600_000),
    requestTimeoutMs: reader.number('REQUEST_TIMEOUT_MS', 30_000, 100, 3_600_000),
    exportStreams: reader.number('EXPORT_STREAMS', 4, 1, 1000),
    exportStreamsPrincipal: reader.number('EXPORT_STREAMS_PRINCIPAL', 2, 1, 1000),
    exportStallMs: reader.number('EXPORT_STALL_MS', 60_000, 100, 3_600_000),
    exportLeastBytes: reader.number('EXPORT_LEAST_BYTES', 16_384, 1, 1024 * megabytes),
    writeStallMs: reader.number('WRITE_STALL_MS', 30_000, 100, 3_600_000),
    unreadBytes: {
      principal: reader.number('UNREAD_BYTES_PRINCIPAL', 32 * megabytes, 65_536, 16_384 * megabytes),
      anonymous: reader.number('UNREAD_BYTES_ANONYMOUS', 8 * megabytes, 65_536, 16_384 * megabytes),
      all: reader.number('UNREAD_BYTES', 256 * megabytes, 65_536, 65_536 * megabytes),
    },
    keepAliveMs: reader.number('KEEP_ALIVE_MS', 65_000, 100, 3_600_000),
    drainTimeoutMs: reader.number('DRAIN_TIMEOUT_MS', 10_000, 0, 600_000),
    rateLimits: {
      windowSeconds: reader.number('RATE_LIMIT_WINDOW_SECONDS', 10, 1, 86_400),
      user: reader.number('RATE_LIMIT_USER', 3000, 0, 1_000_000_000),
      apiKey: reader.number('RATE_LIMIT_API_KEY', 10_000, 0, 1_000_000_000),
      anonymous: reader.number('RATE_LIMIT_ANONYMOUS', 300, 0, 1_000_000_000),
      service: reader.number('RATE_LIMIT_SERVICE', 0, 0, 1_000_000_000),
      operator: reader.number('RATE_LIMIT_OPERATOR', 0, 0, 1_000_000_000),
      refused: reader.number('RATE_LIMIT_REFUSED', 300, 0, 1_000_000_000),
    },
  };
}

/** The server of Node itself, under the framework: its time-outs, which upgrades it hands over, and what it cannot read. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '../config/limits.ts';
import { bareAnswer, httpError } from './answers.ts';

export function createNodeServer(limits: Limits, handler: RequestListener): Server {
  return createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 5000),
      noDelay: true,
      shouldUpgradeCallback: asksForWebSocket,
    },
    handler,
  );
}

/**
 * Any other protocol that a client offers to change to, it offers (RFC 9110, 7.8): Java's client and `curl --http2` would like
 * HTTP/2, and are answered in what they asked in.
 */
function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/** What is not even HTTP, or comes too slowly or with too many headers. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const statuses: Readonly<Record<string, string>> = {
    HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  };
  const status = statuses[error.code ?? ''] ?? '400 Bad Request';
  socket.end(bareAnswer(status, httpError('BAD_REQUEST', 'The request could not be read as HTTP.')));
}

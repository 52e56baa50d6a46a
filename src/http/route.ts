import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers the request and returns true, or returns false when the path is another route's. */
export type Route = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** The path of a request, without its query string. Not decoded: names of routes and built files are plain ASCII. */
export function pathOf(request: IncomingMessage): string {
  const target = request.url ?? '/';
  const queryStart = target.indexOf('?');
  return queryStart < 0 ? target : target.slice(0, queryStart);
}

/** Ends the response with a coded error, in the shape that GraphQL errors have. */
export function sendJsonError(response: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

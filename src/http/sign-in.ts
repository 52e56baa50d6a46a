import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOf, type Route, sendJsonError } from './route.ts';

/** Makes a bearer token for one demo person, each time anew. */
export type TokenMaker = () => string | Promise<string>;

/**
 * The sign-in links of local mode: `GET /sign-in?as=user` leads to GraphiQL with that person's token. It hands out
 * tokens to anyone who asks, so production never mounts it.
 *
 * The token travels in the fragment of the redirect, which browsers keep to themselves: it appears in no log and no
 * Referer header.
 */
export function createSignInRoute(people: ReadonlyMap<string, TokenMaker>): Route {
  async function signIn(request: IncomingMessage, response: ServerResponse): Promise<true> {
    if (request.method !== 'GET') {
      response.setHeader('allow', 'GET');
      sendJsonError(response, 405, 'METHOD_NOT_ALLOWED', 'A sign-in link is opened with GET.');
      return true;
    }
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const makeToken = people.get(searchParams.get('as') ?? '');
    if (makeToken === undefined) {
      sendJsonError(response, 404, 'NOT_FOUND', `There is nobody of that name. Known: ${[...people.keys()].join(', ')}.`);
      return true;
    }
    response.writeHead(303, {
      location: `/graphiql#token=${encodeURIComponent(await makeToken())}`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-length': 0,
    });
    response.end();
    return true;
  }

  return (request, response) => (pathOf(request) === '/sign-in' ? signIn(request, response) : false);
}

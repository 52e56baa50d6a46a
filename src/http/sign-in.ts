import { answer, answerError, httpError } from './answers.ts';
import { searchOf } from './paths.ts';
import type { Route } from './route.ts';

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
  return async (app) => {
    app.get('/sign-in', async (request, reply) => {
      const makeToken = people.get(new URLSearchParams(searchOf(request.url)).get('as') ?? '');
      if (makeToken === undefined) {
        const known = [...people.keys()].join(', ');
        return answerError(reply, 404, httpError('NOT_FOUND', `There is nobody of that name. Known: ${known}.`));
      }
      const location = `/graphiql#token=${encodeURIComponent(await makeToken())}`;
      return answer(reply, 303, 'text/plain; charset=utf-8', '', { location });
    });
  };
}

import { answer, answerError, httpError } from './exchange.ts';
import type { Route } from './exchange.ts';

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
  return {
    path: '/sign-in',
    methods: ['GET'],
    async handle(exchange) {
      exchange.request.resume();
      const makeToken = people.get(new URLSearchParams(exchange.search).get('as') ?? '');
      if (makeToken === undefined) {
        answerError(
          exchange,
          404,
          httpError('NOT_FOUND', `There is nobody of that name. Known: ${[...people.keys()].join(', ')}.`),
        );
        return;
      }
      answer(exchange, 303, 'text/plain; charset=utf-8', '', [
        'location',
        `/graphiql#token=${encodeURIComponent(await makeToken())}`,
      ]);
    },
  };
}

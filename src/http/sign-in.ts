/** Signing in to the portal and out of it: `/session`, `/sign-in` and `/sign-out`. */
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answer, answerError, answerJson, httpError } from './answers.ts';
import { readBody } from './bodies.ts';
import { searchOf } from './paths.ts';
import { answerPage, escapeText, registerPageHeaders } from './plain-page.ts';
import { returnPathOf } from './return-to.ts';
import type { Route } from './route.ts';
import type { Identity, Sessions } from './sessions.ts';
import type { SignInElsewhere } from './sign-in-elsewhere.ts';

/** One of the people of local mode, whom anybody may sign in as. */
export interface SignInPerson {
  /** The name that `/sign-in?as=` knows. */
  readonly as: string;
  /** Says what they may do, for whoever chooses one. */
  readonly about: string;
  readonly identity: Identity;
  /** Makes a bearer token for them, each time anew. */
  readonly token: () => string | Promise<string>;
}

export interface SignInOptions {
  readonly sessions: Sessions;
  readonly isLocal: boolean;
  /** Empty but in local mode: a session is theirs for the asking. */
  readonly people: readonly SignInPerson[];
  /** False: it was not built, and the people of local mode are led to GraphiQL, with a token. */
  readonly hasPortal: boolean;
  /** null: no identity provider is configured. */
  readonly elsewhere: Pick<SignInElsewhere, 'leave' | 'comeBack'> | null;
}

/** Nothing in it is looked at. */
const MOST_BYTES = 4_096;

export function createSignInRoutes(options: SignInOptions): Route {
  const { elsewhere } = options;
  const people = new Map(options.people.map((person) => [person.as, person]));
  return async (app) => {
    await registerPageHeaders(app);
    app.addContentTypeParser('*', (_request: FastifyRequest, payload: IncomingMessage) =>
      readBody(payload, MOST_BYTES),
    );
    app.get('/session', (request, reply) => showSession(request, reply, options));
    app.post('/sign-out', (request, reply) => signOut(request, reply, options));
    if (elsewhere !== null) app.get('/sign-in/callback', (request, reply) => elsewhere.comeBack(request, reply));
    app.get('/sign-in', async (request, reply) => {
      const query = new URLSearchParams(searchOf(request.url));
      const returnTo = returnPathOf(query.get('returnTo'));
      const as = query.get('as');
      if (as !== null && people.size > 0) {
        const person = people.get(as);
        return person === undefined
          ? answerNobody(reply, [...people.keys()])
          : signInAs(person, {
              request,
              reply,
              options,
              toGraphiql: query.get('to') === 'graphiql' || !options.hasPortal,
              returnTo,
            });
      }
      // The provider would let them in again without a question.
      if (query.get('signedOut') === 'here') return answerSignedOutHere(reply);
      if (elsewhere !== null && query.has('signedOut')) return answerSignedOut(reply);
      if (elsewhere !== null) return elsewhere.leave(request, reply, returnTo);
      return people.size > 0 ? answerPeople(reply, options.people, returnTo) : answerNotPossible(reply);
    });
  };
}

async function showSession(
  request: FastifyRequest,
  reply: FastifyReply,
  options: SignInOptions,
): Promise<FastifyReply> {
  const { sessions, isLocal: localMode } = options;
  const session = await sessions.shown(request.headers);
  if (session === null) return answerJson(reply, 200, { signedIn: false, signInUrl: '/sign-in', localMode });
  const { name, isOperator, expiresAt } = session;
  return answerJson(reply, 200, {
    signedIn: true,
    expiresAt: expiresAt.toISOString(),
    isOperator,
    name,
    localMode,
    signOutUrl: '/sign-out',
  });
}

/** The browser forgets its session in any case; an answer of 503 says that a copy of it would still be taken. */
async function signOut(
  request: FastifyRequest,
  reply: FastifyReply,
  { sessions }: SignInOptions,
): Promise<FastifyReply> {
  if (!sessions.mayAct(request.headers)) {
    const message = 'Only a page of this installation signs out, with the header x-tollgate-csrf: 1.';
    return answerError(reply, 403, httpError('FORBIDDEN', message));
  }
  void reply.header('set-cookie', sessions.toForget(request.headers.host));
  await sessions.end(request.headers);
  return reply.code(204).send();
}

async function signInAs(
  person: SignInPerson,
  {
    request,
    reply,
    options: { sessions },
    toGraphiql,
    returnTo,
  }: {
    request: FastifyRequest;
    reply: FastifyReply;
    options: SignInOptions;
    toGraphiql: boolean;
    returnTo: string;
  },
): Promise<FastifyReply> {
  const { host } = request.headers;
  if (sessions.arePossible) {
    await sessions.endReplaced(request.headers);
    void reply.header('set-cookie', await sessions.begin(person.identity, host));
  }
  // The fragment stays in the browser: the token appears in no log and no Referer header.
  const location = toGraphiql ? `/graphiql#token=${encodeURIComponent(await person.token())}` : returnTo;
  return answer(reply, 303, 'text/plain; charset=utf-8', '', { location });
}

function answerNobody(reply: FastifyReply, known: readonly string[]): FastifyReply {
  return answerError(reply, 404, httpError('NOT_FOUND', `There is nobody of that name. Known: ${known.join(', ')}.`));
}

function answerPeople(reply: FastifyReply, people: readonly SignInPerson[], returnTo: string): FastifyReply {
  const rows = people.map((person) => {
    const name = escapeText(person.identity.name ?? person.as);
    const portal = escapeText(`?${new URLSearchParams({ as: person.as, returnTo }).toString()}`);
    const graphiql = escapeText(`?${new URLSearchParams({ as: person.as, to: 'graphiql' }).toString()}`);
    return `<tr><th scope="row"><a href="${portal}">${name}</a></th><td>${escapeText(person.about)}</td><td><a href="${graphiql}" aria-label="GraphiQL as ${name}">GraphiQL</a></td></tr>`;
  });
  const body = `<p>This is the demo. Choose whose eyes to look through: no password is asked, because this is local mode.</p>
<table><thead><tr><th scope="col">Portal</th><th scope="col">Who they are</th><th scope="col">With a token</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>`;
  return answerPage(reply, 200, { title: 'Sign in', body });
}

function answerSignedOut(reply: FastifyReply): FastifyReply {
  const body = '<p>This browser has no session here any more. <a href="/sign-in">Sign in again</a></p>';
  return answerPage(reply, 200, { title: 'You are signed out', body });
}

/** The store of ended sessions was away when this browser signed out. */
function answerSignedOutHere(reply: FastifyReply): FastifyReply {
  const body = `<p>This browser has forgotten its session. The server could not write down that it is over, so a copy of its cookie, if there is one elsewhere, works until it runs out.</p>
<p><a href="/sign-in">Sign in again</a></p>`;
  return answerPage(reply, 200, { title: 'You are signed out in this browser', body });
}

function answerNotPossible(reply: FastifyReply): FastifyReply {
  const body = `<p>No identity provider is configured for this installation, so nobody can sign in here. Its API works with tokens and keys as before.</p>
<p>Whoever runs it sets OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and SESSION_SECRET.</p>`;
  return answerPage(reply, 404, { title: 'Sign-in is not set up', body });
}

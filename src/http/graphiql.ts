import { existsSync } from 'node:fs';
import { join } from 'node:path';
import helmet from '@fastify/helmet';
import serveStatic from '@fastify/static';
import type { FastifyReply } from 'fastify';
import { answerError, httpError } from './answers.ts';
import type { Route } from './route.ts';

const PREFIX = '/graphiql';

/**
 * The page loads nothing from elsewhere and has no inline script. The code editor writes style attributes and elements, hence
 * 'unsafe-inline' for styles alone; its fonts and cursors come as data: addresses inside its style sheet.
 */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    workerSrc: ["'self'"],
    connectSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    fontSrc: ["'self'", 'data:'],
    imgSrc: ["'self'", 'data:'],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/**
 * Serves the built GraphiQL page under /graphiql.
 * @param directory Where the build put the page (dist/graphiql). When it is missing, every path is answered 404.
 */
export function createGraphiqlRoutes(directory: string): readonly Route[] {
  return [
    async (app) => {
      await app.register(helmet, {
        contentSecurityPolicy: CONTENT_SECURITY_POLICY,
        referrerPolicy: { policy: 'no-referrer' },
        // The proxy says if there is TLS in front.
        strictTransportSecurity: false,
      });
      const method = ['GET', 'HEAD'];
      if (!existsSync(join(directory, 'index.html'))) {
        const missing = (_: unknown, reply: FastifyReply): FastifyReply =>
          answerError(reply, 404, httpError('NOT_FOUND', 'GraphiQL was not built.'));
        for (const url of [PREFIX, `${PREFIX}/*`]) app.route({ method, url, handler: missing });
        return;
      }
      // A path that leads out of the directory is answered like a missing file.
      app.setErrorHandler((_error, _request, reply) => reply.callNotFound());
      await app.register(serveStatic, {
        root: directory,
        prefix: `${PREFIX}/`,
        dotfiles: 'ignore',
        cacheControl: false,
        setHeaders(reply, path) {
          void reply.header('cache-control', lifetimeOf(path.slice(directory.length + 1)));
          // RFC 9239; the type that is set otherwise is obsolete.
          if (path.endsWith('.js')) void reply.header('content-type', 'text/javascript; charset=utf-8');
        },
      });
      app.route({ method, url: PREFIX, handler: (_, reply) => reply.sendFile('index.html') });
    },
  ];
}

/** Assets carry a hash of their content in their name; the page that names them does not. */
function lifetimeOf(name: string): string {
  return /^assets[\\/]/.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache';
}

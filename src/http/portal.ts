import { existsSync } from 'node:fs';
import { join } from 'node:path';
import helmet from '@fastify/helmet';
import serveStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Route } from './route.ts';

/** Everything comes from here: no script or style stands in the page itself, and nobody frames it. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/**
 * Serves the built portal on `/`. Its own addresses are any that nothing else answers: a browser that asks for one of them
 * gets the page, which finds out by itself what to show.
 * @param directory The built portal; where it has no index.html there are no routes.
 */
export function createPortalRoutes(directory: string): readonly Route[] {
  if (!existsSync(join(directory, 'index.html'))) return [];
  return [
    async (app) => {
      await app.register(helmet, {
        contentSecurityPolicy: CONTENT_SECURITY_POLICY,
        referrerPolicy: { policy: 'same-origin' },
        // The proxy says if there is TLS in front.
        strictTransportSecurity: false,
      });
      await app.register(serveStatic, {
        root: directory,
        // One route for each file that is there now: no path is ever looked up in the file system.
        wildcard: false,
        dotfiles: 'ignore',
        globIgnore: ['**/.*', '**/*.map'],
        cacheControl: false,
        setHeaders(reply, path) {
          void reply.header('cache-control', lifetimeOf(path.slice(directory.length + 1)));
          // RFC 9239; the type that is set otherwise is obsolete.
          if (path.endsWith('.js')) void reply.header('content-type', 'text/javascript; charset=utf-8');
        },
      });
      app.route({
        method: ['GET', 'HEAD'],
        url: '/*',
        handler: (request, reply) => (isForPage(request) ? reply.sendFile('index.html') : notFound(reply)),
      });
    },
  ];
}

/** A browser that goes to an address, and no program that asks for data or for a file that is gone. */
function isForPage({ headers, isServedElsewhere }: FastifyRequest): boolean {
  return !isServedElsewhere && acceptsHtml(headers.accept);
}

/** `text/html` by its name: programs that take anything say `*` instead, and are told that there is nothing. */
function acceptsHtml(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'text/html' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

function notFound(reply: FastifyReply): FastifyReply {
  reply.callNotFound();
  return reply;
}

/** Assets carry a hash of their content in their name; the page that names them does not. */
function lifetimeOf(name: string): string {
  return /^assets[\\/]/.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache';
}

import { createReadStream, readdirSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream';
import { answerError, httpError } from './exchange.ts';
import type { Exchange, Route } from './exchange.ts';

interface BuiltFile {
  readonly file: string;
  readonly bytes: number;
  readonly contentType: string;
}

const prefix = '/graphiql';

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
};

/**
 * Nothing from elsewhere, no script in the page. The code editor writes style attributes and elements, hence
 * 'unsafe-inline' for styles alone; its fonts and cursors come as data: addresses inside its style sheet.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves the built GraphiQL page under /graphiql. The directory is read once: only what lay there then can be asked for,
 * so no path in a request ever reaches the file system.
 * @param directory Where the build put the page (dist/graphiql). When it is missing, every path is answered 404.
 */
export function createGraphiqlRoutes(directory: string): readonly Route[] {
  const files = findFiles(directory);

  function handle(exchange: Exchange): void {
    const name = exchange.path.slice(prefix.length + 1);
    const found = files.get(name === '' ? 'index.html' : name);
    if (found !== undefined) {
      send(exchange, found, name.startsWith('assets/'));
      return;
    }
    exchange.request.resume();
    answerError(
      exchange,
      404,
      httpError('NOT_FOUND', files.size === 0 ? 'GraphiQL was not built.' : 'There is no such file.'),
    );
  }

  return [prefix, `${prefix}/*`].map((path) => ({ path, methods: ['GET', 'HEAD'], handle }));
}

function send(
  { request, response, requestId }: Exchange,
  { file, bytes, contentType }: BuiltFile,
  isAsset: boolean,
): void {
  request.resume();
  response.writeHead(200, {
    'content-type': contentType,
    'content-length': bytes,
    // Assets carry a hash of their content in their name; the page that names them does not.
    'cache-control': isAsset ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': contentSecurityPolicy,
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
  });
  if (request.method === 'HEAD') response.end();
  // A browser that goes away in the middle is no error of ours; pipeline closes both ends.
  else pipeline(createReadStream(file), response, () => {});
}

function findFiles(directory: string): ReadonlyMap<string, BuiltFile> {
  const files = new Map<string, BuiltFile>();
  for (const name of namesIn(directory)) {
    const file = join(directory, name);
    const stats = statSync(file);
    const contentType = contentTypes[extname(name)];
    if (!stats.isFile() || contentType === undefined) continue;
    files.set(name.split(sep).join('/'), { file, bytes: stats.size, contentType });
  }
  return files;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** `/exports/*.csv`: files of any length, streamed to whoever brings a link's token. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refusalError } from '../graphql/execution/errors.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type ExportFile, exportPath, type Exports } from '../usage/exports.ts';
import { answerError, httpError } from './answers.ts';
import { paced } from './export-pace.ts';
import { searchOf } from './paths.ts';
import { piecesOf } from './pieces.ts';
import type { Route } from './route.ts';

interface Options {
  readonly exports: Exports;
  /** The window in which a client must take as much as `leastBytesPerSecond` says. */
  readonly stallMs: number;
  readonly leastBytesPerSecond: number;
  readonly log: Log;
}

/**
 * One route for each kind of file. GET uses the link up, HEAD does not. The token stands in the query, which is neither
 * logged nor counted; nothing here may name it.
 */
export function createExportRoutes(options: Options): readonly Route[] {
  return (['USAGE', 'LEDGER'] as const).map((kind) => async (app) => {
    app.route({
      method: ['GET', 'HEAD'],
      url: `/${exportPath(kind)}`,
      async handler(request, reply) {
        const token = new URLSearchParams(searchOf(request.url)).get('token') ?? '';
        void reply.headers(NO_REFERRER);
        try {
          if (request.method === 'HEAD') {
            const { name } = await options.exports.peek(token, kind);
            void reply.headers(headersOf(name)).send();
          } else {
            await options.exports.deliver(token, kind, (file) => send(request, reply, file, options));
          }
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          answerRefusal(reply, error);
        }
        return reply;
      },
    });
  });
}

/** Resolves when the client has all of it, or the connection is gone. */
async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { name, text }: ExportFile,
  { stallMs, leastBytesPerSecond, log }: Options,
): Promise<void> {
  const { socket } = request.raw;
  const { connections } = reply.server;
  // What fails before the first rows are there still has a status to say so.
  const first = await text.next();
  if (socket.destroyed) {
    await text.return();
    return;
  }
  const isOver = Promise.withResolvers<void>();
  reply.raw.once('close', isOver.resolve);
  // An answer that waits behind another one on the same connection is never told that the connection is gone.
  socket.once('close', isOver.resolve);
  async function* pieces(): AsyncGenerator<Buffer, void, undefined> {
    try {
      if (first.done !== true) yield* piecesOf(Buffer.from(first.value));
      for await (const part of text) yield* piecesOf(Buffer.from(part));
    } catch (error) {
      // The connection is cut then: a part of a file must not pass for all of it.
      log.error({ requestId: request.id, err: error }, 'an export broke off');
      throw error;
    } finally {
      // What is left has been written; who does not read the rest is cut like anybody else.
      connections.setWatched(socket, true);
    }
  }
  connections.setWatched(socket, false);
  const onTooSlow = (): void => void socket.destroy();
  const file = Readable.from(paced(pieces(), { windowMs: stallMs, leastBytesPerSecond, onTooSlow }), {
    objectMode: false,
  });
  void reply.headers(headersOf(name)).send(file);
  await isOver.promise;
  socket.off('close', isOver.resolve);
  file.destroy();
}

function headersOf(name: string): Record<string, string> {
  return { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': `attachment; filename="${name}"` };
}

/** The page's address holds the token. */
const NO_REFERRER = { 'referrer-policy': 'no-referrer' };

/** All links that do not work are alike, so that an answer says nothing about what there is. */
function answerRefusal(reply: FastifyReply, refusal: Refusal): void {
  if (refusal.code === 'UNAVAILABLE') answerError(reply, 503, refusalError(refusal));
  else answerError(reply, 404, httpError('NOT_FOUND', 'This link was used, has expired, or never was.'));
}

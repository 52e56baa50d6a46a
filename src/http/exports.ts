/** `/exports/*.csv`: files of any length, streamed to whoever brings a link's token. */
import { pipeline } from 'node:stream/promises';
import { refusalError } from '../graphql/errors.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import { type ExportFile, exportPath, type Exports } from '../usage/exports.ts';
import { answerError, commonHeaders, type Exchange, httpError, type Route } from './exchange.ts';

interface Options {
  readonly exports: Exports;
  /** How long a client may leave what was sent unread. */
  readonly stallMs: number;
  readonly log: Log;
}

/**
 * One route for each kind of file. GET uses the link up, HEAD does not. The token stands in the query, which is neither
 * logged nor counted; nothing here may name it.
 */
export function createExportRoutes(options: Options): readonly Route[] {
  return (['USAGE', 'LEDGER'] as const).map((kind) => ({
    path: `/${exportPath(kind)}`,
    methods: ['GET', 'HEAD'],
    async handle(exchange) {
      const { request, response } = exchange;
      request.resume();
      const token = new URLSearchParams(exchange.search).get('token') ?? '';
      try {
        if (request.method === 'HEAD') {
          const { name } = await options.exports.peek(token, kind);
          response.writeHead(200, headersOf(exchange, name)).end();
        } else {
          await options.exports.deliver(token, kind, (file) => send(exchange, file, options));
        }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        answerRefusal(exchange, error);
      }
    },
  }));
}

async function send(exchange: Exchange, { name, text }: ExportFile, { stallMs, log }: Options): Promise<void> {
  const { response, requestId } = exchange;
  // What fails before the first rows are there still has a status to say so.
  const first = await text.next();
  // Who stops reading without going away would keep others from their files.
  response.setTimeout(stallMs);
  response.writeHead(200, headersOf(exchange, name));
  try {
    await pipeline(async function* () {
      if (first.done !== true) yield first.value;
      yield* text;
    }, response);
  } catch (error) {
    // The connection is cut: a part of a file must not pass for all of it.
    response.destroy();
    if (!isGone(error)) log.error({ requestId, err: error }, 'an export broke off');
  }
}

/** The client went away, which is its right. */
function isGone(error: unknown): boolean {
  // Not `instanceof`: errors of Node's own modules may come from another realm, as they do under the tests' runner.
  return (error as { code?: unknown } | null)?.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function headersOf(exchange: Exchange, name: string): string[] {
  return [
    ...commonHeaders(exchange),
    ...['content-type', 'text/csv; charset=utf-8'],
    ...['content-disposition', `attachment; filename="${name}"`],
    ...NO_REFERRER,
  ];
}

/** The page's address holds the token. */
const NO_REFERRER = ['referrer-policy', 'no-referrer'];

/** All links that do not work are alike, so that an answer says nothing about what there is. */
function answerRefusal(exchange: Exchange, refusal: Refusal): void {
  if (refusal.code === 'UNAVAILABLE') {
    answerError(exchange, 503, refusalError(refusal), NO_REFERRER);
    return;
  }
  const error = httpError('NOT_FOUND', 'This link was used, has expired, or never was.');
  answerError(exchange, 404, error, NO_REFERRER);
}

import type { FastifyInstance } from 'fastify';

/** A plugin that answers some paths. It may have hooks, parsers and an error handler of its own. */
export type Route = (app: FastifyInstance) => Promise<void>;

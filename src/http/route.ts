import type { FastifyInstance } from 'fastify';

/** Some paths and who answers them: a plugin, with hooks, parsers and a view of errors of its own if it wants them. */
export type Route = (app: FastifyInstance) => Promise<void>;

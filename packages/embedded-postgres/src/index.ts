/** The package's public names; every other file is its own business. */
export { EmbeddedPostgresError } from './errors.ts';
export { runningEmbeddedPostgres } from './running.ts';
export {
  startEmbeddedPostgres,
  type EmbeddedLog,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './start.ts';

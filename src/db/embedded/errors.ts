/** The embedded PostgreSQL cannot run. The message is written for whoever starts the program: one sentence, and what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

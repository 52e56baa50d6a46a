/** The embedded PostgreSQL cannot run. The message is one sentence for the person who starts the program, and says what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/**
 * Carries messages between the processes of one installation, at most once each. Both implementations keep
 * themselves connected; what was missed while they were not, the owner reads from the database.
 */
export interface Transport {
  /**
   * Begins to listen, and goes on trying by itself for as long as it takes. Resolves after the first attempt, whether
   * it succeeded or not: a process without its neighbours' news still serves its own. Never rejects.
   */
  start(listener: TransportListener): Promise<void>;
  /** Sends all of these, or rejects; after a rejection some may have been sent. */
  send(messages: readonly string[]): Promise<void>;
  /** Gives up the listening connection, which seems deaf, and makes a new one. */
  reconnect(): void;
  /** Closes both connections. */
  stop(): Promise<void>;
}

export interface TransportListener {
  /** A message arrived: of any process, this one included. */
  received(message: string): void;
  /** Listening from now on; everything sent before may have been missed. */
  listening(): void;
}

/** A port for code that writes one statement into whatever transaction its caller is in. */
/** A transaction's client, or the database for a statement by itself. */
export interface SqlClient {
  query(text: string, values: unknown[]): Promise<unknown>;
}

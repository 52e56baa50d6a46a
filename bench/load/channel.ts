/** One request at a time: send the body, get the answer's text. Rejects when the transport fails; then it stays broken. */
export interface Channel {
  send(body: string): Promise<string>;
  close(): void;
}

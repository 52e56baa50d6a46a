/** The bytes that a reader is given at one time and must take within WRITE_STALL_MS. */
export const PIECE_BYTES = 65_536;

/** Views of the buffer, in order. */
export function* piecesOf(buffer: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < buffer.length; at += PIECE_BYTES) yield buffer.subarray(at, at + PIECE_BYTES);
}

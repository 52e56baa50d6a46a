import type { ExecutionResult } from 'graphql';

/** Serialised results by their identity: a result that many subscribers share becomes text once. */
const texts = new WeakMap<ExecutionResult, string>();

export interface FrameRoad {
  /** The client's id of the subscription. */
  readonly id: string;
  /** Sends a text frame; the promise, if there is one, resolves when the reader has caught up. */
  readonly send: (frame: string) => Promise<void> | undefined;
}

/**
 * Sends a subscription's results as `next` messages, in place of graphql-ws, which would copy, check and serialise
 * every message for every subscriber. For its hook `onOperation`: what comes back is a stream for graphql-ws to run
 * that never yields anything. graphql-ws still does the rest: `complete` when the results end, `error` when they fail, and
 * `return()`, which ends them at once, when the client or the socket goes. (`onNext` is not called.)
 */
export function sendFrames(results: AsyncIterator<ExecutionResult, unknown>, road: FrameRoad): AsyncGenerator<never> {
  return new FrameStream(results, road);
}

/** A result as JSON, serialised at most once. */
function resultText(result: ExecutionResult): string {
  let text = texts.get(result);
  if (text === undefined) {
    text = JSON.stringify(result);
    texts.set(result, text);
  }
  return text;
}

/**
 * A whole unmasked text frame (RFC 6455), to be written to the connection under a WebSocket that is open and does not
 * compress. ws writes head and text as two pieces; in one piece a message costs the server a sixth less.
 */
export function textFrame(text: string): Buffer {
  const textBytes = Buffer.byteLength(text);
  const headBytes = textBytes < 126 ? 2 : textBytes < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + textBytes);
  frame[0] = 0x81;
  if (headBytes === 2) {
    frame[1] = textBytes;
  } else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(textBytes, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(textBytes), 2);
  }
  frame.write(text, headBytes);
  return frame;
}

/** Not an async generator function: its `return()` would wait for the next event before it unsubscribed. */
class FrameStream implements AsyncGenerator<never, undefined> {
  readonly #results: AsyncIterator<ExecutionResult, unknown>;
  readonly #send: FrameRoad['send'];
  readonly #head: string;
  #ended = false;

  constructor(results: AsyncIterator<ExecutionResult, unknown>, road: FrameRoad) {
    this.#results = results;
    this.#send = road.send;
    this.#head = `{"id":${JSON.stringify(road.id)},"type":"next","payload":`;
  }

  /** Runs until the results end. */
  async next(): Promise<IteratorResult<never, undefined>> {
    while (!this.#ended) {
      const { done, value } = await this.#results.next();
      if (done === true) break;
      // The client may have unsubscribed while this result was on its way.
      if (this.#ended) break;
      const caughtUp = this.#send(`${this.#head}${resultText(value)}}`);
      if (caughtUp !== undefined) await caughtUp;
    }
    this.#ended = true;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<never, undefined>> {
    this.#ended = true;
    await this.#results.return?.();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<never, undefined>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

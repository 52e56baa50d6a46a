import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { GraphQLError, buildSchema, parse, type ExecutionResult } from 'graphql';
import { makeServer } from 'graphql-ws';
import { WebSocket, WebSocketServer } from 'ws';
import { sendFrames, textFrame } from '../../src/http/fan-out.ts';

/** Results that are pushed by hand; `next()` waits for them. */
class Results implements AsyncIterableIterator<ExecutionResult, undefined> {
  #waiting: PromiseWithResolvers<IteratorResult<ExecutionResult, undefined>> | null = null;
  returned = false;

  push(result: ExecutionResult): void {
    this.#waiting?.resolve({ done: false, value: result });
  }

  fail(error: unknown): void {
    this.#waiting?.reject(error);
  }

  end(): void {
    this.#waiting?.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    this.returned = true;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const schema = buildSchema('type Query { a: Int } type Subscription { b: Int }');
const document = parse('subscription { b }');

/** A socket without a network, on which one subscription runs, as graphql-ws runs it. */
async function subscribe(id: string) {
  const results = new Results();
  const frames: string[] = [];
  let caughtUp: Promise<void> | undefined;
  const server = makeServer({
    // Its timer would outlive the test.
    connectionInitWaitTimeout: 0,
    onSubscribe: () => ({ schema, document }),
    subscribe: () => results,
    onOperation: () =>
      sendFrames(results, {
        id,
        send: (frame) => {
          frames.push(frame);
          return caughtUp;
        },
      }),
  });
  let receive: (text: string) => Promise<void> = () => Promise.resolve();
  const closed = server.opened(
    {
      protocol: 'graphql-transport-ws',
      send: (text) => void frames.push(text),
      close: (code, reason) => void frames.push(`closed ${code} ${reason}`),
      onMessage: (handle) => (receive = handle),
    },
    {},
  );
  await receive('{"type":"connection_init"}');
  const running = receive(JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { b }' } }));
  await settle();
  frames.length = 0;
  return {
    results,
    frames,
    running,
    receive: (text: string) => receive(text),
    closeSocket: () => closed(1000, ''),
    slowReader: (until: Promise<void>) => (caughtUp = until),
  };
}

describe('a subscription whose frames are sent past graphql-ws', () => {
  test('a result shared by many subscribers is serialised once, and each gets it under an id of their own', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `"${i}"\n`);
    const sockets = await Promise.all(ids.map(subscribe));
    let serialised = 0;
    const result = { data: { b: { toJSON: () => (serialised += 1) } } };
    for (const { results } of sockets) results.push(result);
    await settle();
    expect(serialised).toBe(1);
    expect(sockets.map(({ frames }) => frames.map((frame) => JSON.parse(frame) as unknown))).toEqual(
      ids.map((id) => [{ id, type: 'next', payload: { data: { b: 1 } } }]),
    );
  });

  test('errors in a result look as the protocol has them', async () => {
    const { results, frames } = await subscribe('1');
    results.push({ data: { b: null }, errors: [new GraphQLError('no', { extensions: { code: 'UNAVAILABLE' } })] });
    await settle();
    const payload = { data: { b: null }, errors: [{ message: 'no', extensions: { code: 'UNAVAILABLE' } }] };
    expect(frames.map((frame) => JSON.parse(frame) as unknown)).toEqual([{ id: '1', type: 'next', payload }]);
  });

  test('when the results end, the client is told so, after the last one', async () => {
    const { results, frames, running } = await subscribe('1');
    results.push({ data: { b: 1 } });
    await settle();
    results.end();
    await running;
    expect(frames).toEqual(['{"id":"1","type":"next","payload":{"data":{"b":1}}}', '{"id":"1","type":"complete"}']);
  });

  test('when they fail, the client gets the error', async () => {
    const { results, frames, running } = await subscribe('1');
    results.fail(new Error('gone'));
    await running;
    expect(frames.map((frame) => JSON.parse(frame) as unknown)).toContainEqual({
      id: '1',
      type: 'error',
      payload: [{ message: 'gone' }],
    });
  });

  test.each(['client completes', 'socket closes'])(
    'when the %s, it ends at once, though it was waiting',
    async (how) => {
      const { results, frames, running, receive, closeSocket } = await subscribe('1');
      if (how === 'client completes') await receive('{"id":"1","type":"complete"}');
      else await closeSocket();
      await running;
      expect(results.returned).toBe(true);
      expect(frames).toEqual([]);
    },
  );

  test('a result that was on its way when the client left is not sent', async () => {
    const { results, frames, running, receive } = await subscribe('1');
    results.push({ data: { b: 1 } });
    await receive('{"id":"1","type":"complete"}');
    await running;
    expect(frames).toEqual([]);
  });

  test('a reader that has fallen behind is waited for before the next result is asked for', async () => {
    const { results, frames, slowReader } = await subscribe('1');
    const caughtUp = Promise.withResolvers<void>();
    void slowReader(caughtUp.promise);
    results.push({ data: { b: 1 } });
    await settle();
    results.push({ data: { b: 2 } });
    await settle();
    expect(frames).toHaveLength(1);
    caughtUp.resolve();
    await settle();
    results.push({ data: { b: 3 } });
    await settle();
    expect(frames).toHaveLength(2);
  });
});

test('frames written beneath ws arrive like its own, in order, at every length', async () => {
  const texts = [0, 1, 125, 126, 65_535, 65_536, 100_000].map((length) => 'x'.repeat(length));
  texts.push('é€😀'.repeat(20), '"é€😀"'.repeat(10_000));
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    sockets.handleUpgrade(request, connection, head, (socket) => {
      for (const text of texts) {
        connection.write(textFrame(text));
        socket.send(text);
      }
      socket.close();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const received: string[] = [];
  client.on('message', (data: Buffer) => received.push(data.toString()));
  await once(client, 'close');
  server.close();
  expect(received).toEqual(texts.flatMap((text) => [text, text]));
});

function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

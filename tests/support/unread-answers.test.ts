/** A test that asks for the status alone may leave the body of an answer: its file ends with nothing open. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Held until the file has ended, so that no collection of memory lets go of it before. */
const held: Response[] = [];

it('leaves an answer that is longer than every buffer', async () => {
  const server = createServer((_request, response) => response.end(Buffer.alloc(3_000_000)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`);
  held.push(response);
  expect(response.status).toBe(200);
  server.closeAllConnections();
  server.close();
});

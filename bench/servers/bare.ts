import { createServer } from 'node:http';
import { announce } from './announce.ts';

// Node's http doing nothing but what any server has to: the request is received whole, then answered with a constant.
const body = '{"data":{"hello":"world"}}';
const server = createServer((request, response) => {
  request.resume().once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => announce(server));

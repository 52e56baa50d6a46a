import { ApolloServer, HeaderMap } from '@apollo/server';
import { createServer, type IncomingMessage } from 'node:http';
import { Pool } from 'pg';
import { announce } from './announce.ts';
import { createNaiveSchema } from './naive-schema.ts';

// One naive transaction per request, behind Apollo on bare http.
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 20 });
const apollo = new ApolloServer({ schema: createNaiveSchema(pool), csrfPrevention: false });
await apollo.start();

const server = createServer((request, response) => {
  void (async () => {
    const headers = new HeaderMap(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const body: unknown = JSON.parse(await textOf(request));
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: 'POST', headers, search: '', body },
      context: async () => ({}),
    });
    const text = answer.body.kind === 'complete' ? answer.body.string : '';
    for (const [name, value] of answer.headers) response.setHeader(name, value);
    response.setHeader('content-length', Buffer.byteLength(text));
    response.writeHead(answer.status ?? 200);
    response.end(text);
  })();
});
server.listen(0, '127.0.0.1', () => announce(server));

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += String(chunk);
  return text;
}

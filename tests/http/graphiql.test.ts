import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGraphiqlRoute } from '../../src/http/graphiql.ts';
import { createSignInRoute, type TokenMaker } from '../../src/http/sign-in.ts';

let directory: string;
let server: Server;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tollgate-graphiql-'));
  const page = join(directory, 'page');
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(page, 'assets', 'index-Ab12.js'), 'export {};');
  writeFileSync(join(directory, 'secret.js'), 'never served');
  const routes = [
    createGraphiqlRoute(page),
    createSignInRoute(new Map<string, TokenMaker>([['user', () => 'a.b.c'], ['operator', async () => 'd.e.f']])),
  ];
  server = createServer((request, response) => {
    void (async () => {
      for (const route of routes) if (await route(request, response)) return;
      response.writeHead(418).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

test('the page is served with and without a slash, and is asked for anew each time', async () => {
  for (const path of ['/graphiql', '/graphiql/', '/graphiql?x=1']) {
    const answer = await get(path);
    expect(answer).toMatchObject({ status: 200, body: '<!doctype html><title>page</title>' });
    expect(answer.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
  }
});

test('assets are cached for good, since their names change with their content', async () => {
  const answer = await get('/graphiql/assets/index-Ab12.js');
  expect(answer).toMatchObject({ status: 200, body: 'export {};' });
  expect(answer.headers).toMatchObject({ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=31536000, immutable' });
});

test('no path leads out of the directory', async () => {
  for (const path of ['/graphiql/../secret.js', '/graphiql/..%2fsecret.js', '/graphiql//../secret.js', '/graphiql/assets/../../secret.js', '/graphiql/assets']) {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  }
});

test('paths of others are left to others, and nothing is written to', async () => {
  expect((await get('/graphiqlx')).status).toBe(418);
  expect((await get('/sign-in/')).status).toBe(418);
  expect((await get('/graphiql', 'POST')).status).toBe(405);
  expect(await get('/graphiql', 'HEAD')).toMatchObject({ status: 200, body: '' });
});

test('a sign-in link hands the token over in the fragment', async () => {
  expect((await get('/sign-in?as=user')).headers).toMatchObject({ location: '/graphiql#token=a.b.c', 'cache-control': 'no-store' });
  expect(await get('/sign-in?as=operator')).toMatchObject({ status: 303 });
});

test('nobody signs in as a stranger', async () => {
  for (const path of ['/sign-in', '/sign-in?as=', '/sign-in?as=toString', '/sign-in?as=root']) {
    expect(await get(path)).toMatchObject({ status: 404 });
  }
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** Bare http: fetch would tidy the path up before sending it. */
function get(path: string, method = 'GET'): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    request.on('error', reject).end();
  });
}

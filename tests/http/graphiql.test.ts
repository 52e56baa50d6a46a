import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import { systemClock } from '../../src/kernel/clock.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createGraphiqlRoutes } from '../../src/http/graphiql.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { createLog } from '../../src/kernel/log.ts';

let directory: string;
let server: HttpServer;
let port: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tollgate-graphiql-'));
  const page = join(directory, 'page');
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(page, 'assets', 'index-Ab12.js'), 'export {};');
  writeFileSync(join(directory, 'secret.js'), 'never served');
  server = await createHttpServer({
    config: loadConfig({ PORT: '0' }, 'local'),
    log: createLog({ level: 'silent' }),
    schema: buildSchema('type Query { hello: String }'),
    authenticator: { authenticate: () => null },
    contextFor: () => ({}),
    readiness: [],
    metrics: createMetrics({ processMetrics: false }),
    clock: systemClock,
    routes: createGraphiqlRoutes(page),
  });
  ({ port } = await server.listen());
});

afterAll(async () => {
  await server.drain();
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
  expect(answer.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
});

test('no path leads out of the directory', async () => {
  for (const path of [
    '/graphiql/../secret.js',
    '/graphiql/..%2fsecret.js',
    '/graphiql//../secret.js',
    '/graphiql/assets/../../secret.js',
    '/graphiql/assets',
  ]) {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  }
});

test('paths of others are left to others, and nothing is written to', async () => {
  for (const path of ['/graphiqlx', '/graphiq']) {
    const { body } = await get(path);
    expect(JSON.parse(body)).toMatchObject({ errors: [{ message: 'There is nothing at this path.' }] });
  }
  expect((await get('/graphiql', 'POST')).status).toBe(405);
  expect(await get('/graphiql', 'HEAD')).toMatchObject({ status: 200, body: '' });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** Bare http: fetch would tidy the path up before sending it. */
function get(path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    request.on('error', reject).end();
  });
}

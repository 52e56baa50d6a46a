import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGraphiqlRoutes } from '../../src/http/graphiql.ts';
import { createPortalRoutes } from '../../src/http/portal.ts';
import { startEdges, type Edges } from '../support/edges.ts';
import { type PlainAnswer, plainRequest } from '../support/plain-request.ts';

const PAGE = '<!doctype html><title>portal</title>';
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
let directory: string;
let edges: Edges;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tollgate-portal-'));
  const dist = join(directory, 'dist');
  mkdirSync(join(dist, 'assets'), { recursive: true });
  mkdirSync(join(dist, '.vite'));
  writeFileSync(join(dist, 'index.html'), PAGE);
  writeFileSync(join(dist, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  writeFileSync(join(dist, 'assets', 'index-Ab12.js'), 'export {};');
  writeFileSync(join(dist, 'assets', 'index-Ab12.js.map'), '{}');
  writeFileSync(join(dist, 'assets', 'index-Cd34.css'), 'a{}');
  writeFileSync(join(dist, '.vite', 'manifest.json'), '{}');
  writeFileSync(join(directory, 'secret.js'), 'never served');
  edges = await startEdges({
    routes: () => [...createGraphiqlRoutes(join(directory, 'none')), ...createPortalRoutes(dist)],
  });
});

afterAll(async () => {
  await edges.server.drain();
  rmSync(directory, { recursive: true });
});

function get(path: string, accept: string | undefined = BROWSER, method = 'GET'): Promise<PlainAnswer> {
  return plainRequest(edges.port, path, { method, headers: { accept } });
}

test.each([
  '/',
  '/?x=1',
  '/index.html',
  '/usage',
  '/organizations/acme/members?tab=2',
  '/usage.html',
  '/Graphql',
  '/sign-in/x',
])('a browser that goes to %s gets the page, and asks for it anew each time', async (path) => {
  const { status, headers, body } = await get(path);
  expect({ status, body }).toEqual({ status: 200, body: PAGE });
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'content-security-policy':
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;font-src 'self';connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
  });
  expect(headers['strict-transport-security']).toBeUndefined();
});

test.each([
  ['/assets/index-Ab12.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
  ['/assets/index-Cd34.css', 'text/css; charset=utf-8', 'public, max-age=31536000, immutable'],
  ['/favicon.svg', 'image/svg+xml', 'no-cache'],
])('%s is served as %s, and kept: %s', async (path, type, lifetime) => {
  const { status, headers } = await get(path, '*/*');
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': type,
    'cache-control': lifetime,
    'x-content-type-options': 'nosniff',
  });
  expect(headers['content-security-policy']).toContain("default-src 'none'");
});

test('a page that has not changed is not sent again', async () => {
  const { headers } = await get('/');
  const again = await plainRequest(edges.port, '/', { headers: { 'if-none-match': String(headers['etag']) } });
  expect(again).toMatchObject({ status: 304, body: '' });
});

test.each([undefined, '*/*', 'application/json', 'text/html;q=0', 'text/*', 'text/htmlx'])(
  'a program that accepts %j is told that there is nothing',
  async (accept) => {
    const answer = await plainRequest(edges.port, '/usage', { headers: { accept } });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  },
);

test('the portal takes no path from anything else', async () => {
  expect((await get('/healthz')).body).not.toContain('portal');
  expect((await get('/graphql')).status).toBe(400);
  expect((await get('/graphiql')).body).toContain('GraphiQL was not built.');
  expect((await get('/graphiql/x')).body).toContain('GraphiQL was not built.');
});

test('nothing is written to its paths, and other methods of others’ paths stay what they were', async () => {
  for (const method of ['POST', 'PUT', 'DELETE']) {
    expect((await get('/usage', BROWSER, method)).status).toBe(404);
    expect((await get('/', BROWSER, method)).status).toBe(405);
    expect((await get('/assets/index-Ab12.js', BROWSER, method)).status).toBe(405);
  }
  expect((await get('/graphql', BROWSER, 'HEAD')).status).toBe(405);
  expect(await get('/usage', BROWSER, 'HEAD')).toMatchObject({ status: 200, body: '' });
});

test.each([
  '/../secret.js',
  '/..%2fsecret.js',
  '/%2e%2e/secret.js',
  '/%2e%2e%2fsecret.js',
  '//../secret.js',
  '/assets/../../secret.js',
  '/assets/..%2f..%2fsecret.js',
  '/assets/..%5c..%5csecret.js',
  '/assets/%00',
  '/assets/index-Ab12.js%00.html',
  '/.vite/manifest.json',
  '/assets/index-Ab12.js.map',
  '/assets/',
  '/assets/gone-Ef56.js',
  '/%',
])('%s leads to no file, in or outside of the directory', async (path) => {
  const answer = await get(path, '*/*');
  expect(answer.status).toBe(404);
  expect(answer.body).not.toContain('never served');
  const page = await get(path);
  expect([200, 404]).toContain(page.status);
  if (page.status === 200) expect(page.body).toBe(PAGE);
});

test('where the portal was not built there is nothing', () => {
  expect(createPortalRoutes(join(directory, 'none'))).toEqual([]);
});

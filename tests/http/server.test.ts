import { PortTakenError } from '../../src/http/server.ts';
import { post, sampleToken, SocketClient, startEdges, until } from '../support/edges.ts';
import type { Edges } from '../support/edges.ts';

const running: Edges[] = [];
async function edgesWith(options: Parameters<typeof startEdges>[0] = {}): Promise<Edges> {
  const edges = await startEdges(options);
  running.push(edges);
  return edges;
}
afterAll(() => Promise.all(running.map(({ server }) => server.drain())));

describe('routes', () => {
  let edges: Edges;
  beforeAll(async () => {
    edges = await edgesWith();
  });

  it('answer GET for queries, and only for queries', async () => {
    const ask = (query: string): Promise<Response> => fetch(`${edges.url}/graphql?query=${encodeURIComponent(query)}`);
    expect(await (await ask('{ hello }')).json()).toEqual({ data: { hello: 'world' } });
    const mutation = await ask('mutation { increment }');
    expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await ask('subscription { silence }')).status).toBe(400);
  });

  it('do not serve subscriptions over POST', async () => {
    const answer = await post(edges, { query: 'subscription { silence }' });
    expect([answer.status, answer.body.errors[0].message]).toEqual([400, expect.stringContaining('WebSocket')]);
  });

  it('say what is not there, and what may be done', async () => {
    const missing = await fetch(`${edges.url}/nothing`);
    const body = (await missing.json()) as { errors: { extensions: { code: string } }[] };
    expect([missing.status, body.errors[0]?.extensions.code]).toEqual([404, 'NOT_FOUND']);
    const wrong = await fetch(`${edges.url}/graphql`, { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, GET']);
    const head = await fetch(`${edges.url}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('answer a preflight', async () => {
    const answer = await fetch(`${edges.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' },
    });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, 'http://localhost:3000']);
    expect(answer.headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it.each([
    'apollographql-client-name,apollographql-client-version,authorization,content-type',
    'traceparent,tracestate,baggage,sentry-trace',
    'x-request-id,x-datadog-trace-id,x-what-comes-next',
  ])('let a page of an allowed origin send what its client adds: %s', async (headers) => {
    const answer = await fetch(`${edges.url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://localhost:3000',
        'access-control-request-method': 'POST',
        'access-control-request-headers': headers,
      },
    });
    const allowed = (answer.headers.get('access-control-allow-headers') ?? '').split(/,\s*/);
    expect(headers.split(',').filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it('give a request its id, or keep its own', async () => {
    expect((await post(edges, { query: '{ hello }' }, { 'x-request-id': 'mine-1' })).headers.get('x-request-id')).toBe(
      'mine-1',
    );
    expect((await post(edges, { query: '{ hello }' })).headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });

  it('never log tokens', async () => {
    const token = await sampleToken({ sub: 'secretive' });
    await post(edges, { query: '{ boom }' }, { authorization: `Bearer ${token}` });
    await post(edges, { query: '{ boom }' }, { authorization: `Bearer ${token}x` });
    expect(edges.logged.join('')).toContain('an operation failed unexpectedly');
    expect(edges.logged.join('')).not.toContain(token.slice(-20));
    expect(edges.logged.join('')).not.toContain('hunter2');
  });
});

describe('health', () => {
  it('is alive always, and ready when all that it needs is there', async () => {
    let reason: string | null = 'cannot reach postgres://tollgate:hunter2@db';
    const check = async (): Promise<void> => {
      if (reason !== null) throw new Error(reason);
    };
    const edges = await edgesWith({ readiness: [{ name: 'database', check }] });
    expect((await fetch(`${edges.url}/healthz`)).status).toBe(200);
    const away = await fetch(`${edges.url}/readyz`);
    expect([away.status, await away.json()]).toEqual([
      503,
      { status: 'unavailable', reasons: { database: 'cannot reach postgres://[redacted]@db' } },
    ]);
    reason = null;
    expect((await fetch(`${edges.url}/readyz`)).status).toBe(200);
  });

  it('shows metrics; in production to the bearer of METRICS_TOKEN only', async () => {
    const open = await edgesWith();
    await post(open, { query: '{ hello }' });
    const text = await (await fetch(`${open.url}/metrics`)).text();
    expect(text).toContain('tollgate_graphql_operation_duration_seconds_count{type="query",outcome="ok"} 1');
    expect(text).toContain('tollgate_http_requests_total{route="/graphql",status="200"} 1');
    const closed = await edgesWith({ config: { mode: 'production', metricsToken: 'a-long-metrics-token' } });
    expect((await fetch(`${closed.url}/metrics`)).status).toBe(401);
    expect(
      (await fetch(`${closed.url}/metrics`, { headers: { authorization: 'Bearer a-wrong-metrics-token' } })).status,
    ).toBe(401);
    expect(
      (await fetch(`${closed.url}/metrics`, { headers: { authorization: 'Bearer a-long-metrics-token' } })).status,
    ).toBe(200);
  });
});

describe('origins in production', () => {
  it('are PUBLIC_URL and CORS_ORIGINS, neither loopback nor where payers come back to', async () => {
    const config = {
      mode: 'production' as const,
      publicUrl: new URL('https://tollgate.example/x'),
      corsOrigins: ['https://app.example'],
      returnOrigins: ['https://shop.example'],
    };
    const edges = await edgesWith({ config });
    const statusFrom = async (origin: string): Promise<number> =>
      (await post(edges, { query: '{ hello }' }, { origin })).status;
    expect(await statusFrom('https://tollgate.example')).toBe(200);
    expect(await statusFrom('https://app.example')).toBe(200);
    expect(await statusFrom('https://shop.example')).toBe(403);
    expect(await statusFrom('http://localhost:3000')).toBe(403);
    expect(await statusFrom('null')).toBe(403);
  });
});

describe('subscriptions', () => {
  let edges: Edges;
  let client: SocketClient;
  beforeAll(async () => {
    edges = await edgesWith();
    client = await new SocketClient(edges.socketUrl).connect(await sampleToken());
  });

  it('bring events in order, then end', async () => {
    client.subscribe('count', 'subscription ($to: Int!) { count(to: $to) }', { to: 5 });
    await client.next(({ id, type }) => id === 'count' && type === 'complete');
    expect(
      client.messages
        .filter(({ id, type }) => id === 'count' && type === 'next')
        .map(({ payload }) => payload.data.count as number),
    ).toEqual([1, 2, 3, 4, 5]);
  });

  it('are refused with a code', async () => {
    const { payload } = await client.run('subscription { forbidden }');
    expect(payload.errors[0].extensions.code).toBe('NOT_FOUND');
    expect(
      (await client.run('subscription ($to: Int!) { count(to: $to) }', {})).payload.errors[0].extensions.code,
    ).toBe('BAD_USER_INPUT');
  });

  it('end with a code when the right to them does, and masked when they fail', async () => {
    for (const [field, code] of [
      ['revoked', 'FORBIDDEN'],
      ['faulty', 'INTERNAL_SERVER_ERROR'],
    ] as const) {
      client.subscribe(field, `subscription { ${field} }`);
      const { payload } = await client.next(({ id, type }) => id === field && type === 'error');
      expect(payload[0].extensions.code).toBe(code);
    }
    expect(JSON.stringify(client.messages)).not.toContain('hunter2');
    await client.close();
  });
});

describe('stopping', () => {
  it('finishes requests in flight, closes sockets with 1001 and takes nothing new', async () => {
    const edges = await startEdges();
    const token = await sampleToken();
    const client = await new SocketClient(edges.socketUrl).connect(token);
    client.subscribe('quiet', 'subscription { silence }');
    client.subscribe('busy', '{ gate }');
    const idle = await new SocketClient(edges.socketUrl).connect(token);
    const request = post(edges, { query: '{ gate }' });
    await until(() => edges.gate.entered === 2);
    const drained = edges.server.drain();
    expect((await idle.closed).code).toBe(1001);
    client.subscribe('late', 'subscription { silence }');
    client.subscribe('tooLate', '{ gate }');
    const refused = await client.next(({ id, type }) => id === 'tooLate' && type === 'error');
    expect(refused.payload[0].extensions).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    await expect(fetch(`${edges.url}/healthz`)).rejects.toThrow();
    edges.gate.open();
    const answer = await request;
    expect([answer.status, answer.body]).toEqual([200, { data: { gate: 'passed' } }]);
    expect((await client.next(({ id, type }) => id === 'busy' && type === 'next')).payload).toEqual({
      data: { gate: 'passed' },
    });
    expect((await client.closed).code).toBe(1001);
    // Clients take either for the end of the stream, and subscribe no more.
    expect(client.messages.filter(({ id }) => id === 'quiet' || id === 'late')).toEqual([]);
    await drained;
  });

  it('does not wait forever', async () => {
    const edges = await startEdges({ env: { DRAIN_TIMEOUT_MS: '200' } });
    const request = post(edges, { query: '{ gate }' }).catch(() => 'cut off');
    const client = await new SocketClient(edges.socketUrl).connect(await sampleToken());
    client.subscribe('busy', '{ gate }');
    await until(() => edges.gate.entered === 2);
    await edges.server.drain();
    expect(await request).toBe('cut off');
    expect((await client.closed).code).toBe(1001);
  });
});

describe('a port that is taken', () => {
  it('is named in one line', async () => {
    const first = await edgesWith();
    const { port } = new URL(first.url);
    const second = startEdges({ env: { PORT: port } });
    await expect(second).rejects.toThrow(PortTakenError);
    await expect(second).rejects.toThrow(new RegExp(`^PORT ${port} is taken on 127\\.0\\.0\\.1[^\n]*$`));
  });
});

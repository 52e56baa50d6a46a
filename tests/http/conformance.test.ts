import { serverAudits } from 'graphql-http';
import { startEdges } from '../support/edges.ts';
import type { Edges } from '../support/edges.ts';

describe('GraphQL over HTTP', () => {
  let edges: Edges;
  beforeAll(async () => {
    edges = await startEdges();
  });
  afterAll(() => edges.server.drain());

  const audits = serverAudits({ url: () => `${edges.url}/graphql`, fetchFn: fetch });
  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s: %s', async (_id, _name, audit) => {
    const result = await audit.fn();
    // 'error' breaks the specification; a warning is advice that has an alternative.
    if (result.status !== 'ok') console.info(`${result.status}: ${result.name}: ${result.reason}`);
    expect(result.status).not.toBe('error');
  });
});

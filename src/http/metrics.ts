import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { OperationObserver } from '../graphql/execution/operations.ts';

/** The metrics of the edges. Other parts register their own on `registry`. */
export interface EdgeMetrics {
  readonly registry: Registry;
  readonly observeOperation: OperationObserver;
  readonly httpRequests: Counter<'route' | 'status'>;
  readonly refusals: Counter<'code'>;
  readonly socketsOpen: Gauge;
  readonly subscriptionsOpen: Gauge;
  /** Sets the source of the number of sockets without an admitted principal. */
  observeUnadmitted(count: () => number): void;
  /** Sets the counter of answers' bytes that wait to be read. */
  readonly unreadBytes: (count: () => number) => void;
}

/** Makes a registry with the process's own figures (unless told not to) and those of the edges. */
export function createMetrics(options: { processMetrics?: boolean } = {}): EdgeMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  const operations = new Histogram({
    name: 'tollgate_graphql_operation_duration_seconds',
    help: 'Time from the start of an execution to its result, by type of operation and whether the result has errors.',
    labelNames: ['type', 'outcome'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  // Looking a child up by its labels on every request would cost more than the observation itself.
  const children = {
    query: { ok: operations.labels('query', 'ok'), error: operations.labels('query', 'error') },
    mutation: { ok: operations.labels('mutation', 'ok'), error: operations.labels('mutation', 'error') },
    subscription: { ok: operations.labels('subscription', 'ok'), error: operations.labels('subscription', 'error') },
  };
  return {
    registry,
    observeOperation: (kind, outcome, seconds) => children[kind][outcome].observe(seconds),
    httpRequests: new Counter({
      name: 'tollgate_http_requests_total',
      help: 'HTTP requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers,
    }),
    refusals: new Counter({
      name: 'tollgate_edge_refusals_total',
      help: 'Requests, operations and sockets that the edges turned away, by code.',
      labelNames: ['code'],
      registers,
    }),
    observeUnadmitted(count) {
      new Gauge({
        name: 'tollgate_sockets_unadmitted',
        help: 'WebSockets open now whose connection_init was not accepted yet.',
        registers,
        collect() {
          this.set(count());
        },
      });
    },
    socketsOpen: new Gauge({ name: 'tollgate_sockets_open', help: 'WebSockets open now.', registers }),
    subscriptionsOpen: new Gauge({
      name: 'tollgate_subscriptions_open',
      help: 'GraphQL subscriptions open now.',
      registers,
    }),
    unreadBytes: (count) =>
      void new Gauge({
        name: 'tollgate_unread_bytes',
        help: 'Bytes of answers that wait in memory for their readers.',
        registers,
        collect() {
          this.set(count());
        },
      }),
  };
}

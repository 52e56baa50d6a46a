/** One load, as the parent process describes it to the generator process. Every load is bounded in time and in number. */
export interface LoadSpec {
  readonly transport: HttpTransport | WebSocketTransport | SqlTransport;
  readonly operation: FixedOperation | ConsumeOperation;
  /** Requests under way at once; each waits for its answer before the next (pipelining 1). */
  readonly concurrency: number;
  /** Arrivals a second, whatever the answers do; null: each answer is followed by the next request. */
  readonly arrivalsPerSecond: number | null;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly maxRequests: number;
}

/** Raw keep-alive connections, as many as there are requests under way. */
export interface HttpTransport {
  readonly kind: 'http';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly authorization: string;
}

/** graphql-transport-ws; the requests under way are spread over the sockets. */
export interface WebSocketTransport {
  readonly kind: 'websocket';
  readonly url: string;
  readonly authorization: string;
  readonly sockets: number;
}

/** One connection to PostgreSQL for each request under way, one prepared statement, no parameters. */
export interface SqlTransport {
  readonly kind: 'sql';
  readonly databaseUrl: string;
  readonly statement: string;
}

/** The same body each time. */
export interface FixedOperation {
  readonly kind: 'fixed';
  readonly body: string;
  /** What a good answer contains. */
  readonly expected: string;
}

/** Consumptions with fresh idempotency keys. */
export interface ConsumeOperation {
  readonly kind: 'consume';
  /** Unique for each load of a database. */
  readonly keyPrefix: string;
  /** Users to draw from at random are `${userPrefix}0` up to `userCount - 1`. */
  readonly userPrefix: string;
  readonly userCount: number;
  /** Consumptions in one request; 1 sends consumeCredits, more consumeCreditsBatch. */
  readonly batchSize: number;
  /** Further members of each input, such as the organization. */
  readonly also: Readonly<Record<string, string>>;
}

/** What came of a load. Times are milliseconds. */
export interface LoadResult {
  /** Requests answered well within the measured time. */
  readonly requests: number;
  readonly measuredMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Over the whole load, warm-up and draining included. */
  readonly errors: number;
  readonly firstError: string | null;
  /** Credits that the server said it charged, over the whole load. */
  readonly acknowledgedCredits: number;
  /** CPU time of the generator itself while measuring: near measuredMs, it was the generator that was measured. */
  readonly generatorCpuMs: number;
}

/** What the generator process tells its parent. */
export type GeneratorMessage =
  | { readonly type: 'measuring' }
  | { readonly type: 'measured' }
  | { readonly type: 'result'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly reason: string };

/** A crowd of subscribers to one account's balance, and the changes that it hears of. */
export interface LiveSpec {
  /** WebSocket addresses of the replicas; subscribers are spread over them evenly. */
  readonly urls: readonly string[];
  readonly authorization: string;
  readonly billingEntityId: string;
  /** Subscribers, each on a socket of its own. */
  readonly subscribers: number;
  /** The changes of the account; null: the server makes its own. */
  readonly changes: Changes | null;
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** Consumptions of one token each, on the first replica. */
export interface Changes {
  readonly authorization: string;
  readonly userExternalId: string;
  readonly perSecond: number;
}

/** Events that arrived in the measured time. */
export interface LiveResult {
  readonly messages: number;
  readonly messagesPerSecond: number;
  /** Age of the commit that an event carries when it arrives. */
  readonly age: Spread;
  /** Time from any commit until its subscriber has it or a later one; null where nothing was committed. */
  readonly delay: Spread | null;
  readonly commits: number;
  readonly errors: number;
  readonly firstError: string | null;
}

/** Milliseconds. */
export interface Spread {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Messages of the crowd's process to the one that started it. */
export type CrowdMessage =
  | { readonly type: 'measuring' }
  | { readonly type: 'measured' }
  | { readonly type: 'result'; readonly result: LiveResult }
  | { readonly type: 'failed'; readonly reason: string };

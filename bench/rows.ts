import { alertedUser, manyUsers, oneUser, poolMember, poolMembers, silentUser, type Users } from './accounts.ts';
import type { HotRead } from './hot-reads.ts';
import type { LoadSpec } from './load/spec.ts';

/** What answers the requests of a row. */
export type Subject = 'bare' | 'apollo-fastify' | 'naive' | 'postgres' | 'tollgate';

/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly what: string;
  readonly subject: Subject;
  readonly transport: 'http' | 'websocket' | 'sql';
  readonly concurrency: number;
  /** Sockets that the requests under way share; WebSocket only. */
  readonly sockets?: number;
  /** Consumptions in one request. */
  readonly batchSize: number;
  /** Users whose accounts pay, or are read; null: the row touches none of ours. */
  readonly users: Users | null;
  /** A read of them; absent: they consume. */
  readonly reads?: HotRead;
  /** Requests arrive evenly, at this share of the best that the named rows reached, whatever the answers do. */
  readonly paced?: { readonly share: number; readonly of: readonly string[] };
}

const yardstick = { batchSize: 1, users: null } as const;
const ours = { subject: 'tollgate', transport: 'http', batchSize: 1, users: oneUser } as const;

/** In the order in which they run: yardsticks first. */
export const rows: readonly Row[] = [
  {
    ...yardstick,
    name: 'bare',
    what: 'bare http, a fixed answer, 64 connections',
    subject: 'bare',
    transport: 'http',
    concurrency: 64,
  },
  {
    ...yardstick,
    name: 'apollo-fastify',
    what: 'stock Apollo on Fastify, «hello», 64 connections',
    subject: 'apollo-fastify',
    transport: 'http',
    concurrency: 64,
  },
  {
    ...yardstick,
    name: 'naive',
    what: 'one naive transaction per request, one account, 64 connections',
    subject: 'naive',
    transport: 'http',
    concurrency: 64,
  },
  {
    ...yardstick,
    name: 'hot-row-16',
    what: 'one prepared statement on a hot row, 16 clients',
    subject: 'postgres',
    transport: 'sql',
    concurrency: 16,
  },
  {
    ...yardstick,
    name: 'hot-row-1',
    what: 'the same, a lone client',
    subject: 'postgres',
    transport: 'sql',
    concurrency: 1,
  },
  { ...ours, name: 'http-1', what: 'consumeCredits, one account, a lone connection', concurrency: 1 },
  { ...ours, name: 'http-64', what: 'consumeCredits, one account, 64 connections', concurrency: 64 },
  {
    ...ours,
    name: 'silent-64',
    what: 'the same with every alert silenced',
    concurrency: 64,
    users: silentUser,
  },
  {
    ...ours,
    name: 'alerted-64',
    what: 'the same with 50 thresholds of alerts',
    concurrency: 64,
    users: alertedUser,
  },
  { ...ours, name: 'http-256', what: 'consumeCredits, one account, 256 connections', concurrency: 256 },
  {
    ...ours,
    name: 'websocket-64',
    what: 'consumeCredits over WebSocket, 64 in flight on 4 sockets',
    transport: 'websocket',
    concurrency: 64,
    sockets: 4,
  },
  {
    ...ours,
    name: 'batch-100',
    what: 'consumeCreditsBatch of 100, one account, 8 connections',
    concurrency: 8,
    batchSize: 100,
  },
  {
    ...ours,
    name: 'accounts-10000',
    what: 'consumeCredits, 10 000 accounts, 64 connections',
    concurrency: 64,
    users: manyUsers,
  },
  {
    ...ours,
    name: 'pool-64',
    what: 'consumeCredits, one pool, a member with a limit on a key with one, 64 connections',
    concurrency: 64,
    users: poolMember,
  },
  {
    ...ours,
    name: 'pool-of-20',
    what: 'the same with 20 members',
    concurrency: 64,
    users: poolMembers,
  },
  {
    ...ours,
    name: 'check-64',
    what: 'checkUsage of the same member, 64 connections',
    concurrency: 64,
    users: poolMember,
    reads: 'check',
  },
  {
    ...ours,
    name: 'balance-64',
    what: 'a balance by its id, 64 connections',
    concurrency: 64,
    users: poolMember,
    reads: 'balance',
  },
  {
    ...ours,
    name: 'paced',
    what: 'consumeCredits, one account, arriving at half of the top rate',
    concurrency: 256,
    paced: { share: 0.5, of: ['http-64', 'http-256'] },
  },
];

/** The rows that `--only` names, and one that they are paced by. @throws when a name fits none. */
export function selectRows(only: readonly string[]): readonly Row[] {
  if (only.length === 0) return rows;
  const fits = (row: Row, name: string): boolean =>
    row.name === name || (row.name.startsWith(name) && !rows.some((other) => other.name === name));
  const unknown = only.find((name) => !rows.some((row) => fits(row, name)));
  if (unknown !== undefined) {
    throw new Error(`There is no row «${unknown}». Rows: ${rows.map((row) => row.name).join(', ')}.`);
  }
  const selected = rows.filter((row) => only.some((name) => fits(row, name)));
  const pacers = selected.map((row) => row.paced?.of[0]);
  return rows.filter((row) => selected.includes(row) || pacers.includes(row.name));
}

/** No load sends more requests than this, whatever its time. */
export const maxRequests = 5_000_000;

/** What yardsticks over HTTP are asked. */
export const helloOperation: LoadSpec['operation'] = {
  kind: 'fixed',
  body: '{"query":"{ hello }"}',
  expected: '"hello":"world"',
};

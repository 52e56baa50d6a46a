import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { announce } from './announce.ts';

// Stock graphql-ws on ws, as its documentation sets it up: the same balance, ten times a second, to everybody.
const schema = buildSchema(`
  type Query { hello: String! }
  type Subscription { balanceUpdated(billingEntityId: ID!): CreditBalance! }
  type CreditBalance {
    billingEntityId: ID! available: Int! held: Int! used: Int! allowance: Int! overage: Int! owed: Int! usedRatio: Float! version: Int! asOf: String!
  }
`);

interface Waiting {
  resolve(result: IteratorResult<unknown>): void;
}
const waiting = new Set<Waiting>();
let version = 1;

setInterval(() => {
  version += 1;
  const event = { done: false, value: { balanceUpdated: balance() } } as const;
  const served = [...waiting];
  waiting.clear();
  for (const one of served) one.resolve(event);
}, 100);

function balance(): Record<string, unknown> {
  const used = version;
  const moving = { available: 1_000_000 - used, used, usedRatio: used / 1_000_000, version };
  const still = { billingEntityId: '01890000-0000-7000-8000-000000000000', held: 0, allowance: 1_000_000 };
  return { ...still, ...moving, overage: 0, owed: 0, asOf: new Date().toISOString() };
}

const roots = {
  balanceUpdated: (): AsyncIterableIterator<unknown> => {
    let isFirst = true;
    let last: Waiting | null = null;
    return {
      next: () => {
        if (isFirst) {
          isFirst = false;
          return Promise.resolve({ done: false, value: { balanceUpdated: balance() } });
        }
        return new Promise((resolve) => waiting.add((last = { resolve })));
      },
      return: () => {
        if (last !== null) waiting.delete(last);
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  },
};

const http = createServer();
const sockets = new WebSocketServer({ server: http, path: '/graphql', perMessageDeflate: false });
useServer({ schema, roots: { subscription: roots } }, sockets);
http.listen(0, '127.0.0.1', () => announce(http));

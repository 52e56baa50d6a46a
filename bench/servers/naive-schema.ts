import {
  GraphQLEnumType,
  GraphQLInt,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
} from 'graphql';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

interface ConsumeArguments {
  readonly input: { readonly idempotencyKey: string; readonly lines: readonly { readonly quantity: number }[] };
}

/** The same operation as ours, of the same shape, so that the same requests can be sent to it. */
export function createNaiveSchema(pool: Pool): GraphQLSchema {
  const required = (type: GraphQLObjectType | GraphQLUnionType | typeof GraphQLInt | typeof GraphQLString) => ({
    type: new GraphQLNonNull(type),
  });
  const balance = new GraphQLObjectType({
    name: 'CreditBalance',
    fields: { available: required(GraphQLInt), used: required(GraphQLInt), version: required(GraphQLInt) },
  });
  const success = new GraphQLObjectType({
    name: 'ConsumeCreditsSuccess',
    fields: { credits: required(GraphQLInt), balance: required(balance) },
  });
  const refused = new GraphQLObjectType({
    name: 'UsageRefused',
    fields: { reason: required(GraphQLString), message: required(GraphQLString) },
  });
  const rejected = new GraphQLObjectType({
    name: 'UsageRejected',
    fields: { code: required(GraphQLString), message: required(GraphQLString) },
  });
  const result = new GraphQLUnionType({
    name: 'ConsumeCreditsResult',
    types: [success, refused, rejected],
    // Ours is never refused here: there is plenty.
    resolveType: () => 'ConsumeCreditsSuccess',
  });
  const resource = new GraphQLEnumType({ name: 'UsageResource', values: { AI_TOKENS: {}, COMPUTE: {} } });
  const line = new GraphQLInputObjectType({
    name: 'UsageLineInput',
    fields: { resource: { type: new GraphQLNonNull(resource) }, quantity: { type: new GraphQLNonNull(GraphQLInt) } },
  });
  const input = new GraphQLInputObjectType({
    name: 'ConsumeCreditsInput',
    fields: {
      idempotencyKey: { type: new GraphQLNonNull(GraphQLString) },
      userExternalId: { type: GraphQLString },
      lines: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(line))) },
    },
  });
  return new GraphQLSchema({
    query: new GraphQLObjectType({
      name: 'Query',
      fields: { hello: { ...required(GraphQLString), resolve: () => 'world' } },
    }),
    mutation: new GraphQLObjectType({
      name: 'Mutation',
      fields: {
        consumeCredits: {
          type: new GraphQLNonNull(result),
          args: { input: { type: new GraphQLNonNull(input) } },
          resolve: (_, args) => consume(pool, args as ConsumeArguments),
        },
      },
    }),
  });
}

/** One transaction for each request: what one writes first, and correct as far as it goes. */
async function consume(pool: Pool, { input }: ConsumeArguments) {
  const quantity = input.lines.reduce((sum, line) => sum + line.quantity, 0);
  const credits = Math.floor((quantity * 100) / 1000);
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const locked = await client.query<{ balance: string; version: string }>({
      name: 'lock',
      text: 'SELECT balance, version FROM yardstick.account WHERE id = 2 FOR UPDATE',
    });
    const before = Number(locked.rows[0]?.balance);
    const version = Number(locked.rows[0]?.version) + 1;
    const available = before - credits;
    if (!(available >= 0)) throw new Error('Nothing is left.');
    await client.query({
      name: 'record',
      text: 'INSERT INTO yardstick.usage_record (id, account_id, idempotency_key, quantity, credits) VALUES ($1, 2, $2, $3, $4)',
      values: [randomUUID(), input.idempotencyKey, quantity, credits],
    });
    await client.query({
      name: 'entry',
      text: 'INSERT INTO yardstick.ledger_entry (account_id, sequence, amount, balance_before, balance_after) VALUES (2, $1, $2, $3, $4)',
      values: [version, -credits, before, available],
    });
    await client.query({
      name: 'update',
      text: 'UPDATE yardstick.account SET balance = $1, version = $2 WHERE id = 2',
      values: [available, version],
    });
    await client.query('COMMIT');
    return {
      credits,
      balance: { available: available % 2 ** 31, used: version % 2 ** 31, version: version % 2 ** 31 },
    };
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

import type { Users } from './accounts.ts';
import type { FixedOperation } from './load/spec.ts';

/** Reads that a platform makes all day: if a use would be admitted, and a balance. */
export type HotRead = 'check' | 'balance';

/** Users and their payer, who are asked about. */
interface Asked {
  readonly users: Users;
  /** Members that name the pool in each use; none: the users pay themselves. */
  readonly pool: Readonly<Record<string, string>>;
  /** The billing entity that pays. */
  readonly payerId: string;
}

/** The request that a load of reads repeats. */
export function hotRead(read: HotRead, { users, pool, payerId }: Asked): FixedOperation {
  if (read === 'balance') {
    return fixed('query Balance($id: ID!) { billingEntity(id: $id) { credits { available } } }', {
      variables: { id: payerId },
      expected: '"available":',
    });
  }
  const input = { userExternalId: `${users.prefix}0`, lines: [{ resource: 'AI_TOKENS', quantity: 10 }], ...pool };
  return fixed('query Check($input: CheckUsageInput!) { checkUsage(input: $input) { allowed credits } }', {
    variables: { input },
    expected: '"allowed":true',
  });
}

function fixed(query: string, { variables, expected }: { variables: object; expected: string }): FixedOperation {
  return { kind: 'fixed', body: JSON.stringify({ query, variables }), expected };
}

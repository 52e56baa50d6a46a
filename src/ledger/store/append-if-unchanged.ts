/** A ledger transaction of one statement: what was decided on remembered accounts is written where they are as they were. */
import type { ClientBase } from 'pg';
import { isIn, scopeOf } from './statements.ts';
import type { Column } from './table.ts';
import {
  ACCOUNT_STAMPED,
  type Changes,
  combined,
  type Part,
  part,
  type Place,
  rowsOf,
  type Stamped,
  stamped,
  typed,
  unnested,
} from './write-parts.ts';

/** Conditions under which what was decided on remembered accounts is written. */
export interface Guard {
  /** The stamp that each of the accounts must have. */
  readonly known: ReadonlyMap<string, string>;
  /** Keys that must not have had an effect, and the accounts under which they may have had one (rule 20). */
  readonly keys: readonly { readonly payerId: string; readonly billingEntityId: string; readonly key: string }[];
  /** Users who must not be suspended. */
  readonly users: readonly { readonly payerId: string; readonly userId: string }[];
}

/**
 * Writes the changes of every account for which the guard holds, in a transaction of this one statement. Of an account for
 * which it does not hold nothing is written.
 * @returns the accounts for which it held
 */
export async function appendIfUnchanged(
  client: ClientBase,
  changes: Changes,
  { known, keys, users }: Guard,
): Promise<ReadonlySet<string>> {
  const { scope, entities } = scopeOf(changes.accounts.map((each) => each.billingEntityId));
  const rows = stamped(changes).map((row) => ({ ...row, known: known.get(row.account.billingEntityId) as string }));
  const parts = [
    ...part('keys', KEYS_GUARDED, keys, keysKnown),
    ...part('users', USERS_GUARDED, users, usersSuspended),
    ...(scope === 'many' ? [LOCKED] : []),
    ...part('guard', ACCOUNT_GUARDED, rows, (place, first) =>
      guarded(place, { first, keys: keys.length > 0, users: users.length > 0 }),
    ),
    ...rowsOf(changes),
    HELD,
  ];
  const values = [entities, ...parts.flatMap((each) => each.parameters)];
  const statement = combined({ scope, isGuarded: true }, parts);
  const { rows: held } = await client.query<{ billing_entity_id: string }>({ ...statement, values });
  return new Set(held.map((row) => row.billing_entity_id));
}

const ACCOUNT_GUARDED: readonly Column<Stamped & { readonly known: string }>[] = [
  ...ACCOUNT_STAMPED,
  ['known', 'uuid', ({ known }) => known],
];
const KEYS_GUARDED: readonly Column<Guard['keys'][number]>[] = [
  ['payer_id', 'uuid', ({ payerId }) => payerId],
  ['billing_entity_id', 'uuid', ({ billingEntityId }) => billingEntityId],
  ['key', 'text', ({ key }) => key],
];
const USERS_GUARDED: readonly Column<Guard['users'][number]>[] = [
  ['payer_id', 'uuid', ({ payerId }) => payerId],
  ['user_id', 'uuid', ({ userId }) => userId],
];

/**
 * Payers of commands whose keys had an effect: one probe each. A kept plan must never read the entries of an account for a key.
 * The index of keys alone has them in this order, so that on connections which do not sort no plan can use another.
 */
function keysKnown(_place: Place, first: number): string {
  return `select distinct r.payer_id from ${unnested(KEYS_GUARDED, first)} cross join lateral (
      select from ledger_entry e where e.billing_entity_id = r.billing_entity_id
        and e.idempotency_key >= r.key and e.idempotency_key <= r.key and e.billing_entity_id = any($${first + 1}::uuid[])
      order by e.idempotency_key limit 1
    ) e`;
}

/** Payers of commands whose users are suspended. */
function usersSuspended(_place: Place, first: number): string {
  return `select distinct r.payer_id from ${unnested(USERS_GUARDED, first)} cross join lateral (
      select from billing_entity b where b.billing_entity_id = r.user_id and b.suspended_at is not null
        and b.billing_entity_id = any($${first + 1}::uuid[]) limit 1
    ) b`;
}

/** Several accounts are locked in the order of their ids, as everybody locks them. */
const LOCKED: Part = {
  name: 'locked',
  parameters: [],
  clause: ({ scope }) => `select a.billing_entity_id, a.stamp from credit_account a
    where a.billing_entity_id ${isIn(scope)} order by a.billing_entity_id for no key update of a`,
};

/**
 * Updates the accounts that have the stamp, once a lock that somebody holds is let go of. What the statement sees of other
 * tables is as of its beginning: whatever of the payer's own was committed since has changed the stamp.
 */
function guarded(
  { scope }: Place,
  { first, keys, users }: { readonly first: number; readonly keys: boolean; readonly users: boolean },
): string {
  const assignments = ACCOUNT_STAMPED.filter(([name]) => name !== 'billing_entity_id').map(
    ([name, type]) => `${name} = ${typed(name, type)}`,
  );
  const locked = scope === 'many' ? ' join part_locked l on l.billing_entity_id = r.billing_entity_id' : '';
  const without = (name: string): string =>
    ` and not exists (select from part_${name} p where p.payer_id = r.billing_entity_id)`;
  return `update credit_account t set ${assignments.join(', ')}
    from ${unnested(ACCOUNT_GUARDED, first)}${locked}
    where t.billing_entity_id ${isIn(scope)} and t.billing_entity_id = r.billing_entity_id
      and ${scope === 'many' ? 'l' : 't'}.stamp = r.known${keys ? without('keys') : ''}${users ? without('users') : ''}
    returning t.billing_entity_id`;
}

const HELD: Part = { name: 'held', parameters: [], clause: () => 'select g.billing_entity_id from part_guard g' };

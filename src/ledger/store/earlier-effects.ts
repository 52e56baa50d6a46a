/** Effects that keys already had, with what decides to whom they are told: loaded under the locks, and only where there are any. */
import type { ClientBase } from 'pg';
import { arrayLiteral } from '../../db/array-literal.ts';
import { allowanceOf, usedRatio } from '../rules/account.ts';
import { type EarlierEffect, EarlierEffects, keyName } from '../rules/answered-again.ts';
import type { Balance } from '../rules/balance.ts';
import { accountsOfKey, type Command, type SenderMembership } from '../rules/commands.ts';
import { all, isIn, prepared, scopeOf } from './statements.ts';
import type { EntryKind } from '../rules/entries.ts';

/** A key that had an effect, as its look-up finds it. */
export type KnownKey = Pick<EarlierEffect, 'billingEntityId' | 'key' | 'sequence' | 'fingerprint' | 'actor'>;

/**
 * One probe each of what an effect left and for whom it was. Of an entry that is older than what is kept of commands, the
 * entry that charged counts as the last, and its charge as all that was used.
 */
const EFFECTS = prepared(
  'effects',
  (
    scope,
  ) => `select k.billing_entity_id, k.sequence, f.kind, f.created_at, f.used_after, f.allowance_after, f.version_after,
      l.sequence as last_sequence, l.available_after, l.held_after, l.overage_after, l.owed_after,
      coalesce(h.user_id, u.user_id) as user_id, u.charged
    from unnest($2::uuid[], $3::bigint[]) as k(billing_entity_id, sequence)
    cross join lateral (
      select e.*, e.sequence + case e.kind when 'RELEASE' then 1 else 0 end as charging from ledger_entry e
      where e.billing_entity_id = k.billing_entity_id and e.sequence = k.sequence and e.billing_entity_id ${isIn(scope)}
      limit 1
    ) f
    cross join lateral (
      select e.sequence, e.available_after, e.held_after, e.overage_after, e.owed_after from ledger_entry e
      where e.billing_entity_id = k.billing_entity_id and e.sequence = coalesce(f.last_sequence, f.charging)
        and e.billing_entity_id ${isIn(scope)}
      limit 1
    ) l
    cross join lateral (
      select (array_agg(r.user_id))[1] as user_id, coalesce(sum(r.credits), 0)::bigint as charged from usage_record r
      where r.billing_entity_id = k.billing_entity_id and r.sequence = f.charging and r.billing_entity_id ${isIn(scope)}
    ) u
    left join lateral (
      select h.user_id from reservation h
      where h.billing_entity_id = k.billing_entity_id and h.id = f.reservation_id and h.billing_entity_id ${isIn(scope)}
      limit 1
    ) h on true`,
);

interface EarlierEffectRow {
  billing_entity_id: string;
  sequence: bigint;
  kind: EntryKind;
  created_at: Date;
  used_after: bigint | null;
  allowance_after: bigint | null;
  version_after: bigint | null;
  last_sequence: bigint;
  available_after: bigint;
  held_after: bigint;
  overage_after: bigint;
  owed_after: bigint;
  user_id: string | null;
  charged: bigint;
}

const MEMBERSHIPS = {
  name: 'memberships-of-callers',
  text: `select m.* from unnest($1::uuid[], $2::uuid[]) as k(billing_entity_id, user_id)
    cross join lateral (
      select m.billing_entity_id, m.user_id, m.role, m.status from membership m
      where m.billing_entity_id = k.billing_entity_id and m.user_id = k.user_id and m.billing_entity_id = any($1)
        and m.status <> 'INVITED' limit 1
    ) m`,
};

interface MembershipRow extends SenderMembership {
  billing_entity_id: string;
  user_id: string;
}

/** Asks nothing for keys that are new, nor where who retries sees the account whatever they belong to. */
export async function loadEarlierEffects(
  client: ClientBase,
  commands: readonly Command[],
  known: readonly KnownKey[],
): Promise<EarlierEffects> {
  const questions = questionsOf(commands, known);
  const effects = [...questions.effects.values()];
  const pairs = [...questions.memberships.values()];
  const { scope, entities } = scopeOf([...new Set(effects.map(({ billingEntityId }) => billingEntityId))]);
  const [details, memberships] = await all([
    effects.length === 0
      ? null
      : client.query<EarlierEffectRow>({
          ...EFFECTS[scope],
          values: [
            entities,
            arrayLiteral(effects.map(({ billingEntityId }) => billingEntityId)),
            arrayLiteral(effects.map(({ sequence }) => sequence)),
          ],
        }),
    pairs.length === 0
      ? null
      : client.query<MembershipRow>({
          ...MEMBERSHIPS,
          values: [arrayLiteral(pairs.map(([id]) => id)), arrayLiteral(pairs.map(([, id]) => id))],
        }),
  ]);
  const detailOf = new Map((details?.rows ?? []).map((row) => [`${row.billing_entity_id} ${row.sequence}`, row]));
  const membershipOf = new Map(
    (memberships?.rows ?? []).map((row) => [`${row.billing_entity_id} ${row.user_id}`, row]),
  );
  return new EarlierEffects(
    known.map((each) => {
      const row = detailOf.get(`${each.billingEntityId} ${each.sequence}`);
      return { ...each, userId: row?.user_id ?? null, balance: row ? balanceThen(row) : null };
    }),
    (sender, billingEntityId) =>
      sender?.sees(billingEntityId, membershipOf.get(`${billingEntityId} ${sender.entityId ?? ''}`) ?? null) ?? false,
  );
}

/** Questions that are left after the keys' look-up: effects of which more must be known, and memberships of callers. */
function questionsOf(
  commands: readonly Command[],
  known: readonly KnownKey[],
): {
  readonly effects: ReadonlyMap<string, KnownKey>;
  readonly memberships: ReadonlyMap<string, readonly [organizationId: string, userId: string]>;
} {
  const knownBy = new Map(known.map((each) => [keyName(each.billingEntityId, each.key), each]));
  // What one command of the transaction does may be the answer to another.
  const carriers = new Map<string, number>();
  for (const { billingEntityId, idempotency } of commands) {
    if (idempotency === null) continue;
    const name = keyName(billingEntityId, idempotency.key);
    carriers.set(name, (carriers.get(name) ?? 0) + 1);
  }
  const effects = new Map<string, KnownKey>();
  const memberships = new Map<string, readonly [string, string]>();
  for (const command of commands) {
    const { idempotency, sender } = command;
    if (idempotency === null) continue;
    const names = accountsOfKey(command).map((id) => [id, keyName(id, idempotency.key)] as const);
    const hits = names.filter(([, name]) => knownBy.has(name)).length;
    names.forEach(([id, name], index) => {
      const isFirst = index === 0;
      const effect = knownBy.get(name);
      const twins = (carriers.get(name) ?? 0) - (isFirst ? 1 : 0);
      if (effect === undefined && twins === 0) return;
      const isSeen = sender?.sees(id, null) ?? false;
      if (effect !== undefined && (!isSeen || hits > 1)) effects.set(name, effect);
      const entityId = sender?.isPerson === true ? sender.entityId : null;
      if (!isSeen && entityId !== null) memberships.set(`${id} ${entityId}`, [id, entityId]);
    });
  }
  return { effects, memberships };
}

function balanceThen(row: EarlierEffectRow): Balance {
  const [available, held, overage] = [row.available_after, row.held_after, row.overage_after];
  const used = row.used_after ?? row.charged;
  const allowance = row.allowance_after ?? allowanceOf({ available, held, used, overage, owedThisPeriod: 0n });
  return {
    billingEntityId: row.billing_entity_id,
    available,
    held,
    used,
    allowance,
    overage,
    owed: row.owed_after,
    usedRatio: usedRatio(used, allowance),
    version: row.version_after ?? row.last_sequence,
    sequence: row.last_sequence,
    asOf: row.created_at,
  };
}

/** The context of use: the state of user, organization and key besides the payer, read by the ledger under its locks or for a check. */
import type { QueryResult, QueryResultRow } from 'pg';
import { arrayLiteral } from '../../db/array-literal.ts';
import type { OrganizationVisibility, UsageContext } from '../rules/usage-context.ts';
import {
  type CounterChange,
  counterName,
  type CounterKey,
  countersOf,
  tally,
  type UseCounter,
} from '../rules/spend-limits.ts';
import { COUNTER_COLUMNS, type CounterRow, toCounter } from './tables.ts';
import type { ApiKeyRef, BillingMode, UsedBy } from '../rules/attribution.ts';

interface PartyRow {
  billing_entity_id: string;
  external_id: string;
  visibility: OrganizationVisibility | null;
  suspended: boolean;
}

interface MembershipRow {
  billing_entity_id: string;
  user_id: string;
  status: 'ACTIVE' | 'SUSPENDED';
  credit_limit: bigint | null;
}

interface ApiKeyRow {
  billing_entity_id: string;
  id: string;
  billing_mode: BillingMode;
  credit_limit: bigint | null;
  expires_at: Date | null;
  revoked_at: Date | null;
}

const PARTIES = {
  name: 'parties',
  text: `select b.billing_entity_id, b.external_id, b.visibility, b.suspended_at is not null as suspended
    from billing_entity b where b.billing_entity_id = any($1::uuid[])`,
};

// One probe of each table's primary key for each that is asked about: no plan can come to read more.
const MEMBERSHIPS = {
  name: 'memberships-of-use',
  text: `select m.* from unnest($1::uuid[], $2::uuid[]) as k(billing_entity_id, user_id)
    cross join lateral (
      select m.billing_entity_id, m.user_id, m.status, m.credit_limit from membership m
      where m.billing_entity_id = k.billing_entity_id and m.user_id = k.user_id and m.billing_entity_id = any($1)
        and m.status <> 'INVITED' limit 1
    ) m`,
};
const API_KEYS = {
  name: 'api-keys-of-use',
  text: `select a.* from unnest($1::uuid[], $2::uuid[]) as k(billing_entity_id, id)
    cross join lateral (
      select a.billing_entity_id, a.id, a.billing_mode, a.credit_limit, a.expires_at, a.revoked_at from api_key a
      where a.billing_entity_id = k.billing_entity_id and a.id = k.id and a.billing_entity_id = any($1) limit 1
    ) a`,
};
const COUNTERS = {
  name: 'counters-of-use',
  text: `select c.* from unnest($1::uuid[], $2::text[], $3::uuid[]) as k(billing_entity_id, scope, subject_id)
    cross join lateral (
      select ${COUNTER_COLUMNS} from use_counter c
      where c.billing_entity_id = k.billing_entity_id and c.scope = k.scope and c.subject_id = k.subject_id
        and c.billing_entity_id = any($1) limit 1
    ) c`,
};

/** Sends one statement. */
type Query = <Row extends QueryResultRow>(statement: {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}) => Promise<QueryResult<Row>>;

/** At whose expense, and by whom. */
export interface NamedUse extends UsedBy {
  readonly billingEntityId: string;
}

/** Uses with one name ask about the same parties, so that they have the same context. */
export function nameOfUse({ billingEntityId, userId, organizationId, apiKey }: NamedUse): string {
  return `${billingEntityId} ${userId} ${organizationId} ${apiKey?.billingEntityId} ${apiKey?.id}`;
}

/** Asks for all that these uses name: at most four statements, and none where nobody but the payer is named. */
export function loadUsageContexts(uses: readonly NamedUse[], query: Query): Promise<UsageContexts> {
  const parties = new Set<string>();
  const memberships = new Map<string, [organizationId: string, userId: string]>();
  const apiKeys = new Map<string, ApiKeyRef>();
  const counters = new Map<string, CounterKey>();
  for (const use of uses) {
    const { billingEntityId, userId, organizationId, apiKey } = use;
    if (userId !== null && userId !== billingEntityId) parties.add(userId);
    if (organizationId !== null) parties.add(organizationId);
    // A pool asks what its users may use, and a public organization's key whom it may name.
    const isAsked = organizationId === billingEntityId || apiKey?.billingEntityId === organizationId;
    if (isAsked && organizationId !== null && userId !== null) {
      memberships.set(`${organizationId} ${userId}`, [organizationId, userId]);
    }
    if (apiKey !== null) apiKeys.set(apiKey.id, apiKey);
    for (const counter of countersOf(billingEntityId, use)) {
      if (counter.scope !== 'ORGANIZATION') counters.set(counterName(counter), counter);
    }
  }
  const ask = async <Row extends QueryResultRow>(
    statement: { readonly name: string; readonly text: string },
    columns: readonly (readonly string[])[],
  ): Promise<Row[]> =>
    columns[0]?.length === 0 ? [] : (await query<Row>({ ...statement, values: columns.map(arrayLiteral) })).rows;
  const pairs = [...memberships.values()];
  const keys = [...apiKeys.values()];
  const counted = [...counters.values()];
  return Promise.all([
    ask<PartyRow>(PARTIES, [[...parties]]),
    ask<MembershipRow>(MEMBERSHIPS, [pairs.map(([id]) => id), pairs.map(([, id]) => id)]),
    ask<ApiKeyRow>(API_KEYS, [keys.map((key) => key.billingEntityId), keys.map((key) => key.id)]),
    ask<CounterRow>(COUNTERS, [
      counted.map((key) => key.billingEntityId),
      counted.map((key) => key.scope),
      counted.map((key) => key.subjectId),
    ]),
  ]).then((rows) => new UsageContexts(...rows));
}

/** A reservation with the limit of the member who uses the pool by it. Nulls: there is no such limit, or nothing was counted yet. */
export interface LimitedReservationRow {
  readonly billing_entity_id: string;
  readonly user_id: string | null;
  readonly member_status: 'ACTIVE' | 'SUSPENDED' | null;
  readonly credit_limit: bigint | null;
  readonly counted_from: Date | null;
  readonly counted_used: bigint | null;
  readonly counted_held: bigint | null;
  readonly alerted: number | null;
}

/** The limits of members that settlements of their reservations come to, with what counts against them. */
export function limitsOfReservations(rows: readonly LimitedReservationRow[]): UsageContexts {
  const memberships: MembershipRow[] = [];
  const counters: CounterRow[] = [];
  for (const row of rows) {
    const { billing_entity_id, user_id, member_status: status, credit_limit, counted_from: period_start } = row;
    if (user_id === null || status === null) continue;
    memberships.push({ billing_entity_id, user_id, status, credit_limit });
    if (period_start === null) continue;
    const counted = { used: row.counted_used ?? 0n, held: row.counted_held ?? 0n, alerted: row.alerted ?? 0 };
    counters.push({ billing_entity_id, scope: 'MEMBER', subject_id: user_id, period_start, ...counted });
  }
  return new UsageContexts([], memberships, [], counters);
}

/** Answers for each use what holds now; what is counted meanwhile counts. */
export class UsageContexts {
  readonly #parties: Map<string, PartyRow>;
  readonly #memberships: Map<string, MembershipRow>;
  readonly #apiKeys: Map<string, ApiKeyRow>;
  readonly #counters: Map<string, UseCounter>;

  constructor(
    parties: readonly PartyRow[],
    memberships: readonly MembershipRow[],
    apiKeys: readonly ApiKeyRow[],
    counters: readonly CounterRow[],
  ) {
    this.#parties = new Map(parties.map((row) => [row.billing_entity_id, row]));
    this.#memberships = new Map(memberships.map((row) => [`${row.billing_entity_id} ${row.user_id}`, row]));
    this.#apiKeys = new Map(apiKeys.map((row) => [`${row.billing_entity_id} ${row.id}`, row]));
    this.#counters = new Map(counters.map((row) => [counterName(toCounter(row)), toCounter(row)]));
  }

  of(use: NamedUse, wallClock: Date): UsageContext {
    const { billingEntityId, userId, organizationId, apiKey } = use;
    const organization = organizationId === null ? undefined : this.#parties.get(organizationId);
    const isSuspended = (id: string | null): boolean => id !== null && this.#parties.get(id)?.suspended === true;
    const named = this.#memberships.get(`${organizationId} ${userId}`);
    const membership = organizationId === billingEntityId ? named : undefined;
    const key = apiKey === null ? undefined : this.#apiKeys.get(`${apiKey.billingEntityId} ${apiKey.id}`);
    return {
      suspended: isSuspended(userId) || isSuspended(organizationId),
      visibility: organization?.visibility ?? null,
      organizationExternalId: organization?.external_id ?? null,
      membership: membership
        ? {
            status: membership.status,
            creditLimit: membership.credit_limit,
            counter: this.#counter({ billingEntityId, scope: 'MEMBER', subjectId: membership.user_id }),
          }
        : null,
      isNamedByOwnKey:
        organizationId !== billingEntityId && apiKey?.billingEntityId === organizationId && named?.status === 'ACTIVE',
      apiKey: key
        ? {
            status: key.revoked_at !== null ? 'REVOKED' : hasExpired(key, wallClock) ? 'EXPIRED' : 'ACTIVE',
            billingMode: key.billing_mode,
            creditLimit: key.credit_limit,
            counter: this.#counter({ billingEntityId, scope: 'API_KEY', subjectId: key.id }),
          }
        : null,
    };
  }

  /** The part of it that these uses ask for. */
  about(uses: readonly NamedUse[]): UsageContexts {
    const part = new UsageContexts([], [], [], []);
    for (const use of uses) {
      const { billingEntityId, userId, organizationId, apiKey } = use;
      for (const id of [userId, organizationId]) copy(this.#parties, part.#parties, id);
      copy(this.#memberships, part.#memberships, `${organizationId} ${userId}`);
      copy(this.#apiKeys, part.#apiKeys, apiKey && `${apiKey.billingEntityId} ${apiKey.id}`);
      for (const counter of countersOf(billingEntityId, use)) {
        copy(this.#counters, part.#counters, counterName(counter));
      }
    }
    return part;
  }

  /** Tells if this party is known, and not as suspended. */
  isFree(id: string): boolean {
    return this.#parties.get(id)?.suspended === false;
  }

  /** Adds what was asked for later, of the same transaction. */
  add(later: UsageContexts): void {
    for (const [name, row] of later.#parties) this.#parties.set(name, row);
    for (const [name, row] of later.#memberships) this.#memberships.set(name, row);
    for (const [name, row] of later.#apiKeys) this.#apiKeys.set(name, row);
    for (const [name, row] of later.#counters) this.#counters.set(name, row);
  }

  /** Notes what one command of the transaction counted, for those that come after it. */
  count(changes: readonly CounterChange[]): void {
    tally(this.#counters, changes);
  }

  #counter(key: CounterKey): UseCounter | undefined {
    return this.#counters.get(counterName(key));
  }
}

function copy<Value>(from: ReadonlyMap<string, Value>, into: Map<string, Value>, name: string | null): void {
  const value = name === null ? undefined : from.get(name);
  if (name !== null && value !== undefined) into.set(name, value);
}

function hasExpired({ expires_at: expiresAt }: ApiKeyRow, wallClock: Date): boolean {
  return expiresAt !== null && expiresAt <= wallClock;
}

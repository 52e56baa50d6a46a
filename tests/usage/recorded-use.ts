/** Use of one account by several people, as it is recorded by the ledger; and what of it a filter should leave. */
import fc from 'fast-check';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../src/ledger/rules/commands.ts';
import { RATES, type Resource } from '../../src/plans/rates.ts';
import type { DomainServices } from '../../src/services.ts';
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import type { UseFilter, UseOf } from '../../src/usage/use-filter.ts';
import type { BillingMode } from '../../src/ledger/rules/attribution.ts';
import type { UsageRecord } from '../../src/ledger/rules/entries.ts';

const MINUTE_MS = 60_000;
const LONGEST_AGO_MINUTES = 35 * 24 * 60;

/**
 * An account, and everybody who uses it; the payer does too. It is an organization in which people also pay for themselves.
 * Named by who they are among them.
 */
export interface Household extends UseOf {
  /** Billing entity ids by external id. */
  readonly people: ReadonlyMap<string, string>;
  readonly externalId: string;
}

let households = 0;

/** A payer and two others, all with more credits than any test uses. */
export async function createHousehold({ entities, ledger }: DomainServices, databaseUrl: string): Promise<Household> {
  const number = (households += 1);
  const names = ['payer', 'one', 'other'].map((who) => `${who}-${number}`);
  const ids = await Promise.all(
    names.map((externalId) => entities.ensureUser({ externalId, name: null, withTrial: false })),
  );
  const billingEntityId = ids[0] as string;
  await Promise.all(
    ids.map((id) =>
      expectCommitted(ledger, {
        kind: 'grant',
        billingEntityId: id,
        actor: 'test',
        idempotency: null,
        grantId: uuidv7(),
        source: 'PROMOTION',
        amount: 1_000_000_000n,
        priority: 50,
        effectiveAt: null,
        expiresAt: null,
        reason: 'test',
      }),
    ),
  );
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  // The payer is a user whom others use, and at once the organization where the others pay for themselves.
  await client.query(
    `update billing_entity set type = 'ORGANIZATION', visibility = 'PUBLIC' where billing_entity_id = $1`,
    [billingEntityId],
  );
  await client.query(`insert into entity_key (namespace, key, billing_entity_id) values ('ORGANIZATION', $1, $2)`, [
    `household-${number}`,
    billingEntityId,
  ]);
  await client.query(
    `insert into api_key (billing_entity_id, id, name, type, provider, billing_mode, hint, key_encryption_key,
       wrapped_data_key, ciphertext, created_by, created_at)
     select person, key, 'test', 'CUSTOM', 'OPENAI', 'COMPUTE_ONLY', '', 'test', '', '', 'test', now()
     from unnest($1::uuid[], $2::uuid[]) as k(person, key)`,
    [ids, ids.map(keyOf)],
  );
  await client.end();
  const people = new Map(names.map((name, index) => [name, ids[index] as string]));
  return { billingEntityId, type: 'ORGANIZATION', people, externalId: `household-${number}` };
}

/** Everybody's one key, which charges compute alone. */
function keyOf(personId: string): string {
  return personId.replace(/^.{8}/, 'ffffffff');
}

/** A use that waits for its household. */
export interface UseDraft {
  /** Paid by the person themselves. */
  readonly isApart: boolean;
  /** On the person's own key. */
  readonly isOnKey: boolean;
  /** Which of the people; null: nobody is named. */
  readonly person: number | null;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  readonly lines: readonly {
    readonly resource: Resource;
    readonly quantity: bigint;
    readonly model?: string | null;
  }[];
  readonly minutesAgo: number;
}

const resource = fc.constantFrom<Resource>('AI_TOKENS', 'COMPUTE');
const billingMode = fc.constantFrom<BillingMode>('FULL', 'COMPUTE_ONLY');

/** What work is done by. One of them is called as further models are shown. */
const MODELS = ['small-1', 'large-2', 'other', 'Größe', "o'neill", 'six'];
const model = fc.option(fc.constantFrom(...MODELS), { freq: 4 });

export const useDraft: fc.Arbitrary<UseDraft> = fc.record({
  isApart: fc.boolean(),
  isOnKey: fc.boolean(),
  person: fc.option(fc.nat({ max: 2 }), { freq: 6 }),
  billingMode,
  feature: fc.option(fc.constant('basic_chatflows')),
  lines: fc.array(fc.record({ resource, quantity: fc.bigInt(0n, 40_000n), model }), { minLength: 1, maxLength: 3 }),
  // Now and then, and many in one hour.
  minutesAgo: fc.oneof(fc.nat({ max: LONGEST_AGO_MINUTES }), fc.nat({ max: 150 })),
});

/** Records these uses, all at once; returns what was recorded. */
export async function record(
  { ledger }: DomainServices,
  { billingEntityId, people }: Household,
  { drafts, now }: { drafts: readonly UseDraft[]; now: Date },
): Promise<UsageRecord[]> {
  const ids = [...people.values()];
  const outcomes = await Promise.all(
    drafts.map(({ person, isApart, isOnKey, billingMode, feature, lines, minutesAgo }) => {
      const userId = person === null ? null : (ids[person] as string);
      const isElsewhere = isApart && userId !== null && userId !== billingEntityId;
      return expectCommitted(ledger, {
        kind: 'consume',
        billingEntityId: isElsewhere ? userId : billingEntityId,
        actor: 'test',
        idempotency: null,
        lines: lines.map((line) => ({
          quantity: line.quantity,
          rate: RATES[line.resource],
          model: line.model ?? null,
        })),
        userId,
        organizationId: isElsewhere ? billingEntityId : null,
        apiKey: isOnKey && userId !== null ? { billingEntityId: userId, id: keyOf(userId) } : null,
        otherPayers: [],
        billingMode,
        feature,
        metadata: null,
        occurredAt: new Date(now.getTime() - minutesAgo * MINUTE_MS),
      });
    }),
  );
  return outcomes.flatMap(({ records }) => records);
}

/** Refunds what is left of a record, or a part of it. */
export async function refund(
  { ledger }: DomainServices,
  { billingEntityId, sequence, line }: UsageRecord,
  credits: bigint | null = null,
): Promise<void> {
  await expectCommitted(ledger, {
    kind: 'refund',
    billingEntityId,
    actor: 'test',
    idempotency: null,
    record: { sequence, line },
    credits,
    reason: 'test',
  });
}

async function expectCommitted(ledger: DomainServices['ledger'], command: Command) {
  const outcome = await ledger.submit(command);
  if (outcome.kind !== 'committed') throw new Error(`${command.kind} was ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Filters by what there is, and by what there is not. The people are numbers, as in a draft; 3 is nobody there. */
export interface FilterDraft extends Omit<UseFilter, 'userExternalIds' | 'apiKeyIds' | 'organizationExternalIds'> {
  readonly people: readonly number[] | null;
  readonly keysOf: readonly number[] | null;
  readonly isApart: boolean | null;
}

const some = <T>(values: readonly T[]): fc.Arbitrary<T[] | null> => fc.option(fc.subarray([...values]), { freq: 2 });

export const filterDraft: fc.Arbitrary<FilterDraft> = fc.record({
  people: some([0, 1, 2, 3]),
  keysOf: some([0, 1, 2, 3]),
  isApart: fc.option(fc.boolean(), { freq: 1 }),
  resources: some<Resource>(['AI_TOKENS', 'COMPUTE']),
  billingModes: some<BillingMode>(['FULL', 'COMPUTE_ONLY']),
  features: some(['basic_chatflows', 'unheard_of', '', 'not\0storable']),
  models: fc.option(fc.subarray([...MODELS, 'unheard_of', '', '\u0001', 'x\0']), { freq: 1 }),
});

export function filterOf({ people, keysOf, isApart, ...rest }: FilterDraft, household: Household): UseFilter {
  const names = [...household.people.keys(), 'nobody'];
  const ids = [...household.people.values()];
  return {
    ...rest,
    userExternalIds: people && people.map((person) => names[person] as string),
    apiKeyIds: keysOf && keysOf.map((person) => publicKeyOf(ids[person])),
    organizationExternalIds: isApart === null ? null : isApart ? [household.externalId] : ['nowhere'],
  };
}

const publicKeyOf = (personId: string | undefined): string =>
  personId === undefined ? 'key_nonsense' : apiKeyId(personId, keyOf(personId));

/** Whether the filter should leave this record. */
export function fits(record: UsageRecord, filter: UseFilter, { people, externalId }: Household): boolean {
  const isIn = (values: readonly unknown[] | null, value: unknown): boolean =>
    values === null || values.includes(value);
  return (
    isIn(filter.resources, record.resource) &&
    isIn(filter.billingModes, record.billingMode) &&
    isIn(filter.features, record.feature) &&
    isIn(filter.models, record.model) &&
    isIn(filter.apiKeyIds, record.apiKey && apiKeyId(record.apiKey.billingEntityId, record.apiKey.id)) &&
    isIn(filter.organizationExternalIds, record.organizationId === null ? null : externalId) &&
    isIn(filter.userExternalIds && filter.userExternalIds.map((name) => people.get(name)), record.userId ?? 'nobody')
  );
}

/** The order of lists of use. */
export const newestUseFirst = (one: UsageRecord, other: UsageRecord): number =>
  other.occurredAt.getTime() - one.occurredAt.getTime() ||
  other.billingEntityId.localeCompare(one.billingEntityId, 'en') ||
  Number(other.sequence - one.sequence) ||
  other.line - one.line;

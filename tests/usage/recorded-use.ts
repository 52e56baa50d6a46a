/** Use of one account by several people, as it is recorded by the ledger; and what of it a filter should leave. */
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { BillingMode, UsageRecord } from '../../src/credits/account.ts';
import type { Command } from '../../src/credits/commands.ts';
import { RATES, type Resource } from '../../src/plans/rates.ts';
import type { DomainServices } from '../../src/services.ts';
import type { UseFilter } from '../../src/usage/use-filter.ts';

const MINUTE_MS = 60_000;
const LONGEST_AGO_MINUTES = 35 * 24 * 60;

/** The account, and everybody who uses it; the payer does too. Named by who they are among them. */
export interface Household {
  readonly billingEntityId: string;
  /** Billing entity ids by external id. */
  readonly people: ReadonlyMap<string, string>;
}

let households = 0;

/** A payer with more credits than any test uses, and two others. */
export async function createHousehold({ entities, ledger }: DomainServices): Promise<Household> {
  const number = (households += 1);
  const names = ['payer', 'one', 'other'].map((who) => `${who}-${number}`);
  const ids = await Promise.all(
    names.map((externalId) => entities.ensureUser({ externalId, name: null, withTrial: false })),
  );
  const billingEntityId = ids[0] as string;
  await expectCommitted(ledger, {
    kind: 'grant',
    billingEntityId,
    actor: 'test',
    idempotency: null,
    grantId: uuidv7(),
    source: 'PROMOTION',
    amount: 1_000_000_000n,
    priority: 50,
    effectiveAt: null,
    expiresAt: null,
    reason: 'test',
  });
  return { billingEntityId, people: new Map(names.map((name, index) => [name, ids[index] as string])) };
}

/** A use that waits for its household. */
export interface UseDraft {
  /** Which of the people; null: nobody is named. */
  readonly person: number | null;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  readonly lines: readonly { readonly resource: Resource; readonly quantity: bigint }[];
  readonly minutesAgo: number;
}

const resource = fc.constantFrom<Resource>('AI_TOKENS', 'COMPUTE');
const billingMode = fc.constantFrom<BillingMode>('FULL', 'COMPUTE_ONLY');

export const useDraft: fc.Arbitrary<UseDraft> = fc.record({
  person: fc.option(fc.nat({ max: 2 }), { freq: 6 }),
  billingMode,
  feature: fc.option(fc.constant('basic_chatflows')),
  lines: fc.array(fc.record({ resource, quantity: fc.bigInt(0n, 40_000n) }), { minLength: 1, maxLength: 3 }),
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
    drafts.map(({ person, billingMode, feature, lines, minutesAgo }) =>
      expectCommitted(ledger, {
        kind: 'consume',
        billingEntityId,
        actor: 'test',
        idempotency: null,
        lines: lines.map((line) => ({ quantity: line.quantity, rate: RATES[line.resource] })),
        userId: person === null ? null : (ids[person] as string),
        billingMode,
        feature,
        metadata: null,
        occurredAt: new Date(now.getTime() - minutesAgo * MINUTE_MS),
      }),
    ),
  );
  return outcomes.flatMap(({ records }) => records);
}

/** Refunds a record. */
export async function refund(
  { ledger }: DomainServices,
  { billingEntityId, sequence, line }: UsageRecord,
): Promise<void> {
  await expectCommitted(ledger, {
    kind: 'refund',
    billingEntityId,
    actor: 'test',
    idempotency: null,
    record: { sequence, line },
    reason: 'test',
  });
}

async function expectCommitted(ledger: DomainServices['ledger'], command: Command) {
  const outcome = await ledger.execute(command);
  if (outcome.kind !== 'committed') throw new Error(`${command.kind} was ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Filters by what there is, and by what there is not. The people are numbers, as in a draft; 3 is nobody there. */
export interface FilterDraft extends Omit<UseFilter, 'userExternalIds'> {
  readonly people: readonly number[] | null;
}

const some = <T>(values: readonly T[]): fc.Arbitrary<T[] | null> => fc.option(fc.subarray([...values]), { freq: 2 });

export const filterDraft: fc.Arbitrary<FilterDraft> = fc.record({
  people: some([0, 1, 2, 3]),
  resources: some<Resource>(['AI_TOKENS', 'COMPUTE']),
  billingModes: some<BillingMode>(['FULL', 'COMPUTE_ONLY']),
  features: some(['basic_chatflows', 'unheard_of', '', 'not\0storable']),
});

export function filterOf({ people, ...rest }: FilterDraft, household: Household): UseFilter {
  const names = [...household.people.keys(), 'nobody'];
  return { ...rest, userExternalIds: people && people.map((person) => names[person] as string) };
}

/** Whether the filter should leave this record. */
export function fits(record: UsageRecord, filter: UseFilter, { people }: Household): boolean {
  const isIn = (values: readonly unknown[] | null, value: unknown): boolean =>
    values === null || values.includes(value);
  return (
    isIn(filter.resources, record.resource) &&
    isIn(filter.billingModes, record.billingMode) &&
    isIn(filter.features, record.feature) &&
    isIn(filter.userExternalIds && filter.userExternalIds.map((name) => people.get(name)), record.userId ?? 'nobody')
  );
}

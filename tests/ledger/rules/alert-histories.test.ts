import fc from 'fast-check';
import { type Account, allowanceOf, nextEventAt } from '../../../src/ledger/rules/account.ts';
import { type AlertChannel, type AlertPreference, EVENT_TYPES } from '../../../src/ledger/rules/alert-preferences.ts';
import type { Alert } from '../../../src/ledger/rules/alerts.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import type { UsageContext } from '../../../src/ledger/rules/usage-context.ts';
import { counterName } from '../../../src/ledger/rules/spend-limits.ts';
import { AlertModel, type RaisedAlert, type Seen } from './alert-model.ts';
import { draft, PRO } from './commands.ts';
import { ENTITY, grantOf, START } from './proven-account.ts';
import { PureLedger } from './pure-ledger.ts';

const HOUR_MS = 3_600_000;
const MEMBERS = ['01900000-0000-7000-8000-0000000000a1', '01900000-0000-7000-8000-0000000000b2'] as const;
type Limits = readonly (bigint | null)[];

const channels = fc.subarray<AlertChannel>(['IN_APP', 'EMAIL', 'WEBHOOK']);
const enabled = fc.boolean().map((isOff) => !isOff);
const threshold = fc.record({ type: fc.constantFrom('WARNING' as const, 'CRITICAL' as const), channels, enabled });
const preference: fc.Arbitrary<AlertPreference> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(threshold, fc.constantFrom(1, 250, 500, 800, 950, 999, 1_000))
      .map(([rest, perMille]) => ({ ...rest, perMille, remaining: null })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(threshold, fc.bigInt(1n, 6_000n))
      .map(([rest, remaining]) => ({ ...rest, perMille: null, remaining })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'EXHAUSTED' as const,
        'RECOVERED' as const,
        'OVERAGE_STARTED' as const,
        'OVERAGE_CAP_REACHED' as const,
        'MEMBER_LIMIT' as const,
        'PAYMENT_FAILED' as const,
      ),
      channels,
      enabled,
      perMille: fc.constant(null),
      remaining: fc.constant(null),
    }),
  },
);
const preferences = fc.uniqueArray(preference, {
  maxLength: 6,
  selector: ({ type, perMille, remaining }) => `${type} ${perMille} ${remaining}`,
});

/** Something that happens to the account, or to its members' limits. */
type Happening =
  | {
      readonly kind: 'command';
      readonly make: typeof draft extends fc.Arbitrary<infer D> ? D : never;
      readonly by: number;
    }
  | { readonly kind: 'preferences'; readonly preferences: readonly AlertPreference[] }
  | { readonly kind: 'policy'; readonly enabled: boolean; readonly cap: bigint | null }
  | { readonly kind: 'limit'; readonly member: number; readonly limit: bigint | null }
  | { readonly kind: 'invoice'; readonly id: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('command' as const), make: draft, by: fc.nat({ max: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('preferences' as const), preferences }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      enabled: fc.constantFrom(true, true, false),
      cap: fc.option(fc.bigInt(0n, 900n), { freq: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      member: fc.nat({ max: 1 }),
      limit: fc.option(fc.bigInt(0n, 3_000n), { freq: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('invoice' as const), id: fc.nat({ max: 2 }) }) },
);

/** Mostly little, at times days or months: then many events are late at once. */
const hours = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 2, arbitrary: fc.integer({ min: 40, max: 900 }) },
);

function seen(account: Account): Seen {
  const { available, used, overage, overagePolicy, period } = account;
  const cap = overagePolicy.enabled ? overagePolicy.cap : null;
  return { available, used, overage, cap, allowance: allowanceOf(account), periodStart: period.start };
}

function shown(alerts: readonly Alert[]): RaisedAlert[] {
  return alerts.map(({ type, perMille, remaining, memberId, invoiceId }) => {
    const threshold = remaining === null ? `${perMille ?? ''}` : `-${remaining}`;
    const of = memberId === null ? (invoiceId ?? threshold) : `${memberId} ${Number(perMille) / 10}`;
    return { type, of };
  });
}

/** The pool of an organization with two members. */
function poolWith(limits: () => Limits): PureLedger {
  const pool = new PureLedger().open(ENTITY, START, { subscription: PRO, overagePolicy: { enabled: true, cap: 700n } });
  pool.usageContext = ({ userId }): UsageContext => {
    const counter = pool.counters.get(
      counterName({ billingEntityId: ENTITY, scope: 'MEMBER', subjectId: userId ?? '' }),
    );
    const creditLimit = limits()[MEMBERS.indexOf(userId as (typeof MEMBERS)[number])] ?? null;
    const membership = userId === null ? null : ({ status: 'ACTIVE', creditLimit, counter } as const);
    return { suspended: false, visibility: 'PRIVATE', membership, apiKey: null };
  };
  return pool;
}

function commandOf(happens: Happening, pool: PureLedger, place: { now: Date; index: number }): Command | null {
  const base = { billingEntityId: ENTITY, actor: 'test', idempotency: null } as const;
  switch (happens.kind) {
    case 'limit':
      return null;
    case 'preferences':
      return { ...base, kind: 'alertPreferences', preferences: happens.preferences };
    case 'policy':
      return { ...base, kind: 'policy', overagePolicy: { enabled: happens.enabled, cap: happens.cap } };
    case 'invoice':
      return { ...base, kind: 'paymentFailed', invoiceId: `in_${happens.id}` };
    case 'command': {
      const { now, index } = place;
      const reservations = [...pool.reservations.keys()];
      const command = happens.make({
        billingEntityId: ENTITY,
        now,
        key: `${index}`,
        reservations,
        records: pool.records,
      });
      const isUse = command.kind === 'consume' || command.kind === 'reserve';
      return isUse ? { ...command, userId: MEMBERS[happens.by] ?? null, organizationId: ENTITY } : command;
    }
  }
}

describe('alerts (rule 29)', () => {
  it('are those of a naive model that looks at the state after each step, however late the steps are taken', () => {
    const counts = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(fc.tuple(hours, happening), { maxLength: 60, size: 'max' }), (history) => {
        const limits: (bigint | null)[] = [500n, 2_000n];
        const [prompt, late] = [poolWith(() => limits), poolWith(() => limits)];
        const model = new AlertModel(seen(prompt.account(ENTITY)));
        // Without credits to begin with, most histories would be of refusals.
        for (const ledger of [prompt, late]) ledger.execute(grantOf(4_000n), START);
        model.step(seen(prompt.account(ENTITY)));
        let clock = START;
        for (const [index, [pause, happens]] of history.entries()) {
          clock = new Date(clock.getTime() + pause * HOUR_MS);
          // The one ledger takes each instant by itself, the other all of them when something happens.
          for (let at = nextEventAt(prompt.account(ENTITY)); at !== null && at <= clock;) {
            prompt.advance(ENTITY, at);
            model.step(seen(prompt.account(ENTITY)));
            const next = nextEventAt(prompt.account(ENTITY));
            at = next !== null && next > at ? next : null;
          }
          if (happens.kind === 'limit') limits[happens.member] = happens.limit;
          const command = commandOf(happens, prompt, { now: clock, index });
          if (command === null) continue;
          const decision = prompt.execute(command, clock);
          expect(late.execute(command, clock).kind).toBe(decision.kind);
          model.step(seen(prompt.account(ENTITY)));
          if (decision.kind === 'refused') model.refused(decision.reason);
          if (decision.kind !== 'applied') continue;
          if (command.kind === 'alertPreferences') model.set(command.preferences);
          if (command.kind === 'paymentFailed') model.invoiceFailed(command.invoiceId);
          const member = MEMBERS.findIndex((each) => each === decision.records[0]?.userId);
          const limit = limits[member] ?? null;
          const charged = decision.records.reduce((sum, record) => sum + record.credits, 0n);
          if (limit !== null && charged > 0n) model.memberUsed(MEMBERS[member] as string, drawn(prompt, member), limit);
        }
        late.advance(ENTITY, clock);
        expect(shown(prompt.alerts)).toEqual(model.raised);
        expect(shown(late.alerts)).toEqual(model.raised);
        for (const ledger of [prompt, late]) {
          expect(ledger.verify(ENTITY).problems).toEqual([]);
          expect(ledger.alerts.map(({ number }) => number)).toEqual(ledger.alerts.map((_, index) => BigInt(index + 1)));
          expect(new Set(ledger.alerts.map(({ crossing }) => crossing)).size).toBe(ledger.alerts.length);
        }
        for (const { type } of model.raised) counts.set(type, (counts.get(type) ?? 0) + 1);
      }),
      { numRuns: 400 },
    );
    // Histories in which nothing is raised would prove nothing.
    for (const type of ['WARNING', 'CRITICAL', ...EVENT_TYPES]) {
      expect([type, (counts.get(type) ?? 0) > 10]).toEqual([type, true]);
    }
  });
});

/** The member's use of the running period, record by record, less what was refunded. */
function drawn(pool: PureLedger, member: number): bigint {
  const start = pool.account(ENTITY).period.start.getTime();
  const periods = new Map(pool.entries.map((entry) => [entry.sequence, entry.periodStart.getTime()]));
  const refunded = (sequence: bigint, line: number): bigint =>
    pool.refunds
      .filter((each) => each.sequence === sequence && each.line === line)
      .reduce((sum, { credits }) => sum + (credits ?? 0n), 0n);
  return pool.records
    .filter(({ userId, sequence }) => userId === MEMBERS[member] && periods.get(sequence) === start)
    .reduce((sum, { credits, sequence, line }) => sum + credits - refunded(sequence, line), 0n);
}

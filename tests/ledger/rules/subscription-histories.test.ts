/** Any history of a subscriber, with a provider that has a clock of its own; what must hold whatever happens. */
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { type Account, balanceOf } from '../../../src/ledger/rules/account.ts';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { addMonths } from '../../../src/ledger/rules/periods.ts';
import type {
  PaymentStanding,
  ProviderSubscription,
  SubscriptionState,
} from '../../../src/ledger/rules/subscription.ts';
import { RATES } from '../../../src/plans/rates.ts';
import { pauseHours } from './commands.ts';
import { PureLedger } from './pure-ledger.ts';

const ENTITY = '01900000-0000-7000-8000-000000000001';
const START = new Date('2026-01-31T12:00:00.000Z');
const HOUR_MS = 3_600_000;
const UNIT = 500_000n;
const base = { billingEntityId: ENTITY, actor: 'test', idempotency: null } as const;

const STATUSES = { GOOD: 'ACTIVE', PAST_DUE: 'PAST_DUE', UNPAID: 'UNPAID', INCOMPLETE: 'INCOMPLETE' } as const;

/** A provider as simple as can be: walks month by month, where the core computes. */
class Provider {
  #subscriptions = 0;
  live: Omit<ProviderSubscription, 'period'> | null = null;
  paid = new Set<string>();
  #months = 0;

  subscribe(now: Date, quantity: number, isPaid: boolean): void {
    this.#subscriptions += 1;
    this.#months = 0;
    this.live = {
      id: `sub_${this.#subscriptions}`,
      plan: 'PRO',
      quantity,
      paymentStanding: isPaid ? 'GOOD' : 'INCOMPLETE',
      status: isPaid ? 'ACTIVE' : 'INCOMPLETE',
      graceEndsAt: null,
      anchor: now,
      next: { plan: 'PRO', quantity },
      paidUntil: null,
    };
    if (isPaid) this.pay();
  }

  set(changes: Partial<ProviderSubscription>): void {
    if (this.live !== null) this.live = { ...this.live, ...changes };
  }

  stands(paymentStanding: PaymentStanding): void {
    this.set({ paymentStanding, status: STATUSES[paymentStanding] });
  }

  pay(): void {
    if (this.live === null) return;
    this.stands('GOOD');
    this.paid.add(this.#name());
    this.set({ paidUntil: addMonths(this.live.anchor, this.#months + 1) });
  }

  /** Time passes here, too. */
  at(now: Date): void {
    while (this.live !== null && addMonths(this.live.anchor, this.#months + 1) <= now) {
      const { next, paymentStanding } = this.live;
      this.#months += 1;
      this.live = next === null || paymentStanding === 'INCOMPLETE' ? null : { ...this.live, ...next };
      if (paymentStanding === 'GOOD') this.pay();
    }
  }

  /** What it answers when it is asked. */
  answer(): Command {
    const { live } = this;
    if (live === null) return { ...base, kind: 'subscription', providerSubscription: null, paidUnits: 0 };
    const period = { start: this.#start(), end: addMonths(live.anchor, this.#months + 1) };
    const paidUnits = this.paid.has(this.#name()) ? live.quantity : 0;
    return { ...base, kind: 'subscription', providerSubscription: { ...live, period }, paidUnits };
  }

  #start(): Date {
    return addMonths(this.live?.anchor ?? START, this.#months);
  }

  #name(): string {
    return `${this.live?.id} ${this.#start().getTime()}`;
  }
}

const lines = fc
  .constantFrom(0n, 7n, 250_000n, 600_000n, 1_400_000n)
  .map((credits) => [{ quantity: credits * 10n, rate: RATES.AI_TOKENS }]);
const step = fc.record({
  kind: fc.constantFrom(
    ...([
      'subscribe',
      'sync',
      'sync',
      'sync',
      'stale',
      'downgrade',
      'upgrade',
      'endLater',
      'resume',
      'cancel',
    ] as const),
    ...([
      'pastDue',
      'unpaid',
      'pay',
      'consume',
      'consume',
      'consume',
      'consume',
      'reserve',
      'settle',
      'release',
    ] as const),
    ...([
      'refund',
      'report',
      'report',
      'clawback',
      'reinstate',
      'reinstate',
      'purchase',
      'policyOn',
      'policyOn',
      'policyOff',
    ] as const),
  ),
  hours: pauseHours,
  lines,
  pick: fc.nat(),
  quantity: fc.integer({ min: 1, max: 3 }),
  /** The provider's clock is ahead of ours by so much, or behind. */
  skewMs: fc.constantFrom(0, 0, 0, 0, 4_000, -4_000, 7_200_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Some of what was made before. */
function some<T>(all: Iterable<T>, pick: number): T | undefined {
  const list = [...all];
  return list[pick % Math.max(1, list.length)];
}

/** Where we stand when a step comes. */
interface Scene {
  readonly ledger: PureLedger;
  readonly provider: Provider;
  /** What the provider answered before. */
  readonly answers: readonly Command[];
}

/** The last paid period ended at most one period and seven days before. */
function isTrusted({ anchor, paidUntil }: SubscriptionState, start: Date): boolean {
  if (paidUntil === null) return false;
  let months = 0;
  while (addMonths(anchor, months) <= paidUntil) months += 1;
  return start.getTime() <= addMonths(anchor, months).getTime() + 7 * 24 * HOUR_MS;
}

/** null: there is nothing to do it to. */
function commandOf({ ledger, provider, answers }: Scene, { kind, lines: used, pick }: Step): Command | null {
  const use = {
    lines: used,
    userId: ENTITY,
    organizationId: null,
    apiKey: null,
    otherPayers: [],
    billingMode: 'FULL',
    feature: null,
  } as const;
  switch (kind) {
    case 'consume':
      return { ...base, ...use, kind, metadata: null, occurredAt: null };
    case 'reserve':
      return { ...base, ...use, kind, reservationId: uuidv7(), ttlMs: (1 + (pick % 50)) * HOUR_MS };
    case 'settle': {
      const hold = some(ledger.reservations.values(), pick);
      if (hold === undefined) return null;
      const named = { userId: undefined, organizationId: undefined, apiKeyId: undefined, feature: undefined };
      const rest = { reservationId: hold.id, anyReservation: true, lines: used, metadata: null, occurredAt: null };
      return { ...base, kind, ...named, ...rest };
    }
    case 'release': {
      const hold = some(ledger.reservations.values(), pick);
      return hold === undefined ? null : { ...base, kind, reservationId: hold.id, anyReservation: true };
    }
    case 'refund': {
      const record = some(ledger.records, pick);
      if (record === undefined) return null;
      // Whole, or a part that often is more than what is left.
      const credits = pick % 3 === 0 ? null : (record.credits * BigInt((pick % 7) + 1)) / 7n + 1n;
      return { ...base, kind, record, credits, reason: 'test' };
    }
    case 'report':
      return { ...base, kind: 'reportOverage', reportId: uuidv7() };
    case 'clawback':
    case 'reinstate': {
      const grant = some(
        [...ledger.grants.values()].filter(({ id, root }) => root.grantId === id),
        pick,
      );
      if (grant === undefined) return null;
      const common = { ...base, grantId: grant.id, reason: 'test' };
      return kind === 'reinstate' ? { ...common, kind } : { ...common, kind, target: grant.amount, elsewhere: [] };
    }
    case 'purchase': {
      const idempotency = { key: uuidv7(), fingerprint: Buffer.alloc(16) };
      return {
        ...base,
        kind: 'credit',
        grantId: uuidv7(),
        source: pick % 2 ? 'PURCHASE' : 'SUBSCRIPTION',
        amount: 12_500n,
        reason: null,
        idempotency,
      };
    }
    case 'policyOn':
    case 'policyOff': {
      const cap = pick % 2 ? 300_000n : null;
      return { ...base, kind: 'policy', overagePolicy: { enabled: kind === 'policyOn', cap } };
    }
    case 'stale':
      return some(answers, pick) ?? null;
    case 'subscribe':
    case 'sync':
    case 'downgrade':
    case 'upgrade':
    case 'endLater':
    case 'resume':
    case 'cancel':
    case 'pastDue':
    case 'unpaid':
    case 'pay':
      return provider.answer();
  }
}

/** What happens at the provider, before we ask it. */
function happen(provider: Provider, { kind, quantity, pick }: Step, now: Date): void {
  const units = { plan: 'PRO', quantity } as const;
  if (kind === 'subscribe' && provider.live === null) provider.subscribe(now, quantity, pick % 3 > 0);
  else if (kind === 'downgrade') provider.set({ next: units });
  else if (kind === 'upgrade') provider.set({ ...units, next: units });
  else if (kind === 'endLater') provider.set({ next: null });
  else if (kind === 'resume') provider.set({ next: units });
  else if (kind === 'cancel') provider.live = null;
  else if (kind === 'pastDue') provider.stands('PAST_DUE');
  else if (kind === 'unpaid') provider.stands('UNPAID');
  else if (kind === 'pay') provider.pay();
}

describe('any history of a subscriber', () => {
  it('keeps every credit in its period, grants each base once, reports each credit of overage once, and is proven', () => {
    let [bases, turns, reports] = [0, 0, 0];
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (history) => {
        const ledger = new PureLedger().open(ENTITY, START, { overagePolicy: { enabled: true, cap: null } });
        const provider = new Provider();
        provider.subscribe(START, 1, true);
        const answers: Command[] = [];
        /** Base grants by subscription and period start. */
        const baseOf = new Map<string, string>();
        const periods: Account['period'][] = [ledger.account(ENTITY).period];
        let clock = START;
        let providerClock = START;
        /** Credits of the period are no older than this. */
        let oldest = ledger.account(ENTITY).period.start;
        /** A subscription that has not started: what is paid of its earlier periods goes on when it starts. */
        let noted: string | null = null;

        const look = (): void => {
          const account = ledger.account(ENTITY);
          const { period, subscription } = account;
          if (subscription?.base) {
            const { periodStart, grantId } = subscription.base;
            const name = `${subscription.id} ${periodStart.getTime()}`;
            expect(baseOf.get(name) ?? grantId).toBe(grantId);
            baseOf.set(name, grantId);
          }
          const last = periods.at(-1) as Account['period'];
          if (last.start.getTime() === period.start.getTime()) periods[periods.length - 1] = period;
          else {
            periods.push(period);
            if (noted === null || subscription?.id !== noted) oldest = period.start;
          }
          noted = subscription?.paymentStanding === 'INCOMPLETE' ? subscription.id : null;
          expect(period.start >= last.start).toBe(true);
          expect(account.available >= 0n && account.overageReported <= account.overageTotal).toBe(true);
          expect(balanceOf(account, clock).allowance >= 0n).toBe(true);
          for (const grant of ledger.grants.values()) {
            if (grant.root.source !== 'SUBSCRIPTION' || grant.state !== 'ACTIVE') continue;
            expect(grant.createdAt >= oldest && grant.expiresAt?.getTime() === period.end.getTime()).toBe(true);
          }
        };

        for (const each of history) {
          clock = new Date(clock.getTime() + each.hours * HOUR_MS);
          const theirs = new Date(clock.getTime() + each.skewMs);
          if (theirs > providerClock) providerClock = theirs;
          // Our own turn is decided by what stood before it.
          const before = ledger.account(ENTITY);
          const account = ledger.advance(ENTITY, clock);
          look();
          const { subscription } = before;
          if (account.period.start > before.period.start && subscription !== null && subscription.next !== null) {
            const isGood =
              subscription.paymentStanding === 'GOOD' &&
              subscription.status === 'ACTIVE' &&
              isTrusted(subscription, account.period.start);
            const made = account.subscription?.base;
            const isMade = made?.periodStart.getTime() === account.subscription?.periodStart.getTime();
            if (subscription.paymentStanding !== 'INCOMPLETE') expect(isMade).toBe(isGood);
            if (isGood) {
              expect(ledger.grants.get(made?.grantId ?? '')?.amount).toBe(UNIT * BigInt(subscription.next.quantity));
            }
          }
          provider.at(providerClock);
          happen(provider, each, providerClock);
          const command = commandOf({ ledger, provider, answers }, each);
          if (command === null) continue;
          const isUnpaid = ledger.account(ENTITY).subscription?.paymentStanding === 'UNPAID';
          const decision = ledger.execute(command, clock);
          if (command.kind === 'subscription') {
            answers.push(command);
            const again = ledger.execute(command, clock);
            if (each.kind !== 'stale') expect(again).toMatchObject({ kind: 'applied', accounts: [] });
          }
          if (command.kind === 'consume' && isUnpaid) expect(decision).toMatchObject({ reason: 'PAYMENT_PAST_DUE' });
          look();
        }

        // Whatever is left is reported at last; then every credit of overage is in one report of its period.
        ledger.execute({ ...base, kind: 'reportOverage', reportId: uuidv7() }, clock);
        look();
        const expected = new Map<number, bigint>();
        for (const { periodStart, overageChange } of ledger.entries) {
          const start = periodStart.getTime();
          expected.set(start, (expected.get(start) ?? 0n) + overageChange);
        }
        const reported = new Map<number, bigint>();
        for (const { period, credits, stampedAt } of ledger.reports) {
          reported.set(period.start.getTime(), (reported.get(period.start.getTime()) ?? 0n) + credits);
          const index = periods.findIndex(({ start }) => start.getTime() === period.start.getTime());
          const end = periods[index + 1]?.start ?? periods[index]?.end ?? START;
          expect(stampedAt >= period.start && stampedAt < end).toBe(true);
        }
        for (const [start, credits] of expected) expect(reported.get(start) ?? 0n).toBe(credits);
        const baseGrants = new Set(baseOf.values());
        expect(baseGrants.size).toBe(baseOf.size);
        expect(ledger.verify(ENTITY).problems).toEqual([]);
        bases += baseOf.size;
        turns += periods.length - 1;
        reports += ledger.reports.length;
      }),
      { numRuns: 700 },
    );
    // The histories are of subscribers, and not of accounts to which nothing happens.
    expect(bases).toBeGreaterThan(400);
    expect(turns).toBeGreaterThan(400);
    expect(reports).toBeGreaterThan(100);
  }, 240_000);
});

/**
 * A second, naive account: no carries but totals, no balance but a sum over grants, no order but a sort at every draw, no
 * counters but sums over everything that ever happened. Slow and obvious; what the pure core is held against.
 */
import type { Command } from '../../../src/ledger/rules/commands.ts';
import type { Resource } from '../../../src/plans/rates.ts';

interface ModelGrant {
  readonly id: string;
  readonly priority: number;
  readonly paid: boolean;
  readonly from: number;
  readonly until: number;
  readonly madeAt: number;
  left: bigint;
}

interface ModelHold {
  readonly id: string;
  readonly covered: bigint;
  readonly overage: bigint;
  until: number;
}

interface ModelCharge {
  readonly at: number;
  readonly credits: bigint;
  readonly overage: bigint;
}

export type ModelAnswer = 'done' | 'refused' | 'rejected';

export class Model {
  readonly grants: ModelGrant[] = [];
  readonly holds: ModelHold[] = [];
  readonly #totals = new Map<Resource, bigint>();
  readonly #charges: ModelCharge[] = [];
  readonly #policy: { enabled: boolean; cap: bigint | null };
  #now = 0;
  owed = 0n;
  trialGiven = false;

  constructor(policy: { enabled: boolean; cap: bigint | null } = { enabled: false, cap: null }) {
    this.#policy = policy;
  }

  /** Lets time pass, one end after the other. */
  at(instant: Date): this {
    const until = instant.getTime();
    const ends = [
      ...this.grants.flatMap((grant) => [grant.until, grant.from]),
      ...this.holds.map((hold) => hold.until),
    ];
    for (const end of [...new Set(ends)].filter((at) => at > this.#now && at <= until).sort((a, b) => a - b)) {
      this.#now = end;
      for (const hold of [...this.holds]) if (hold.until <= end) this.#endReservation(hold.id);
      this.#settleUp();
    }
    // Until something happens to it, an account has no time of its own that could not go back.
    this.#now = until;
    this.#settleUp();
    return this;
  }

  get held(): bigint {
    return this.holds.reduce((sum, hold) => sum + hold.covered, 0n);
  }

  get available(): bigint {
    return this.#usable().reduce((sum, grant) => sum + grant.left, 0n) - this.held;
  }

  /** Used since the first of the month. */
  get used(): bigint {
    return this.#thisMonth().reduce((sum, charge) => sum + charge.credits, 0n);
  }

  get overage(): bigint {
    return this.#thisMonth().reduce((sum, charge) => sum + charge.overage, 0n);
  }

  execute(command: Command): ModelAnswer {
    switch (command.kind) {
      case 'trial':
        if (this.trialGiven) return 'done';
        this.trialGiven = true;
        return this.#grant(command, command.amount);
      case 'grant':
        return this.#grant(command, command.amount);
      case 'adjust':
        if (command.amount > 0n) {
          return this.#grant(
            { ...command, source: 'ADJUSTMENT', priority: 50, effectiveAt: null, expiresAt: null },
            command.amount,
          );
        }
        if (-command.amount > this.available) return 'rejected';
        this.#draw(-command.amount);
        return 'done';
      case 'consume': {
        const due = this.#price(command.lines);
        if (!this.#admits(due)) return 'refused';
        this.#meter(command.lines);
        this.#charge(due, due);
        return 'done';
      }
      case 'reserve': {
        const most = command.lines.reduce(
          (sum, line) => sum + ceil(line.quantity * line.rate.credits, line.rate.units),
          0n,
        );
        if (!this.#admits(most)) return 'refused';
        const covered = most < this.available ? most : this.available;
        this.holds.push({
          id: command.reservationId,
          covered,
          overage: most - covered,
          until: this.#now + command.ttlMs,
        });
        return 'done';
      }
      case 'settle': {
        const hold = this.holds.find((each) => each.id === command.reservationId);
        if (hold === undefined) return 'rejected';
        const due = this.#price(command.lines);
        const beyond = due - hold.covered - hold.overage;
        if (!command.anyReservation && beyond > 0n && !this.#admits(beyond)) return 'refused';
        this.#meter(command.lines);
        this.holds.splice(this.holds.indexOf(hold), 1);
        const room = this.#room();
        this.#charge(due, room > hold.overage ? room : hold.overage);
        return 'done';
      }
      case 'extend': {
        const hold = this.holds.find((each) => each.id === command.reservationId);
        if (hold === undefined) return 'rejected';
        let until = this.#now + command.ttlMs;
        for (const grant of this.grants) {
          const isLapsing = grant.until <= this.#now && grant.left > 0n;
          if (isLapsing) until = Math.min(until, Math.max(grant.until + 86_400_000, hold.until));
        }
        hold.until = until;
        return 'done';
      }
      case 'release': {
        if (!this.#endReservation(command.reservationId)) return 'rejected';
        this.#settleUp();
        return 'done';
      }
      case 'advance':
        return 'done';
      case 'refund':
      case 'transfer':
      case 'clawback':
      case 'policy':
      case 'reinstate':
      case 'credit':
      case 'subscription':
      case 'reportOverage':
      case 'delivered':
        throw new Error(`the model does not know ${command.kind}`);
    }
  }

  #thisMonth(): ModelCharge[] {
    const now = new Date(this.#now);
    const month = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
    return this.#charges.filter((charge) => charge.at >= month);
  }

  #price(lines: readonly { quantity: bigint; rate: { resource: Resource; credits: bigint; units: bigint } }[]): bigint {
    const totals = new Map(this.#totals);
    let due = 0n;
    for (const { quantity, rate } of lines) {
      const before = totals.get(rate.resource) ?? 0n;
      due += ((before + quantity) * rate.credits) / rate.units - (before * rate.credits) / rate.units;
      totals.set(rate.resource, before + quantity);
    }
    return due;
  }

  #meter(lines: readonly { quantity: bigint; rate: { resource: Resource } }[]): void {
    for (const { quantity, rate } of lines) {
      this.#totals.set(rate.resource, (this.#totals.get(rate.resource) ?? 0n) + quantity);
    }
  }

  #admits(due: bigint): boolean {
    if (due === 0n) return true;
    return this.owed === 0n && due <= this.available + this.#room();
  }

  /** Overage that may still be taken or held. */
  #room(): bigint {
    if (!this.#policy.enabled) return 0n;
    if (this.#policy.cap === null) return 10n ** 15n;
    const taken = this.overage + this.holds.reduce((sum, hold) => sum + hold.overage, 0n);
    return taken < this.#policy.cap ? this.#policy.cap - taken : 0n;
  }

  /** First what is available, then overage, the rest is owed. */
  #charge(due: bigint, mostOverage: bigint): void {
    const fromGrants = due < this.available ? due : this.available;
    const beyond = due - fromGrants;
    const overage = beyond < mostOverage ? beyond : mostOverage;
    this.#draw(fromGrants);
    this.#charges.push({ at: this.#now, credits: due, overage });
    this.owed += beyond - overage;
    this.#settleUp();
  }

  #endReservation(id: string): boolean {
    const index = this.holds.findIndex((each) => each.id === id);
    if (index >= 0) this.holds.splice(index, 1);
    return index >= 0;
  }

  /** What lapsed and is not held is gone; what is owed is paid from what is there. */
  #settleUp(): void {
    const kept = this.#keptForLapsing();
    let excess = this.#lapsing().reduce((sum, grant) => sum + grant.left, 0n) - kept;
    for (const grant of this.#inOrder(this.#lapsing()).toReversed()) {
      const lost = grant.left < excess ? grant.left : excess;
      if (lost <= 0n) continue;
      grant.left -= lost;
      excess -= lost;
    }
    const paid = this.owed < this.available ? this.owed : this.available;
    if (paid > 0n) {
      this.owed -= paid;
      this.#draw(paid);
    }
  }

  /** Holds rest first on what has lapsed. */
  #keptForLapsing(): bigint {
    // A grant that lapses now may keep only what the holds need beyond the grants that are drawn before it.
    const fresh = this.#inOrder(this.#lapsing().filter((grant) => !this.#kept.has(grant)));
    let total = this.#lapsing().reduce((sum, grant) => (this.#kept.has(grant) ? sum + grant.left : sum), 0n);
    if (total > this.#heldThen) total = this.#heldThen;
    while (fresh.length > 0) {
      const grant = fresh[0] as ModelGrant;
      const order = this.#inOrder([...this.#active(), ...fresh]);
      const before = order.slice(0, order.indexOf(grant)).reduce((sum, each) => sum + each.left, 0n);
      fresh.shift();
      const rest = this.held - total - before;
      grant.left = rest <= 0n ? 0n : rest < grant.left ? rest : grant.left;
      if (grant.left > 0n) this.#holdsThen = new Set(this.holds.map((hold) => hold.id));
      this.#kept.add(grant);
      total += grant.left;
    }
    return total;
  }

  readonly #kept = new Set<ModelGrant>();
  /** Those that were there when a grant lapsed last of which something was kept: only they keep it. */
  #holdsThen = new Set<string>();

  get #heldThen(): bigint {
    return this.holds.reduce((sum, hold) => (this.#holdsThen.has(hold.id) ? sum + hold.covered : sum), 0n);
  }

  #active(): ModelGrant[] {
    return this.grants.filter((grant) => grant.from <= this.#now && !this.#isExpired(grant));
  }

  #lapsing(): ModelGrant[] {
    return this.grants.filter((grant) => this.#isExpired(grant) && grant.left > 0n);
  }

  /** For good: a clock that jumps back brings nothing back. */
  #isExpired(grant: ModelGrant): boolean {
    return grant.until <= this.#now || this.#kept.has(grant);
  }

  #usable(): ModelGrant[] {
    return [...this.#active(), ...this.#lapsing()];
  }

  #inOrder(grants: ModelGrant[]): ModelGrant[] {
    return [...grants].sort(
      (a, b) =>
        a.priority - b.priority ||
        (a.until === b.until ? 0 : a.until - b.until) ||
        Number(a.paid) - Number(b.paid) ||
        a.madeAt - b.madeAt ||
        (a.id < b.id ? -1 : 1),
    );
  }

  #grant(
    grant: { grantId: string; source: string; priority: number; effectiveAt: Date | null; expiresAt: Date | null },
    amount: bigint,
  ): ModelAnswer {
    const from = grant.effectiveAt?.getTime() ?? this.#now;
    const until = grant.expiresAt?.getTime() ?? Infinity;
    if (until <= this.#now || until <= from) return 'rejected';
    const paid = ['SUBSCRIPTION', 'PURCHASE'].includes(grant.source);
    this.grants.push({
      id: grant.grantId,
      priority: grant.priority,
      paid,
      from,
      until,
      madeAt: this.#now,
      left: amount,
    });
    this.#settleUp();
    return 'done';
  }

  /** What no hold keeps any more of lapsed grants goes first, then the others in order. */
  #draw(credits: bigint): void {
    let missing = credits;
    const free = this.#lapsing().reduce((sum, grant) => sum + grant.left, 0n) - this.#heldThen;
    let fromLapsing = free < missing ? free : missing;
    for (const grant of this.#inOrder(this.#lapsing())) {
      const taken = grant.left < fromLapsing ? grant.left : fromLapsing;
      if (taken <= 0n) continue;
      grant.left -= taken;
      fromLapsing -= taken;
      missing -= taken;
    }
    for (const grant of this.#inOrder(this.#active())) {
      const taken = grant.left < missing ? grant.left : missing;
      grant.left -= taken;
      missing -= taken;
    }
    if (missing !== 0n) throw new Error(`the model is ${missing} credits short`);
  }
}

function ceil(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/**
 * A second, naive account: no carries but totals, no balance but a sum over grants, no order but a sort at every draw, no
 * counters but sums over everything that ever happened. Slow and obvious; what the pure core is held against.
 */
import type { Command, RefundCommand } from '../../../src/ledger/rules/commands.ts';
import type { Resource } from '../../../src/plans/rates.ts';
import { ceil, type ModelDraw, type ModelGrant, type ModelRecord, split, sum } from './model-draws.ts';

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
  /** In the order in which they were charged. */
  readonly #records: ModelRecord[] = [];
  #reported = { month: 0, overage: 0n };
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

  /** @param recordIndex of a refund: how many records were charged before the one that it names */
  execute(command: Command, recordIndex = -1): ModelAnswer {
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
        const prices = this.#prices(command.lines);
        if (!this.#admits(sum(prices))) return 'refused';
        this.#meter(command.lines);
        this.#charge(prices, sum(prices));
        return 'done';
      }
      case 'reserve': {
        const most = sum(command.lines.map((line) => ceil(line.quantity * line.rate.credits, line.rate.units)));
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
        const prices = this.#prices(command.lines);
        const beyond = sum(prices) - hold.covered - hold.overage;
        if (!command.anyReservation && beyond > 0n && !this.#admits(beyond)) return 'refused';
        this.#meter(command.lines);
        this.holds.splice(this.holds.indexOf(hold), 1);
        const room = this.#room();
        this.#charge(prices, room > hold.overage ? room : hold.overage);
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
        return this.#refund(command, this.#records[recordIndex]);
      case 'reportOverage':
        this.#reported = { month: this.#month, overage: this.overage };
        return 'done';
      case 'transfer':
      case 'clawback':
      case 'policy':
      case 'reinstate':
      case 'credit':
      case 'subscription':
      case 'delivered':
      case 'alertPreferences':
      case 'paymentFailed':
        throw new Error(`the model does not know ${command.kind}`);
    }
  }

  get #month(): number {
    const now = new Date(this.#now);
    return Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
  }

  #thisMonth(): ModelCharge[] {
    return this.#charges.filter((charge) => charge.at >= this.#month);
  }

  /** Credit by credit: the last one that was taken goes back first. */
  #refund({ credits: asked = null }: RefundCommand, record: ModelRecord | undefined): ModelAnswer {
    if (record === undefined) return 'rejected';
    const left = sum(record.draws.map(({ credits }) => credits));
    if (left === 0n && record.isRefunded) return 'rejected';
    const credits = asked ?? left;
    if (credits > left) return 'rejected';
    record.isRefunded = true;
    const isThisMonth = record.at >= this.#month;
    const reported = this.#reported.month === this.#month ? this.#reported.overage : 0n;
    const unreported = isThisMonth ? this.overage - reported : 0n;
    let [back, offOverage, adjusted] = [0n, 0n, 0n];
    const returned: ModelDraw[] = [];
    while (back < credits) {
      const draw = record.draws.at(-1) as ModelDraw;
      const taken = draw.credits < credits - back ? draw.credits : credits - back;
      back += taken;
      draw.credits -= taken;
      if (draw.credits === 0n) record.draws.pop();
      if (draw.from === 'owed') adjusted += taken;
      else if (draw.from !== 'overage') returned.unshift({ from: draw.from, credits: taken });
      else {
        const off = taken < unreported - offOverage ? taken : unreported - offOverage;
        offOverage += off;
        adjusted += taken - off;
      }
    }
    // Grants of one instant and one class are drawn in the order in which they came back.
    for (const { from, credits: amount } of returned) this.#return(from as ModelGrant, amount);
    const terms = { source: 'ADJUSTMENT', priority: 50, effectiveAt: null, expiresAt: null };
    if (adjusted > 0n) this.#grant({ grantId: null, ...terms }, adjusted);
    this.#charges.push({ at: this.#now, credits: isThisMonth ? -credits : 0n, overage: -offOverage });
    this.#settleUp();
    return 'done';
  }

  #return(grant: ModelGrant, credits: bigint): void {
    if (!this.#isExpired(grant)) {
      grant.left += credits;
      return;
    }
    const month = new Date(this.#month);
    const until = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1);
    this.#add({ ...grant, id: null, from: this.#now, until, left: credits });
  }

  #add(grant: Omit<ModelGrant, 'serial' | 'madeAt'>): void {
    this.grants.push({ ...grant, madeAt: this.#now, serial: this.grants.length });
  }

  #prices(
    lines: readonly { quantity: bigint; rate: { resource: Resource; credits: bigint; units: bigint } }[],
  ): bigint[] {
    const totals = new Map(this.#totals);
    return lines.map(({ quantity, rate }) => {
      const before = totals.get(rate.resource) ?? 0n;
      totals.set(rate.resource, before + quantity);
      return ((before + quantity) * rate.credits) / rate.units - (before * rate.credits) / rate.units;
    });
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
  #charge(prices: readonly bigint[], mostOverage: bigint): void {
    const due = sum(prices);
    const fromGrants = due < this.available ? due : this.available;
    const beyond = due - fromGrants;
    const overage = beyond < mostOverage ? beyond : mostOverage;
    const owed = beyond - overage;
    const taken = this.#draw(fromGrants);
    taken.push({ from: 'overage', credits: overage }, { from: 'owed', credits: owed });
    this.#charges.push({ at: this.#now, credits: due, overage });
    for (const price of prices) this.#records.push({ at: this.#now, draws: split(taken, price), isRefunded: false });
    this.owed += owed;
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
        a.serial - b.serial,
    );
  }

  #grant(
    grant: {
      grantId: string | null;
      source: string;
      priority: number;
      effectiveAt: Date | null;
      expiresAt: Date | null;
    },
    amount: bigint,
  ): ModelAnswer {
    const from = grant.effectiveAt?.getTime() ?? this.#now;
    const until = grant.expiresAt?.getTime() ?? Infinity;
    if (until <= this.#now || until <= from) return 'rejected';
    const paid = ['SUBSCRIPTION', 'PURCHASE'].includes(grant.source);
    this.#add({ id: grant.grantId, priority: grant.priority, paid, from, until, left: amount });
    this.#settleUp();
    return 'done';
  }

  /** What no hold keeps any more of lapsed grants goes first, then the others in order. */
  #draw(credits: bigint): ModelDraw[] {
    let missing = credits;
    const draws: ModelDraw[] = [];
    const free = this.#lapsing().reduce((sum, grant) => sum + grant.left, 0n) - this.#heldThen;
    let fromLapsing = free < missing ? free : missing;
    for (const grant of this.#inOrder(this.#lapsing())) {
      const taken = grant.left < fromLapsing ? grant.left : fromLapsing;
      if (taken <= 0n) continue;
      grant.left -= taken;
      fromLapsing -= taken;
      missing -= taken;
      draws.push({ from: grant, credits: taken });
    }
    for (const grant of this.#inOrder(this.#active())) {
      const taken = grant.left < missing ? grant.left : missing;
      grant.left -= taken;
      missing -= taken;
      draws.push({ from: grant, credits: taken });
    }
    if (missing !== 0n) throw new Error(`the model is ${missing} credits short`);
    return draws;
  }
}

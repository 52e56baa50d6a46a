/**
 * A second, naive account: no carries but totals, no balance but a sum over grants, no order but a sort at every draw.
 * Slow and obvious; what the pure core is held against.
 */
import type { Command } from '../../src/credits/account.ts';
import type { Resource } from '../../src/plans/rates.ts';

interface ModelGrant {
  readonly id: string;
  readonly priority: number;
  readonly paid: boolean;
  readonly from: number;
  readonly until: number;
  readonly madeAt: number;
  left: bigint;
}

export type ModelAnswer = 'done' | 'refused' | 'rejected';

export class Model {
  readonly grants: ModelGrant[] = [];
  readonly #used = new Map<Resource, { amount: bigint; price: bigint; units: bigint }>();
  readonly #charges: { at: number; credits: bigint }[] = [];
  #now = 0;
  trialGiven = false;

  at(instant: Date): this {
    this.#now = instant.getTime();
    for (const grant of this.grants) if (grant.until <= this.#now) grant.left = 0n;
    return this;
  }

  get available(): bigint {
    return this.#inEffect().reduce((sum, grant) => sum + grant.left, 0n);
  }

  /** Used since the first of the month. */
  get used(): bigint {
    const now = new Date(this.#now);
    const month = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
    return this.#charges.reduce((sum, charge) => (charge.at >= month ? sum + charge.credits : sum), 0n);
  }

  execute(command: Command): ModelAnswer {
    switch (command.kind) {
      case 'advance':
        return 'done';
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
        const after = new Map(this.#used);
        let due = 0n;
        for (const { quantity, rate } of command.lines) {
          const before = after.get(rate.resource)?.amount ?? 0n;
          due += ((before + quantity) * rate.credits) / rate.units - (before * rate.credits) / rate.units;
          after.set(rate.resource, { amount: before + quantity, price: rate.credits, units: rate.units });
        }
        if (due > this.available) return 'refused';
        this.#draw(due);
        this.#charges.push({ at: this.#now, credits: due });
        for (const [resource, total] of after) this.#used.set(resource, total);
        return 'done';
      }
    }
  }

  #inEffect(): ModelGrant[] {
    return this.grants.filter((grant) => grant.from <= this.#now && grant.until > this.#now);
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
    return 'done';
  }

  #draw(credits: bigint): void {
    const order = this.#inEffect().sort(
      (a, b) =>
        a.priority - b.priority ||
        (a.until === b.until ? 0 : a.until - b.until) ||
        Number(a.paid) - Number(b.paid) ||
        a.madeAt - b.madeAt ||
        (a.id < b.id ? -1 : 1),
    );
    let missing = credits;
    for (const grant of order) {
      const taken = grant.left < missing ? grant.left : missing;
      grant.left -= taken;
      missing -= taken;
    }
  }
}

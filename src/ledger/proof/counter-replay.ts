import type { Alert } from '../rules/alerts.ts';
import type { UsedBy } from '../rules/attribution.ts';
import type { Entry } from '../rules/entries.ts';
import { countedUp, counterName, countersOf, type UseCounter } from '../rules/spend-limits.ts';
import { type Findings, instant } from './findings.ts';

/** Rebuilds the counters of members and keys (rule 17). */
export class CounterReplay {
  readonly #findings: Findings;
  readonly #counters = new Map<string, UseCounter>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Counts as the ledger does: no counter comes of a count of nothing. */
  count(
    { billingEntityId, periodStart }: Entry,
    usedBy: UsedBy,
    { used = 0n, held = 0n }: { readonly used?: bigint; readonly held?: bigint },
  ): void {
    if (used === 0n && held === 0n) return;
    for (const key of countersOf(billingEntityId, usedBy)) {
      const name = counterName(key);
      this.#counters.set(name, countedUp(this.#counters.get(name), { ...key, periodStart, used, held, alerted: 0 }));
    }
  }

  /** The member's counter of the period that began then. */
  ofMember(billingEntityId: string, subjectId: string, periodStart: Date): Pick<UseCounter, 'used' | 'alerted'> {
    const counter = this.#counters.get(counterName({ billingEntityId, scope: 'MEMBER', subjectId }));
    return counter?.periodStart.getTime() === periodStart.getTime() ? counter : { used: 0n, alerted: 0 };
  }

  /** Marks that a level of a member's limit was raised (rule 29). */
  alerted({ billingEntityId, memberId, periodStart }: Alert, alerted: number): void {
    if (memberId === null) return;
    const key = { billingEntityId, scope: 'MEMBER', subjectId: memberId } as const;
    const name = counterName(key);
    this.#counters.set(name, countedUp(this.#counters.get(name), { ...key, periodStart, used: 0n, held: 0n, alerted }));
  }

  /** Counters follow from records and reservations alone, so they have no checksums. */
  finish(counters: Iterable<UseCounter>): void {
    for (const counter of counters) {
      const name = nameOfCounter(counter);
      const rebuilt = this.#counters.get(counterName(counter));
      this.#counters.delete(counterName(counter));
      if (rebuilt === undefined) {
        this.#findings.problem(`${name} counts what nobody used`);
        continue;
      }
      this.#findings.expect(`${name}: used`, counter.used, rebuilt.used);
      this.#findings.expect(`${name}: held`, counter.held, rebuilt.held);
      this.#findings.expect(`${name}: alerted`, `${counter.alerted}`, `${rebuilt.alerted}`);
      this.#findings.expect(`${name}: period`, instant(counter.periodStart), instant(rebuilt.periodStart));
    }
    for (const missing of this.#counters.values()) this.#findings.problem(`${nameOfCounter(missing)} is not there`);
  }
}

function nameOfCounter({ scope, subjectId }: UseCounter): string {
  return `counter ${scope} ${subjectId}`;
}

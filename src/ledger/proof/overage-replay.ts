import type { AccountState } from '../rules/account.ts';
import type { Entry, MeterReport } from '../rules/entries.ts';
import type { Findings, Stored } from './findings.ts';

/** Rebuilds overage period by period, and holds the reports of it against that (rule 28). */
export class OverageReplay {
  readonly #findings: Findings;
  /** Periods that had overage, by their start: the overage left without a report, and when the next period began. */
  readonly #periods = new Map<number, { net: bigint; end: Date | null }>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Takes an entry that changes overage. */
  entry({ periodStart, overageChange }: Entry): void {
    const start = periodStart.getTime();
    const overage = this.#periods.get(start);
    if (overage === undefined) this.#periods.set(start, { net: overageChange, end: null });
    else overage.net += overageChange;
  }

  /** The period that began then has ended. */
  periodEnded(start: Date, end: Date): void {
    const ended = this.#periods.get(start.getTime());
    if (ended !== undefined) ended.end = end;
  }

  /** Every credit of overage is in one report of its period, but for those of the current one that have none yet (rule 28). */
  finish(account: AccountState, reports: Iterable<Stored<MeterReport>>, throughSequence: bigint): void {
    let [total, reported] = [0n, 0n];
    for (const { net } of this.#periods.values()) total += net;
    for (const stored of reports) {
      const { id, credits, period, stampedAt } = stored.row;
      const name = `report ${id}`;
      this.#findings.intact(name, stored, throughSequence);
      reported += credits;
      const overage = this.#periods.get(period.start.getTime());
      if (overage === undefined) {
        this.#findings.problem(`${name} is of a period without overage`);
        continue;
      }
      overage.net -= credits;
      const isInPeriod = stampedAt >= period.start && (overage.end === null || stampedAt < overage.end);
      if (!isInPeriod) this.#findings.problem(`${name} is stamped outside its period`);
    }
    for (const [start, { net, end }] of this.#periods) {
      if (end === null ? net < 0n : net !== 0n) {
        this.#findings.problem(
          `overage of the period from ${new Date(start).toISOString()}: ${net} credits are in no report`,
        );
      }
    }
    this.#findings.expect('account: overage of its life', account.overageTotal, total);
    this.#findings.expect('account: overage reported', account.overageReported, reported);
  }
}

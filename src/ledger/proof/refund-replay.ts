import type { ChargePart, Entry, UsageRecord, UsageRefund } from '../rules/entries.ts';
import { partOfCharge } from '../rules/refund.ts';
import type { Findings, Stored } from './findings.ts';

/** A refund with the record that it is of. */
export interface RefundRows {
  readonly refund: Stored<UsageRefund>;
  readonly record: UsageRecord;
  /** Start of the period in which the record was recorded. */
  readonly periodStart: Date;
  /** Where the part before it stopped: how much of the record was refunded by then. */
  readonly refundedBefore: bigint;
}

/** A refund whose entries are not all there yet. */
interface Running {
  readonly name: string;
  readonly since: bigint;
  /** The part of the charge that it gives back. */
  readonly part: ChargePart;
  /** Most overage that it may take off. */
  readonly mostOverage: bigint;
  /** Credits that no entry has given back yet. */
  left: bigint;
  overageTaken: bigint;
  /** Credits that came back to grants that were there before, by grant. */
  readonly returned: Map<string, bigint>;
  /** Amounts of grants that it made. */
  readonly made: bigint[];
}

/** Holds each refund against the part of its record's charge that it goes on with (rule 22). */
export class RefundReplay {
  readonly #findings: Findings;
  #running: Running | null = null;
  #count = 0n;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Refunds that began so far. */
  get count(): bigint {
    return this.#count;
  }

  /** Takes the first entry of a refund. @returns what it gives back */
  begin(entry: Entry, { refund, record, periodStart, refundedBefore }: RefundRows): ChargePart {
    const { creditsBefore, credits: stored, refundSequence } = refund.row;
    const name = nameOfRecord(record);
    this.#count += 1n;
    this.#findings.intact(`refund of ${name}`, refund, entry.sequence);
    this.#findings.expect(`refund of ${name}: begins after`, creditsBefore, refundedBefore);
    // A refund without credits is one of before parts: it gave back everything.
    const credits = stored ?? record.credits;
    const isPartOfCharge = credits > 0n || record.credits === 0n;
    if (!isPartOfCharge || creditsBefore + credits > record.credits) {
      this.#findings.problem(
        `refund of ${name}: ${credits} credits after ${creditsBefore} are no part of ${record.credits}`,
      );
    }
    const part = partOfCharge(record, { after: creditsBefore, credits });
    const isInPeriod = periodStart.getTime() === entry.periodStart.getTime();
    this.#running = {
      name,
      since: refundSequence,
      part,
      mostOverage: isInPeriod ? part.overage : 0n,
      left: credits,
      overageTaken: 0n,
      returned: new Map(),
      made: [],
    };
    return part;
  }

  /** Takes each entry of a refund. `madeAt`: the sequence of the entry that made the entry's grant; null: this one does. */
  entry(at: string, { refunded, grantId, amount, overageChange }: Entry, madeAt: bigint | null): void {
    const running = this.#running;
    if (running === null || refunded === null || nameOfRecord(refunded) !== running.name) {
      this.#findings.problem(`${at}: a REFUND entry without its refund`);
      return;
    }
    running.left -= amount - overageChange;
    running.overageTaken -= overageChange;
    if (grantId === null) return;
    if (madeAt === null || madeAt >= running.since) running.made.push(amount);
    else running.returned.set(grantId, (running.returned.get(grantId) ?? 0n) + amount);
  }

  /** Holds the refund that ran until now against what it had to give back. */
  end(): void {
    if (this.#running === null) return;
    const { name, part, mostOverage, left, overageTaken, returned, made } = this.#running;
    this.#running = null;
    this.#findings.expect(`refund of ${name}: credits not given back`, left, 0n);
    if (overageTaken > mostOverage) {
      this.#findings.problem(`refund of ${name}: ${overageTaken} of overage taken off, at most ${mostOverage} may be`);
    }
    // Whatever did not go back to the grant that it was drawn from went to a grant that was made for it.
    const expected: bigint[] = [];
    for (const { grantId, credits } of part.draws) {
      if (returned.get(grantId) === credits) returned.delete(grantId);
      else expected.push(credits);
    }
    for (const [grantId, credits] of returned) {
      this.#findings.problem(`refund of ${name}: ${credits} credits went to grant ${grantId}, which gave others`);
    }
    const rest = part.owed + part.overage - overageTaken;
    if (rest > 0n) expected.push(rest);
    this.#findings.expect(`refund of ${name}: grants made`, inOrder(made), inOrder(expected));
  }

  /** Tells if the entry goes on with the refund that runs. */
  continues({ kind, refunded }: Entry): boolean {
    return kind === 'REFUND' && refunded !== null && nameOfRecord(refunded) === this.#running?.name;
  }
}

function nameOfRecord({ sequence, line }: { readonly sequence: bigint; readonly line: number }): string {
  return `record ${sequence}/${line}`;
}

function inOrder(amounts: readonly bigint[]): string {
  return [...amounts].sort((a, b) => (a < b ? -1 : 1)).join(', ');
}

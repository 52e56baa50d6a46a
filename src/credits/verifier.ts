/**
 * The proof, as a pure fold: entries and records in order rebuild the account, and every place where the books say
 * something else is named. Its memory grows with the grants of an account, never with its entries.
 */
import type { Resource } from '../plans/rates.ts';
import type { Account, UsageRecord } from './account.ts';
import { charge, formatCarry, NO_CARRY, type Carry } from './conversion.ts';
import type { Draw, Grant } from './grants.ts';
import type { ReadEntry } from './history.ts';

export interface Verification {
  readonly consistent: boolean;
  readonly entriesChecked: bigint;
  readonly throughSequence: bigint;
  readonly problemCount: bigint;
  /** The first hundred. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 100;
const RUNNING_VALUES = ['available', 'held', 'overage', 'owed'] as const;
type RunningValue = (typeof RUNNING_VALUES)[number];

export class Verifier {
  readonly #account: Omit<Account, 'grants' | 'suspended'>;
  readonly #running: Record<RunningValue, bigint> = { available: 0n, held: 0n, overage: 0n, owed: 0n };
  readonly #remaining = new Map<string, bigint>();
  readonly #carries: Partial<Record<Resource, Carry>> = {};
  readonly #problems: string[] = [];
  #problemCount = 0n;
  #entries = 0n;
  #sequence = 0n;
  #used = 0n;
  #lastCreatedAt = new Date(0);

  /** @param account the account's row, of the same moment as the entries that follow */
  constructor(account: Omit<Account, 'grants' | 'suspended'>) {
    this.#account = account;
  }

  /** Takes the next entry with the records that name it. */
  entry(entry: ReadEntry, records: readonly UsageRecord[]): void {
    const at = `entry ${entry.sequence}`;
    this.#entries += 1n;
    this.#expect(`${at}: sequence`, entry.sequence, this.#sequence + 1n);
    this.#sequence = entry.sequence;
    if (entry.createdAt < this.#lastCreatedAt) this.#problem(`${at} is older than the one before it`);
    this.#lastCreatedAt = entry.createdAt;

    this.#run(at, 'available', entry.amount, entry.availableAfter);
    this.#run(at, 'held', entry.heldChange, entry.heldAfter);
    this.#run(at, 'overage', entry.overageChange, entry.overageAfter);
    this.#run(at, 'owed', entry.owedChange, entry.owedAfter);

    if (entry.kind === 'CONSUMPTION') this.#consumption(at, entry, records);
    else if (records.length > 0) this.#problem(`${at}: a ${entry.kind} entry has usage records`);
    if (entry.grantId !== null) this.#move(at, entry.grantId, entry.amount);
    else if (entry.kind !== 'CONSUMPTION') this.#draw(at, entry.draws ?? [], -entry.amount);
  }

  /** Records whose entry is missing. */
  orphan(record: UsageRecord): void {
    this.#problem(`record ${record.sequence}/${record.line} has no CONSUMPTION entry`);
  }

  /** Holds what was rebuilt against the account and its grants as they are stored. */
  finish(grants: Iterable<Grant>): Verification {
    const account = this.#account;
    for (const value of RUNNING_VALUES) this.#expect(`account: ${value}`, account[value], this.#running[value]);
    this.#expect('account: sequence', account.sequence, this.#sequence);
    this.#expect('account: used', account.used, this.#used);
    for (const resource of new Set([...keysOf(account.carries), ...keysOf(this.#carries)])) {
      const [stored, rebuilt] = [account.carries[resource] ?? NO_CARRY, this.#carries[resource] ?? NO_CARRY];
      this.#expect(`account: fraction of ${resource}`, formatCarry(stored), formatCarry(rebuilt));
    }
    this.#finishGrants(grants);
    return {
      consistent: this.#problemCount === 0n,
      entriesChecked: this.#entries,
      throughSequence: this.#sequence,
      problemCount: this.#problemCount,
      problems: this.#problems,
    };
  }

  #finishGrants(grants: Iterable<Grant>): void {
    let inEffect = 0n;
    for (const grant of grants) {
      const rebuilt = this.#remaining.get(grant.id);
      if (rebuilt === undefined) this.#problem(`grant ${grant.id} has no entry`);
      // A pending grant has been announced, and its credits are still outside the balance.
      else this.#expect(`grant ${grant.id}: remaining`, grant.state === 'PENDING' ? 0n : grant.remaining, rebuilt);
      if (grant.state === 'ACTIVE') inEffect += grant.remaining;
      this.#remaining.delete(grant.id);
    }
    for (const id of this.#remaining.keys()) this.#problem(`grant ${id} is named by entries and is not there`);
    this.#expect('grants in effect, together', inEffect, this.#running.available + this.#running.held);
  }

  #consumption(at: string, entry: ReadEntry, records: readonly UsageRecord[]): void {
    if (records.length === 0) this.#problem(`${at}: a CONSUMPTION entry without usage records`);
    let drawn = 0n;
    records.forEach((record, index) => {
      const line = `record ${record.sequence}/${record.line}`;
      this.#expect(`${line}: line`, BigInt(record.line), BigInt(index));
      this.#price(line, record);
      this.#draw(line, record.draws, record.credits - record.overage);
      drawn += record.credits - record.overage;
      if (record.recordedAt >= this.#account.period.start) this.#used += record.credits;
    });
    this.#expect(`${at}: amount`, entry.amount, -drawn);
  }

  /** The charge follows from the rate as it was and the fraction that the record before left (rule 2). */
  #price(line: string, record: UsageRecord): void {
    const before = this.#carries[record.resource] ?? NO_CARRY;
    this.#expect(`${line}: fraction carried in`, formatCarry(record.carriedBefore), formatCarry(before));
    const exempt = record.billingMode === 'COMPUTE_ONLY' && record.resource === 'AI_TOKENS';
    const due = exempt ? { credits: 0n, carry: before } : charge(before, record.quantity, record.rate);
    this.#expect(`${line}: credits`, record.credits, due.credits);
    this.#expect(`${line}: fraction carried out`, formatCarry(record.carriedAfter), formatCarry(due.carry));
    this.#carries[record.resource] = record.carriedAfter;
  }

  #draw(at: string, draws: readonly Draw[], credits: bigint): void {
    for (const { grantId, credits: taken } of draws) this.#move(at, grantId, -taken);
    const sum = draws.reduce((total, each) => total + each.credits, 0n);
    this.#expect(`${at}: draws, together`, sum, credits);
  }

  #move(at: string, grantId: string, credits: bigint): void {
    const remaining = (this.#remaining.get(grantId) ?? 0n) + credits;
    if (remaining < 0n) this.#problem(`${at}: grant ${grantId} would hold ${remaining}`);
    this.#remaining.set(grantId, remaining);
  }

  #run(at: string, value: RunningValue, change: bigint, after: bigint): void {
    this.#expect(`${at}: ${value} after`, after, this.#running[value] + change);
    this.#running[value] = after;
  }

  #expect(what: string, stored: bigint | string, rebuilt: bigint | string): void {
    if (stored !== rebuilt) this.#problem(`${what} is ${stored}, the ledger says ${rebuilt}`);
  }

  #problem(problem: string): void {
    this.#problemCount += 1n;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }
}

function keysOf(carries: Account['carries']): Resource[] {
  return Object.keys(carries) as Resource[];
}

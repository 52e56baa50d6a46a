import type { Goal, Measurement } from './goals.ts';
import type { Proof } from './proof.ts';

const columns = ['row', 'per second', 'p50 ms', 'p99 ms', 'max ms', 'errors', 'server', 'postgres', 'client'] as const;

/** The lines of the table's head. The last three columns are cores kept busy. */
export function measurementHead(): string {
  return line(columns);
}

/** One row of the table. */
export function measurementLine({ name, perSecond, p50Ms, p99Ms, maxMs, errors, cores }: Measurement): string {
  return line([
    name,
    Math.round(perSecond).toLocaleString('en'),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    maxMs.toFixed(1),
    String(errors),
    shownCores(cores.server),
    shownCores(cores.postgres),
    shownCores(cores.generator),
  ]);
}

/** The table of goals. */
export function goalLines(goals: readonly Goal[]): string[] {
  const width = Math.max(...goals.map(({ what }) => what.length));
  return goals.map(({ what, goal, shown, reached }) => {
    const verdict = reached === null ? '' : reached ? 'reached' : 'NOT REACHED';
    return `${what.padEnd(width)}  ${goal.padStart(14)}  ${shown.padStart(16)}  ${verdict}`.trimEnd();
  });
}

/** The lines of the proofs. */
export function proofLines(proofs: readonly Proof[]): string[] {
  return proofs.map(({ what, holds, detail }) => `${holds ? 'holds' : 'BROKEN'}  ${what}: ${detail}`);
}

function shownCores(cores: number | null): string {
  return cores === null ? '–' : cores.toFixed(2);
}

function line(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(11))).join('');
}

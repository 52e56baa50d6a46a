import { createLogUpdate } from 'log-update';

/** Progress of a command. */
export interface Progress {
  readonly done: number;
  /** null: nobody knows how much there is. */
  readonly total: number | null;
  /** The things that are counted, in the plural: `entries`. */
  readonly unit: string;
  /** A remark, such as the step that is under way. */
  readonly detail?: string;
}

/** A stream that a command writes to; `process.stdout` and `process.stderr` are. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Pause between two lines of progress where there is no terminal. */
  readonly lineIntervalMs?: number;
}

const LINE_INTERVAL_MS = 10_000;
const REDRAW_INTERVAL_MS = 100;
const BAR_WIDTH = 24;

/**
 * The output of a command. Results go to standard output, for people and for scripts. Progress and complaints go to standard
 * error: on a terminal progress is a bar that makes way for every other line, elsewhere it is a plain line now and then.
 */
export class Output {
  /** Takes the lines of a log (a destination of pino's). */
  readonly log = { write: (lines: string): void => this.#besideTheBar(() => this.#stderr.write(lines)) };
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #lineIntervalMs: number;
  readonly #bar: ReturnType<typeof createLogUpdate> | null;
  #shown: Progress | null = null;
  #first: { readonly done: number; readonly atMs: number } | null = null;
  #shownAtMs = 0;

  constructor({ stdout, stderr, lineIntervalMs = LINE_INTERVAL_MS }: OutputOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#lineIntervalMs = lineIntervalMs;
    // A terminal without a size, as some runners of jobs make them, has no room for a bar.
    const hasRoom = stderr.isTTY === true && stderr.columns !== 0 && stderr.rows !== 0;
    // The library asks for a whole stream and uses the members that are named above.
    this.#bar = hasRoom ? createLogUpdate(stderr as unknown as NodeJS.WritableStream, { showCursor: true }) : null;
  }

  /** Prints a line of results. */
  print(line: string): void {
    this.#besideTheBar(() => this.#stdout.write(`${line}\n`));
  }

  /** Prints a line on standard error. */
  complain(line: string): void {
    this.#besideTheBar(() => this.#stderr.write(`${line}\n`));
  }

  /** Shows how far the command is. It may be called as often as anything changes: most calls only take note. */
  progress(progress: Progress): void {
    const nowMs = performance.now();
    if (this.#first === null) {
      this.#first = { done: progress.done, atMs: nowMs };
      this.#shownAtMs = nowMs;
      if (this.#bar === null) return;
      this.#shownAtMs = 0;
    }
    this.#shown = progress;
    const intervalMs = this.#bar === null ? this.#lineIntervalMs : REDRAW_INTERVAL_MS;
    if (nowMs - this.#shownAtMs < intervalMs) return;
    this.#shownAtMs = nowMs;
    if (this.#bar === null) this.#stderr.write(`${this.#sentence(progress)}\n`);
    else this.#draw(progress);
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.clear();
    this.#shown = null;
    this.#first = null;
  }

  #besideTheBar(write: () => void): void {
    if (this.#bar === null || this.#shown === null) {
      write();
      return;
    }
    this.#bar.clear();
    write();
    this.#draw(this.#shown);
  }

  #draw(progress: Progress): void {
    const { done, total } = progress;
    const filled = total === null ? 0 : Math.floor(BAR_WIDTH * shareOf(done, total));
    const bar = total === null ? '' : `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} `;
    this.#bar?.(`${bar}${this.#sentence(progress)}`);
  }

  #sentence({ done, total, unit, detail }: Progress): string {
    const parts = [
      total === null
        ? `${inFigures(done)} ${unit}`
        : `${inFigures(done)} of ${inFigures(total)} ${unit}, ${Math.floor(100 * shareOf(done, total))} %`,
    ];
    const leftMs = total === null ? null : this.#leftMs(done, total);
    if (leftMs !== null) parts.push(`${inWords(leftMs)} left`);
    if (detail !== undefined) parts.push(detail);
    return parts.join(' · ');
  }

  /** As long as the rest takes at the pace so far; null while there is no pace. */
  #leftMs(done: number, total: number): number | null {
    const { done: before, atMs } = this.#first ?? { done, atMs: 0 };
    if (done <= before || total < done) return null;
    return ((performance.now() - atMs) * (total - done)) / (done - before);
  }
}

/** Keeps the bar at its end where things were counted again after a connection broke. */
function shareOf(done: number, total: number): number {
  return total === 0 ? 1 : Math.min(1, done / total);
}

function inFigures(count: number): string {
  return count.toLocaleString('en');
}

function inWords(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Sandbox } from './sandbox.ts';
import type { Behaviour, Tables } from './tables.ts';

interface Kept {
  readonly version: 1;
  readonly offsetMs: number;
  readonly frozenAt: number | null;
  readonly behaviour: Behaviour;
  readonly tables: Record<string, [string, unknown][]>;
}

/** Pause after a change before it is written: a burst of changes is one write. */
const WRITE_AFTER_MS = 50;

/** Keeps the account in a file, so that a restart of the demo finds what it had sold. */
export class Storage {
  readonly #sandbox: Sandbox;
  readonly #file: string;
  #timer: NodeJS.Timeout | null = null;

  constructor(sandbox: Sandbox, file: string) {
    this.#sandbox = sandbox;
    this.#file = file;
  }

  /** Takes over what the file holds; nothing, if there is none. */
  load(): void {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const kept = JSON.parse(text) as Kept;
    const tables = this.#sandbox.tables as unknown as Record<string, Map<string, unknown>>;
    for (const [name, rows] of Object.entries(kept.tables)) {
      for (const [id, row] of rows) tables[name]?.set(id, row);
    }
    Object.assign(this.#sandbox.behaviour, kept.behaviour);
    if (kept.frozenAt === null) this.#sandbox.restoreOffset(kept.offsetMs);
    else this.#sandbox.setTime(kept.frozenAt, true);
  }

  /** Will write soon. */
  changed(): void {
    this.#timer ??= setTimeout(() => this.flush(), WRITE_AFTER_MS);
  }

  /** Writes now, whole or not at all. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const sandbox = this.#sandbox;
    const tables = Object.entries(sandbox.tables as unknown as Tables & Record<string, Map<string, unknown>>);
    const kept: Kept = {
      version: 1,
      offsetMs: sandbox.offsetMs,
      frozenAt: sandbox.frozen ? sandbox.now() : null,
      behaviour: sandbox.behaviour,
      tables: Object.fromEntries(tables.map(([name, rows]) => [name, [...rows]])),
    };
    const draft = `${this.#file}.new`;
    writeFileSync(draft, JSON.stringify(kept), { mode: 0o600 });
    renameSync(draft, this.#file);
  }
}

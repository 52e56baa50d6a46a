import type { z } from 'zod';
import { MendableError } from '../kernel/mendable-error.ts';
import { integerBetween } from './values.ts';

/** Some variables are wrong. `mistakes` has one line for each of them: it names the variable and never its value. */
export class ConfigError extends MendableError {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/** Reads variables one by one. Mistakes are gathered, so that an operator mends all of them in one go. */
export class Reader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #mistakes = new Map<string, string>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** A variable that holds only spaces counts as absent. */
  has(name: string): boolean {
    return this.#text(name) !== undefined;
  }

  optional<T>(name: string, type: z.ZodType<T, string>): T | null {
    const text = this.#text(name);
    if (text === undefined) return null;
    const parsed = type.safeParse(text);
    if (parsed.success) return parsed.data;
    this.mistake(name, parsed.error.issues[0]?.message ?? 'is not valid');
    return null;
  }

  number(name: string, fallback: number, least: number, most: number): number {
    return this.optional(name, integerBetween(least, most)) ?? fallback;
  }

  require(name: string): void {
    if (!this.has(name)) this.mistake(name, 'is required in production');
  }

  /** Notes the first mistake of each variable; later ones of the same variable are dropped. */
  mistake(name: string, what: string): void {
    if (!this.#mistakes.has(name)) this.#mistakes.set(name, `${name} ${what}`);
  }

  /** @throws {ConfigError} with all mistakes, if there are any */
  throwMistakes(): void {
    if (this.#mistakes.size > 0) throw new ConfigError([...this.#mistakes.values()]);
  }

  #text(name: string): string | undefined {
    const text = this.#env[name]?.trim();
    return text === '' ? undefined : text;
  }
}

/**
 * The conditions of a statement that is built for what is asked, with their parameters numbered as they come. A condition
 * that is not asked for is not there: one that says «or $n is null» would keep the planner from the right index.
 */
export class Conditions {
  readonly values: unknown[];
  readonly #texts: string[] = [];

  /** @param values of the same statement, where it has other conditions elsewhere */
  constructor(values: unknown[] = []) {
    this.values = values;
  }

  /** Conditions of their own within the same statement: their parameters are numbered on. */
  part(): Conditions {
    return new Conditions(this.values);
  }

  /** Takes a value; returns how the statement names it. */
  value(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  and(text: string): this {
    this.#texts.push(text);
    return this;
  }

  /** The column has one of these values, of which there is at least one. A single one is compared by `=`: only that lets an index keep its order. */
  isOneOf(column: string, values: readonly unknown[]): this {
    return this.and(
      values.length === 1 ? `${column} = ${this.value(values[0])}` : `${column} = any(${this.value(values)})`,
    );
  }

  /** `where` with all of them. */
  get clause(): string {
    return this.#texts.length === 0 ? '' : `where ${this.#texts.join(' and ')}`;
  }
}

/** Readers of search parameters. What is not understood is left out, so that an old or mistyped link still opens. */

export function oneOf<const T extends string>(value: unknown, values: readonly T[]): T | undefined {
  return values.find((one) => one === value);
}

export function word(value: unknown): string | undefined {
  // The router reads a parameter of figures as a number.
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

export function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** A calendar day, such as 2026-03-01. */
export function day(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value))
    ? value
    : undefined;
}

const MOST = 50;

/** Up to fifty values; undefined: none. */
export function list<T>(value: unknown, read: (item: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value.map(read).filter((item) => item !== undefined);
  return items.length === 0 ? undefined : items.slice(0, MOST);
}

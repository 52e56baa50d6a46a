/** An invoice carries so many lines along. The rest is fetched from `/lines`. */
const CARRIED_LINES = 10;

type Json = Record<string, unknown>;

/** A copy as the API shows it: what is kept may not be reached through an answer, and long invoices are cut. */
export function present<T>(value: T): T {
  if (Array.isArray(value)) return value.map((each: unknown) => present(each)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const shown: readonly (readonly [string, unknown])[] = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .map(([name, each]: [string, unknown]) => [name, present(each)]);
  const copy: Json = Object.fromEntries(shown);
  if (copy['object'] === 'invoice' && copy['deleted'] !== true) {
    const lines = copy['lines'] as { data: unknown[]; has_more: boolean };
    if (lines.data.length > CARRIED_LINES) {
      copy['lines'] = { ...lines, data: lines.data.slice(0, CARRIED_LINES), has_more: true };
    }
  }
  return copy as T;
}

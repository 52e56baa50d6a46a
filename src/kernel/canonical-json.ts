/**
 * JSON in one spelling: equal values give equal text, whatever the order in which the members of their objects were made.
 * A bigint becomes text.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, canonically);
}

function canonically(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

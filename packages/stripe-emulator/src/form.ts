import { invalid } from './errors.ts';

/** A decoded parameter: text, or what stands in its brackets. Lists are branches with numbers for keys. */
export type Raw = string | Branch;
export type Branch = Map<string, Raw>;

/**
 * Decodes `items[0][price]=…&expand[]=…` as Stripe does. Maps rather than objects: names come from outside, and
 * `__proto__` is one of them.
 */
export function decodeForm(text: string): Branch {
  const root: Branch = new Map();
  for (const [name, value] of new URLSearchParams(text)) put(root, pathOf(name), value, name);
  return root;
}

/** The same of a body in JSON, as calls of the second version send it. */
export function decodeJson(text: string): Branch {
  const raw = text === '' ? new Map<string, Raw>() : rawOf(parsed(text));
  if (typeof raw === 'string') throw invalid('Invalid JSON: an object is expected.');
  return raw;
}

/** The same as plain JSON, for the log of requests. */
export function plain(raw: Raw): unknown {
  if (typeof raw === 'string') return raw;
  const entries = [...raw].map(([key, value]) => [key, plain(value)] as const);
  const isList = entries.length > 0 && entries.every(([key], index) => key === String(index));
  return isList ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw invalid('Invalid JSON.');
  }
}

type Json = string | number | boolean | null | { readonly [name: string]: Json };

function rawOf(value: Json): Raw {
  if (typeof value !== 'object' || value === null) return String(value ?? '');
  return new Map(Object.entries(value).map(([key, each]) => [key, rawOf(each)]));
}

function pathOf(name: string): string[] {
  const open = name.indexOf('[');
  if (open <= 0) return [name];
  const rest = name.slice(open);
  if (!/^(\[[^[\]]*\])+$/.test(rest)) throw invalid(`Invalid parameter name: ${name}`, { param: name });
  return [name.slice(0, open), ...rest.slice(1, -1).split('][')];
}

function put(root: Branch, path: readonly string[], value: string, name: string): void {
  let branch = root;
  for (const [index, part] of path.entries()) {
    // `a[]=` counts on.
    const key = part === '' && index > 0 ? String(branch.size) : part;
    if (index === path.length - 1) {
      branch.set(key, value);
      return;
    }
    const next = branch.get(key) ?? new Map<string, Raw>();
    if (typeof next === 'string') throw invalid(`Invalid parameter: ${name}`, { param: name });
    branch.set(key, next);
    branch = next;
  }
}

import { invalid } from './errors.ts';
import type { Branch, Raw } from './form.ts';
import type { Metadata } from './wire.ts';

/**
 * The parameters of a call, as a value: it reads the decoded form, converts, and refuses what Stripe would refuse. A parameter
 * of the real API that is not listed is refused as unknown: better than being taken and ignored.
 */
export interface Parameter<T> {
  /** `name` is how Stripe spells it in messages, brackets included. */
  readonly read: (raw: Raw | undefined, name: string) => T;
  /** Names below this one; for lists and maps of objects those of their elements. */
  readonly fields?: Fields;
}

export type Fields = Readonly<Record<string, Parameter<unknown>>>;
export type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Parameter<infer T> ? T : never };

/** Reads a whole request. @throws StripeFailure parameter_unknown, parameter_missing and their kin */
export function readFields<F extends Fields>(fields: F, branch: Branch, prefix = ''): Values<F> {
  const nameOf = (key: string): string => (prefix === '' ? key : `${prefix}[${key}]`);
  for (const key of branch.keys()) {
    if (!Object.hasOwn(fields, key)) {
      throw invalid(`Received unknown parameter: ${nameOf(key)}`, { code: 'parameter_unknown', param: nameOf(key) });
    }
  }
  const values = Object.entries(fields).map(([key, field]) => [key, field.read(branch.get(key), nameOf(key))]);
  return Object.fromEntries(values) as Values<F>;
}

/** Any text but the empty one, which Stripe takes for an attempt to unset. */
export const text: Parameter<string | undefined> = scalar((value, name) => {
  if (value === '') {
    throw invalid(
      `You passed an empty string for '${name}'. We assume empty values are an attempt to unset a parameter; however '${name}' cannot be unset. You should remove '${name}' from your request or supply a non-empty value.`,
      { code: 'parameter_invalid_empty', param: name },
    );
  }
  return value;
});

export const integer: Parameter<number | undefined> = scalar((value, name) => {
  if (!/^-?\d{1,15}$/.test(value)) {
    throw invalid(`Invalid integer: ${value}`, { code: 'parameter_invalid_integer', param: name });
  }
  return Number(value);
});

export const flag: Parameter<boolean | undefined> = scalar((value, name) => {
  if (value !== 'true' && value !== 'false') throw invalid(`Invalid boolean: ${value}`, { param: name });
  return value === 'true';
});

/** An exact decimal of at most 12 places, kept as text. */
export const decimal: Parameter<string | undefined> = scalar((value, name) => {
  if (!/^-?\d{1,18}(\.\d{1,12})?$/.test(value)) throw invalid(`Invalid decimal: ${value}`, { param: name });
  return value;
});

/** One of the words that are listed. */
export function oneOf<const W extends string>(...words: readonly W[]): Parameter<W | undefined> {
  return scalar((value, name) => {
    const word = words.find((each) => each === value);
    if (word === undefined) {
      const all = words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
      throw invalid(`Invalid ${name}: must be one of ${all}`, { param: name });
    }
    return word;
  });
}

/** A whole number, or a word such as `now`. */
export function integerOr<const W extends string>(word: W): Parameter<number | W | undefined> {
  return scalar((value, name) => (value === word ? word : (integer.read(value, name) as number)));
}

/** Must be there. */
export function required<T>(parameter: Parameter<T>): Parameter<Exclude<T, undefined>> {
  return {
    ...parameter,
    read: (raw, name) => {
      const value = raw === undefined ? undefined : parameter.read(raw, name);
      if (value === undefined) {
        throw invalid(`Missing required param: ${name}.`, { code: 'parameter_missing', param: name });
      }
      return value as Exclude<T, undefined>;
    },
  };
}

/** The empty text unsets it. */
export function clearable<T>(parameter: Parameter<T>): Parameter<T | null> {
  return { ...parameter, read: (raw, name) => (raw === '' ? null : parameter.read(raw, name)) };
}

export function object<F extends Fields>(fields: F): Parameter<Values<F> | undefined> {
  return {
    fields,
    read: (raw, name) => (raw === undefined ? undefined : readFields(fields, branchOf(raw, name, 'object'), name)),
  };
}

/** A list; the empty text is the empty list. */
export function list<T>(element: Parameter<T>): Parameter<Exclude<T, undefined>[] | undefined> {
  return {
    ...(element.fields !== undefined && { fields: element.fields }),
    read: (raw, name) => {
      if (raw === undefined) return undefined;
      if (raw === '') return [];
      const entries = [...branchOf(raw, name, 'array')];
      const bad = entries.find(([key]) => !/^\d+$/.test(key));
      if (bad !== undefined) throw invalid('Invalid array', { param: name });
      return entries
        .toSorted(([a], [b]) => Number(a) - Number(b))
        .map(([key, value]) => element.read(value, `${name}[${key}]`) as Exclude<T, undefined>);
    },
  };
}

/** Free names to texts. */
export const textMap: Parameter<Record<string, string> | undefined> = {
  read: (raw, name) => {
    if (raw === undefined) return undefined;
    const entries = [...branchOf(raw, name, 'object')].map(([key, value]) => {
      if (typeof value !== 'string') throw invalid(`Invalid string: ${name}[${key}]`, { param: `${name}[${key}]` });
      return [key, value] as const;
    });
    return Object.fromEntries(entries);
  },
};

/** Metadata: at most 50 keys of 40 characters with values of 500; an empty value removes its key. */
export const metadata: Parameter<Metadata | null | undefined> = clearable({
  read: (raw, name) => {
    const entries = Object.entries(textMap.read(raw, name) ?? {});
    if (raw === undefined) return undefined;
    if (entries.length > 50) throw invalid('Metadata can have at most 50 keys', { param: name });
    for (const [key, value] of entries) {
      if (key.length > 40) throw invalid(`Metadata keys can be at most 40 characters`, { param: `${name}[${key}]` });
      if (value.length > 500) {
        throw invalid('Metadata values can have up to 500 characters', { param: `${name}[${key}]` });
      }
    }
    return Object.fromEntries(entries);
  },
});

/** The new metadata: given keys are set, empty ones are removed, and null removes all. */
export function mergeMetadata(old: Readonly<Metadata>, change: Readonly<Metadata> | null | undefined): Metadata {
  if (change === undefined) return { ...old };
  if (change === null) return {};
  return Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== ''));
}

function scalar<T>(convert: (value: string, name: string) => T): Parameter<T | undefined> {
  return {
    read: (raw, name) => {
      if (raw === undefined) return undefined;
      if (typeof raw !== 'string') throw invalid(`Invalid string: ${name}`, { param: name });
      return convert(raw, name);
    },
  };
}

function branchOf(raw: Raw, name: string, kind: string): Branch {
  if (typeof raw === 'string') throw invalid(`Invalid ${kind}`, { param: name });
  return raw;
}

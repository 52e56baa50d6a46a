/**
 * JSON as it was sent, beside the value that was read from it. `JSON.parse` rounds numbers, and keeps the last one of
 * members with the same name, and says neither: as long as the text is there, what was lost can still be found.
 */
import { isUtf8 } from 'node:buffer';

/**
 * `number`: another number was read. `twice`: the member, or one around it, was sent more than once, and only the last was
 * read. `text`: bytes that are no UTF-8 were replaced.
 */
export type Loss = 'number' | 'twice' | 'text';

/** A loss, and the path that leads to it. */
export interface LostAt {
  readonly loss: Loss;
  readonly path: readonly (string | number)[];
}

/** Text that was read. The search for what was lost is made once, and only if somebody asks: it costs more than reading. */
export class SentJson {
  readonly value: unknown;
  readonly #text: string;
  readonly #bytes: Uint8Array | null;
  #losses: Losses | undefined;

  private constructor(text: string, bytes: Uint8Array | null) {
    this.value = JSON.parse(text);
    this.#text = text;
    this.#bytes = bytes;
  }

  /** Reads text, or bytes that should be UTF-8; null: it is not JSON. */
  static read(source: string | Buffer): SentJson | null {
    try {
      return typeof source === 'string' ? new SentJson(source, null) : new SentJson(source.toString(), source);
    } catch {
      return null;
    }
  }

  /** The first loss in this object or list of the value; null: it is as it was sent. */
  lossIn(part: object): LostAt | null {
    const { members } = this.#found();
    const path: (string | number)[] = [];
    for (let at: unknown = part; ; at = (at as Record<string | number, unknown>)[path.at(-1) as string | number]) {
      const [first] = members.get(at as object) ?? [];
      if (first === undefined) return null;
      const [key, loss] = first;
      if (key !== WHOLE) path.push(key);
      if (loss !== null) return { loss, path };
    }
  }

  /** The first loss in this member of an object of the value. */
  lossInMember(part: object, name: string): LostAt | null {
    const losses = this.#found().members.get(part);
    const loss = losses?.get(WHOLE) ?? losses?.get(name);
    if (loss === undefined) return null;
    return loss === null ? this.lossIn((part as Record<string, object>)[name] as object) : { loss, path: [] };
  }

  /** True when some member that was sent more than once was read as null, so that nothing of it is left to ask about. */
  get endsInNull(): boolean {
    return this.#found().endsInNull;
  }

  #found(): Losses {
    if (this.#losses !== undefined) return this.#losses;
    const isText = this.#bytes === null || isUtf8(this.#bytes);
    return (this.#losses = findLosses(this.#text, this.value, isText));
  }
}

/** Tells if a number, as JSON or GraphQL spells it, is the value that comes back. The spelling may change: 1.0 comes back as 1. */
export function isKept(source: string): boolean {
  if (source.length <= MOST_DIGITS && !/[-eE]/.test(source)) return true;
  const value = Number(source);
  // Beyond, one number stands for several whole ones, so none of them is told apart from its neighbours.
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER || Object.is(value, -0)) return false;
  const shown = String(value);
  return shown === source || decimalOf(shown) === decimalOf(source);
}

/** So many digits are always told apart. */
const MOST_DIGITS = 15;

/** A decimal number in one spelling. It goes through long ones once: a text may have millions of digits. */
function decimalOf(source: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const digits = whole + fraction;
  let [start, end] = [0, digits.length];
  while (digits[start] === '0') start += 1;
  while (end > start && digits[end - 1] === '0') end -= 1;
  if (start === end) return '0';
  return `${sign}${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

/** Stands for all of an object, in place of one of its members. */
const WHOLE = Symbol('whole');
type Key = string | number | typeof WHOLE;

interface Losses {
  /** Members with a loss, of objects and lists that have any. null: it lies further in. */
  readonly members: Map<object, Map<Key, Loss | null>>;
  endsInNull: boolean;
}

/** An object or list that is open at some place of the text. */
interface Open {
  /** The value that was read of it; undefined: another one was read in its place. */
  readonly value: object | undefined;
  /** Names so far; null: it is a list. */
  readonly names: Set<string> | null;
  /** The member that comes now. */
  key: string | number;
  awaitsName: boolean;
  /** The member that comes now has come before. */
  isRepeated: boolean;
  /** It lies within a member that was sent more than once. */
  readonly isInRepeated: boolean;
  /** How many of those that are open down to here have a value. Within one that has none, none has. */
  readonly valued: number;
}

const NUMBER = /[-+.\deE]+/y;

/** Walks through text that was read already, and so is JSON, beside its value. Without recursion: it may be nested however deeply. */
function findLosses(text: string, root: unknown, isText: boolean): Losses {
  const losses: Losses = { members: new Map(), endsInNull: false };
  const opened: Open[] = [];
  let open: Open | undefined;
  for (let at = 0; at < text.length;) {
    const character = text[at] as string;
    if (character === '"') {
      const end = endOfString(text, at);
      const isName = open?.awaitsName === true;
      if (isName) name(open as Open, text.slice(at, end));
      if (isName && open?.isRepeated === true) note(losses, opened, 'twice');
      if (!isText && text.slice(at, end).includes('\ufffd')) note(losses, opened, 'text');
      at = end;
    } else if (character === '{' || character === '[') {
      open = begin(character === '[', open, root);
      opened.push(open);
      if (open.isInRepeated && open.value !== undefined) {
        losses.members.set(open.value, new Map<Key, Loss | null>([[WHOLE, 'twice']]));
      }
      at += 1;
    } else if (character === '}' || character === ']') {
      opened.pop();
      open = opened.at(-1);
      at += 1;
    } else if (character === ',') {
      if (typeof open?.key === 'number') open.key += 1;
      else if (open !== undefined) open.awaitsName = true;
      at += 1;
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      NUMBER.lastIndex = at;
      const source = NUMBER.exec(text)?.[0] ?? character;
      if (!isKept(source)) note(losses, opened, 'number');
      at += source.length;
    } else {
      if (character === 'n' && open?.isRepeated === true) losses.endsInNull = true;
      at += 1;
    }
  }
  return losses;
}

function begin(isList: boolean, around: Open | undefined, root: unknown): Open {
  const read = around === undefined ? root : memberOf(around);
  const value = typeof read === 'object' && read !== null ? read : undefined;
  return {
    value,
    names: isList ? null : new Set(),
    key: isList ? 0 : '',
    awaitsName: !isList,
    isRepeated: false,
    isInRepeated: around !== undefined && (around.isRepeated || around.isInRepeated),
    valued: (around?.valued ?? 0) + (value === undefined ? 0 : 1),
  };
}

/** What was read of the member that comes now. Names such as `__proto__` are looked for among those that were sent alone. */
function memberOf({ value, key }: Open): unknown {
  return value !== undefined && Object.hasOwn(value, key)
    ? (value as Record<string | number, unknown>)[key]
    : undefined;
}

function name(open: Open, source: string): void {
  open.key = source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1);
  open.isRepeated = open.names?.has(open.key) === true;
  open.names?.add(open.key);
  open.awaitsName = false;
}

/** Notes a loss in the member that comes now, and on the way to it. Where the way is known it is known from there up. */
function note({ members }: Losses, opened: readonly Open[], loss: Loss): void {
  let what: Loss | null = loss;
  for (let index = (opened.at(-1)?.valued ?? 0) - 1; index >= 0; index -= 1) {
    const { value, key } = opened[index] as Open;
    let of = members.get(value as object);
    if (of === undefined) members.set(value as object, (of = new Map<Key, Loss | null>()));
    if (what === null && of.has(key)) return;
    of.set(key, what);
    what = null;
  }
}

/** The place behind a string that begins here. */
function endOfString(text: string, start: number): number {
  for (let quote = start; ;) {
    quote = text.indexOf('"', quote + 1);
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes += 1;
    if (escapes % 2 === 0) return quote + 1;
  }
}

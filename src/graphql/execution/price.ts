/**
 * Prices of fields, in objects: those in the answer, or work that is worth as many. A field declares its price in the
 * extension `price`. Without one it costs 1 plus its selection, and a connection costs a page of that.
 */
import { MAX_BUCKETS } from '../../usage/usage-summary.ts';

/** A field as a request asks for it. */
export interface Asked {
  /** Its arguments as the client gives them, defaults included. Not checked: what is wrong is refused by the execution. */
  readonly args: Readonly<Record<string, unknown>>;
  /** The cost of its selection, for one item where it is a list. */
  readonly inner: number;
  /** The limit for one operation. */
  readonly most: number;
}

/** The cost of a field; or a text that says why the request is wrong. */
export type Price = (asked: Asked) => number | string;

/** The largest `first`. */
const LARGEST_PAGE = 100;
/** Items assumed for a list without a declared size, so that a forgotten price is never 0. */
const UNKNOWN_ITEMS = 100;

/** An object. */
export const anObject: Price = ({ inner }) => 1 + inner;

/** A list of plain values, of any length. */
export const plainValues: Price = () => 1;

/** Items of a page, which the page counts. */
export const itemsOfPage: Price = ({ inner }) => 1 + inner;

/** A connection: `first` items, each of which costs at least 1, so that an empty selection is not free. */
export const aPage: Price = ({ args, inner }) => {
  const first = typeof args['first'] === 'number' ? args['first'] : LARGEST_PAGE;
  if (first < 1 || first > LARGEST_PAGE) return `must be from 1 to ${LARGEST_PAGE}.`;
  return 1 + first * Math.max(1, inner);
};

/** A list without pages that usually has this many items. */
export function aListOf(items: number): Price {
  return ({ inner }) => items * (1 + inner);
}

export const unknownList: Price = aListOf(UNKNOWN_ITEMS);

/** The work of one command of the ledger, alone or in a batch. */
export const COMMAND = 10;
/** The work of one call of the payment provider. */
export const PROVIDER_CALL = 200;

/** A field that takes more work than its answer shows, worth this many objects. */
export function withWork(objects: number, price: Price = anObject): Price {
  return (asked) => {
    const rest = price(asked);
    return typeof rest === 'string' ? rest : objects + rest;
  };
}

/** A page, with work besides when this argument is given. */
export function aPageLookedThrough(argument: string, objects: number): Price {
  const through = withWork(objects, aPage);
  return (asked) => (asked.args[argument] === undefined || asked.args[argument] === null ? aPage : through)(asked);
}

/** A share of all that an operation may cost: one such operation, and not `1 / share` of them. */
export function aShare(share: number): Price {
  return ({ inner, most }) => most * share + inner;
}

/** Objects that an item of a batch may show at no extra cost. */
const SHOWN_OF_ITEM = 50;

/**
 * A batch: its items, however they are sent. The largest is worth a whole operation, so that it is never refused by
 * itself and nothing goes beside it.
 */
export function aBatch({ argument, most: largest }: { readonly argument: string; readonly most: number }): Price {
  return ({ args, inner, most }) => {
    const given = args[argument];
    const items = Math.min(largest, Array.isArray(given) ? given.length : 1);
    return items * (most / largest + Math.max(0, inner - SHOWN_OF_ITEM));
  };
}

const DAY_MS = 86_400_000;
/** The least length of each. */
const INTERVALS_MS: Readonly<Record<string, number>> = { HOUR: DAY_MS / 24, DAY: DAY_MS, MONTH: 28 * DAY_MS };
/** The usual number of groups for each dimension. */
const GROUPS: Readonly<Record<string, number>> = {
  USER: 20,
  API_KEY: 20,
  RESOURCE: 2,
  BILLING_MODE: 2,
  FEATURE: 10,
  MODEL: 20,
};

/**
 * A summary: the buckets that it can come to. Its own bound is on buckets that are there, of which there may be few: so
 * one by itself is never refused beforehand.
 */
export const aSummary: Price = ({ args, inner, most }) => Math.min(0.9 * most, bucketsOf(args) * (1 + inner));

function bucketsOf({ from, to, interval, groupBy }: Asked['args']): number {
  const lengthMs = INTERVALS_MS[String(interval)];
  const spans = lengthMs === undefined ? 1 : Math.ceil((instantOf(to) - instantOf(from)) / lengthMs) + 1;
  const dimensions = new Set(Array.isArray(groupBy) ? groupBy.map(String) : [String(groupBy)]);
  const groups = [...dimensions].reduce((product, each) => product * (GROUPS[each] ?? 1), 1);
  const buckets = spans * groups;
  return Number.isNaN(buckets) ? MAX_BUCKETS : Math.min(MAX_BUCKETS, Math.max(1, buckets));
}

function instantOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

import { invalid, missing } from './errors.ts';
import { type Fields, integer, object, type Parameter, text } from './parameters.ts';
import type { Page } from './wire.ts';

/** Parameters that every list takes. */
export const pageFields = { limit: integer, starting_after: text, ending_before: text } satisfies Fields;

interface PageParameters {
  readonly limit?: number | undefined;
  readonly starting_after?: string | undefined;
  readonly ending_before?: string | undefined;
}

/** `created[gte]=…` */
export const range = object({ gt: integer, gte: integer, lt: integer, lte: integer }) satisfies Parameter<unknown>;

interface Range {
  readonly gt?: number | undefined;
  readonly gte?: number | undefined;
  readonly lt?: number | undefined;
  readonly lte?: number | undefined;
}

/** True when a time lies within the range that a list was asked for. */
export function within(time: number, asked: Range | undefined): boolean {
  if (asked === undefined) return true;
  const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = asked;
  return time > gt && time >= gte && time < lt && time <= lte;
}

/** One page, newest first: rows come in order of creation. */
export function pageOf<T extends { readonly id: string }>(
  rows: Iterable<T>,
  url: string,
  { limit = 10, starting_after: after, ending_before: before }: PageParameters,
): Page<T> {
  return pageInOrder([...rows].toReversed(), url, { limit, starting_after: after, ending_before: before });
}

/** One page of rows that are already in the order in which they are shown. */
export function pageInOrder<T extends { readonly id: string }>(
  rows: readonly T[],
  url: string,
  { limit = 10, starting_after: after, ending_before: before }: PageParameters,
): Page<T> {
  if (limit < 1 || limit > 100) {
    throw invalid('This value must be between 1 and 100 (inclusive).', { param: 'limit' });
  }
  if (after !== undefined && before !== undefined) {
    throw invalid('You can only specify one of these parameters: starting_after, ending_before.');
  }
  const indexOf = (id: string, param: string): number => {
    const index = rows.findIndex((row) => row.id === id);
    if (index < 0) throw missing('object', id, param);
    return index;
  };
  if (before !== undefined) {
    const end = indexOf(before, 'ending_before');
    const start = Math.max(0, end - limit);
    return { object: 'list', data: rows.slice(start, end), has_more: start > 0, url };
  }
  const start = after === undefined ? 0 : indexOf(after, 'starting_after') + 1;
  return { object: 'list', data: rows.slice(start, start + limit), has_more: start + limit < rows.length, url };
}

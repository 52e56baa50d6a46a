/** Keyset pagination: a page continues behind the key of the last row seen, so it stays stable while rows arrive. */
import { Refusal } from './refusal.ts';

export interface PageRequest {
  /** Rows wanted, 1 to 100. */
  readonly first: number;
  /** Cursor of the last row seen; null: from the beginning. */
  readonly after: string | null;
}

export interface Edge<T> {
  readonly cursor: string;
  readonly node: T;
}

/** One page, in the shape of the Relay cursor specification. */
export interface Page<T> {
  readonly edges: readonly Edge<T>[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

/** A row's place in its order; the next page starts behind it. */
export type Key = readonly (string | number | boolean | null)[];

/** The largest page. */
const MAX_PAGE = 100;

/**
 * Makes a page of `first` rows out of up to `first + 1`: the extra one tells whether more follow.
 * Reading it is cheaper than counting, and right at the moment of asking.
 */
export function toPage<T>(rows: readonly T[], request: PageRequest, keyOf: (row: T) => Key): Page<T> {
  const edges = rows.slice(0, request.first).map((node) => ({ cursor: encodeCursor(keyOf(node)), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > request.first,
      hasPreviousPage: request.after !== null,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** The pages of several owners, in their order, out of the rows of all of them. */
export function toPages<T extends { readonly billingEntityId: string }>(
  ids: readonly string[],
  rows: readonly T[],
  page: { readonly request: PageRequest; readonly keyOf: (row: T) => Key },
): Page<T>[] {
  const owned = Map.groupBy(rows, ({ billingEntityId }) => billingEntityId);
  return ids.map((id) => toPage(owned.get(id) ?? [], page.request, page.keyOf));
}

/**
 * Every row of a list, in pages. A page is read only when it is asked for, so a slow reader leaves nothing waiting in memory.
 * `read` takes sizes beyond those that callers may ask for.
 */
export async function* everyPage<T>(
  first: number,
  read: (request: PageRequest) => Promise<Page<T>>,
): AsyncGenerator<readonly T[], void, undefined> {
  for (let after: string | null = null; ;) {
    const { edges, pageInfo }: Page<T> = await read({ first, after });
    yield edges.map(({ node }) => node);
    if (!pageInfo.hasNextPage) return;
    after = pageInfo.endCursor;
  }
}

/**
 * The key that a cursor names, its parts of the types given; null when there is no cursor.
 * @throws Refusal BAD_USER_INPUT for anything this server did not make.
 */
export function decodeCursor<const Parts extends readonly KeyPart[]>(
  cursor: string | null,
  parts: Parts,
): { -readonly [Index in keyof Parts]: KeyPartType[Parts[Index]] } | null {
  if (cursor === null) return null;
  const key = keyOfCursor(cursor);
  if (
    !Array.isArray(key) ||
    key.length !== parts.length ||
    !parts.every((part, index) => isKeyPart[part](key[index]))
  ) {
    throw new Refusal('BAD_USER_INPUT', 'that is not a cursor of this list');
  }
  return key as never;
}

/** What a cursor holds, whoever made it; null when it holds nothing that can be read. */
export function keyOfCursor(cursor: string): unknown {
  return parseJson(Buffer.from(cursor, 'base64url').toString('utf8'));
}

/** A page size as callers may ask for it. @throws Refusal BAD_USER_INPUT */
export function checkPage({ first }: PageRequest): void {
  if (first < 1 || first > MAX_PAGE) throw new Refusal('BAD_USER_INPUT', `first must be 1 to ${MAX_PAGE}`);
}

interface KeyPartType {
  uuid: string;
  integer: string;
  instant: string;
  'instant or null': string | null;
  boolean: boolean;
  text: string;
}
type KeyPart = keyof KeyPartType;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const isInstant = (value: unknown): boolean =>
  typeof value === 'string' && INSTANT.test(value) && !Number.isNaN(Date.parse(value));

/** Tells if something is such a part of a key. */
export const isKeyPart: Record<KeyPart, (value: unknown) => boolean> = {
  uuid: (value) => typeof value === 'string' && UUID.test(value),
  // As text: sequences are 64-bit, and PostgreSQL would answer 20 digits with an error of its own.
  integer: (value) => typeof value === 'string' && /^-?\d{1,18}$/.test(value),
  instant: isInstant,
  'instant or null': (value) => value === null || isInstant(value),
  boolean: (value) => typeof value === 'boolean',
  // Such as an id of somebody else's.
  text: (value) => typeof value === 'string' && value.length > 0 && value.length <= 255,
};

/** A cursor that holds this key. */
export function encodeCursor(key: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

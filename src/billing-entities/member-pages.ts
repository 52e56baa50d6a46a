/** Members of an organization, in pages: who belongs to it in the order in which they were first known, then who is invited. */
import { columnsOf } from '../db/columns.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage, toPages } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import { type Membership, MembershipRow } from './membership.entity.ts';

export interface MemberFilter {
  /** Looked for in their names and external ids, whatever its case; of who is invited only in what the inviter named. */
  readonly search: string | null;
  /** At most this one. */
  readonly onlyUserId: string | null;
}

/** Members whose names are looked into at a time. */
const SEARCHED_AT_ONCE = 1_000;

/** @throws Refusal BAD_USER_INPUT */
export async function pageOfMembers(
  database: Database,
  organizationId: string,
  page: PageRequest,
  { search, onlyUserId }: MemberFilter,
): Promise<Page<Membership>> {
  checkPage(page);
  if (search !== null && !isStorableText(search)) {
    throw new Refusal('BAD_USER_INPUT', 'search must be well-formed text');
  }
  const pattern = search === null ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  const [after = null] = decodeCursor(page.after, ['uuid']) ?? [];
  const limit = page.first + 1;
  const size = pattern === null ? limit : SEARCHED_AT_ONCE;
  const found: Membership[] = [];
  for (let last = after; found.length < limit;) {
    const some = await membersAfter(database, [organizationId], { last, onlyUserId, size, pattern });
    const named = pattern === null ? null : await usersNamed(database, some, pattern);
    for (const { isNamed, ...member } of some) {
      if (named === null || isNamed || named.has(member.userId)) found.push(member);
    }
    if (some.length < size) break;
    last = (some.at(-1) as Membership).userId;
  }
  return toPage(found.slice(0, limit), page, ({ userId }) => [userId]);
}

/** All members of several organizations, in their order, as `pageOfMembers` has those of one. @throws Refusal BAD_USER_INPUT */
export async function pagesOfMembers(
  database: Database,
  organizationIds: readonly string[],
  page: PageRequest,
  { onlyUserId }: Pick<MemberFilter, 'onlyUserId'>,
): Promise<Page<Membership>[]> {
  checkPage(page);
  const [after = null] = decodeCursor(page.after, ['uuid']) ?? [];
  const wanted = { last: after, onlyUserId, size: page.first + 1, pattern: null };
  const members = await membersAfter(database, organizationIds, wanted);
  return toPages(organizationIds, members, { request: page, keyOf: ({ userId }) => [userId] });
}

type Found = Membership & {
  /** The inviter's word for them fits the search. */
  readonly isNamed: boolean;
};

async function membersAfter(
  database: Database,
  organizationIds: readonly string[],
  wanted: { last: string | null; onlyUserId: string | null; size: number; pattern: string | null },
): Promise<Found[]> {
  const { last, onlyUserId, size, pattern } = wanted;
  const where = new Conditions();
  const isNamed = `coalesce(m.external_id ilike ${where.value(pattern)}, false) as "isNamed"`;
  const columns = `${columnsOf(MembershipRow, 'm')}, ${isNamed}`;
  const owners = ownersOf(organizationIds, where);
  where.and(owners.condition('m'));
  if (last !== null) where.and(`m.user_id > ${where.value(last)}`);
  if (onlyUserId !== null) where.and(`m.user_id = ${where.value(onlyUserId)}`);
  const { rows } = await database.query<Found>(
    owners.list({ columns, table: 'membership', alias: 'm', where, order: 'm.user_id', limit: size }),
    where.values,
  );
  return rows;
}

/** Members of these whose name or external id fits. Names lie with the people, on whatever shard: a statement of its own. */
async function usersNamed(database: Database, members: readonly Membership[], pattern: string): Promise<Set<string>> {
  const { rows } = await database.query<{ billing_entity_id: string }>({
    name: 'members-named',
    text: `select b.billing_entity_id from billing_entity b
      where b.billing_entity_id = any($1::uuid[]) and (b.name ilike $2 or b.external_id ilike $2)`,
    values: [members.map(({ userId }) => userId), pattern],
  });
  return new Set(rows.map((row) => row.billing_entity_id));
}

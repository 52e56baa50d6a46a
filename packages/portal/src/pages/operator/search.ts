import { oneOf, word } from '../../ui/address.ts';

/** The search parameters of the operator's page. */
export interface OperatorSearch {
  /** Absent: the accounts. */
  readonly list?: 'jobs' | undefined;
  /** A part of the name or external id of the accounts to list; absent: all. */
  readonly find?: string | undefined;
}

export function readOperatorSearch({ list, find }: Record<string, unknown>): OperatorSearch {
  const [known, given] = [oneOf(list, ['jobs']), word(find)?.trim() ?? ''];
  return { ...(known !== undefined && { list: known }), ...(given !== '' && { find: given }) };
}

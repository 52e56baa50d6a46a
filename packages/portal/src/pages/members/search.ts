import { word } from '../../ui/address.ts';

/** The search parameters of the page of members; absent: all of them. */
export interface MembersSearch {
  /** A part of a name or an id. */
  readonly search?: string;
}

export function readMembersSearch({ search }: Record<string, unknown>): MembersSearch {
  const wanted = word(search)?.trim() ?? '';
  return wanted === '' ? {} : { search: wanted };
}

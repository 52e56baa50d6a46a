import { oneOf, word } from '../../ui/address.ts';

/** The search parameters of the page of components: one of its large samples, and the row of it that is open. */
export interface ComponentsSearch {
  readonly sample?: 'rows' | 'chart';
  readonly row?: string | undefined;
}

export function readComponentsSearch({ sample, row }: Record<string, unknown>): ComponentsSearch {
  const [known, open] = [oneOf(sample, ['rows', 'chart']), word(row)];
  return { ...(known !== undefined && { sample: known }), ...(open !== undefined && { row: open }) };
}

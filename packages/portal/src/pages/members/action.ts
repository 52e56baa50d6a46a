import type { MemberRowFragment } from '../../gql/graphql.ts';

/** The dialog that is open, and the member that it is about. */
export type MemberAction =
  | { readonly kind: 'invite' | 'move' | 'settings' }
  | { readonly kind: 'change' | 'remove'; readonly member: MemberRowFragment };

/** What a dialog did, in words, and the membership that is no more. */
export interface Done {
  readonly said: string;
  readonly goneId?: string;
}

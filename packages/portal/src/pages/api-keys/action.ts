import type { KeyRowFragment } from '../../gql/graphql.ts';

/** The dialog that is open, and the key that it is about. */
export type KeyAction =
  | { readonly kind: 'create' }
  | { readonly kind: 'edit' | 'rotate' | 'revoke'; readonly key: KeyRowFragment };

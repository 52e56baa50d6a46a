/** The search parameters of the page of keys. */
export interface KeysSearch {
  /** Shows those too that were revoked. */
  readonly revoked?: boolean;
}

export function readKeysSearch({ revoked }: Record<string, unknown>): KeysSearch {
  return revoked === true ? { revoked } : {};
}

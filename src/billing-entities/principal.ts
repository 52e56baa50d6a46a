/** Who is asking, as proven by their token. Roles inside organizations are not part of it: they are read when needed. */
export type Principal = UserPrincipal | ServicePrincipal | OperatorPrincipal | ApiKeyPrincipal;

interface TokenBearer {
  /** The token's `sub`: the identity provider's id. An API key's own public id. */
  readonly subject: string;
  /** When the token stops being valid; sockets close then. */
  readonly expiresAt: Date;
}

/** A person. Their billing entity exists from their first request on. */
export interface UserPrincipal extends TokenBearer {
  readonly kind: 'USER';
  readonly billingEntityId: string;
}

/** A platform back end: consumes, reserves and checks for any user or organization; administers nothing. */
export interface ServicePrincipal extends TokenBearer {
  readonly kind: 'SERVICE';
}

/** Runs this installation: everything, on every entity. */
export interface OperatorPrincipal extends TokenBearer {
  readonly kind: 'OPERATOR';
}

/** A PLATFORM key: use for its billing entity, and nothing else. */
export interface ApiKeyPrincipal extends TokenBearer {
  readonly kind: 'API_KEY';
  readonly billingEntityId: string;
  readonly apiKeyId: string;
}

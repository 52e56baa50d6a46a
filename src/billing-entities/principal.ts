/** A principal: the caller, as proven by a token. Roles inside organizations are not part of it: they are read when needed. */
export type Principal = UserPrincipal | ServicePrincipal | OperatorPrincipal | ApiKeyPrincipal;

interface TokenBearer {
  /** The token's `sub`: the identity provider's id. Of an API key: its public id. */
  readonly subject: string;
  /** When the token stops being valid; sockets close then. */
  readonly expiresAt: Date;
}

/** A person. Their billing entity exists from their first request on. */
export interface UserPrincipal extends TokenBearer {
  readonly kind: 'USER';
  readonly billingEntityId: string;
  /** The e-mail address that their token vouches for; absent: it names none, or says that nobody checked it. */
  readonly email?: string;
  /** External ids of organizations that their token names as theirs to administer; absent: none. */
  readonly claimedOrganizations?: readonly string[];
}

/** A platform back end: consumes, reserves and checks for any user or organization; administers nothing. */
export interface ServicePrincipal extends TokenBearer {
  readonly kind: 'SERVICE';
}

/** Runs this installation: everything, on every entity. */
export interface OperatorPrincipal extends TokenBearer {
  readonly kind: 'OPERATOR';
}

/** A PLATFORM API key: use on behalf of its billing entity, and nothing else. */
export interface ApiKeyPrincipal extends TokenBearer {
  readonly kind: 'API_KEY';
  /** Whom it acts for: a user or an organization. */
  readonly billingEntityId: string;
  readonly apiKeyId: string;
}

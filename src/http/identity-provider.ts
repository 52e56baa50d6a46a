/** An OpenID Connect provider: authorization code with PKCE, and the verified ID token as the identity. */
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  discovery,
  enableNonRepudiationChecks,
  type IDToken,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { ProviderConfig } from '../config/sign-in.ts';
import { emailIn, isSubject, organizationsIn, textClaim } from './principals.ts';
import type { Identity } from './sessions.ts';

/** What one sign-in must come back with. Its browser keeps it, sealed. */
export interface Transaction {
  readonly state: string;
  readonly nonce: string;
  /** The secret half of PKCE: with a stolen code alone nobody gets a token. */
  readonly verifier: string;
}

const TIMEOUT_SECONDS = 10;

export interface IdentityProviderOptions {
  readonly config: ProviderConfig;
  /** The claim that names the organizations that a user administers; null: there is none. */
  readonly organizationClaim: string | null;
  /** Where the provider sends people back to. */
  readonly callback: () => URL;
}

export class IdentityProvider {
  readonly #options: IdentityProviderOptions;
  #client: Promise<Configuration> | null = null;

  constructor(options: IdentityProviderOptions) {
    this.#options = options;
  }

  /**
   * The address to send a browser to, and what to remember until it comes back.
   * Rejects when the provider cannot be asked about itself.
   */
  async begin(): Promise<{ location: URL; transaction: Transaction }> {
    const client = await this.#discovered();
    const transaction = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
    const location = buildAuthorizationUrl(client, {
      redirect_uri: this.#options.callback().href,
      scope: this.#options.config.scope,
      state: transaction.state,
      nonce: transaction.nonce,
      code_challenge: await calculatePKCECodeChallenge(transaction.verifier),
      code_challenge_method: 'S256',
    });
    return { location, transaction };
  }

  /**
   * The person who came back with this query.
   * Rejects when anything about it, or about the ID token, is not as it must be.
   */
  async finish(query: string, { state, nonce, verifier }: Transaction): Promise<Identity> {
    const client = await this.#discovered();
    const returned = this.#options.callback();
    returned.search = query;
    const tokens = await authorizationCodeGrant(client, returned, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined || !isSubject(claims.sub)) throw new Error('the ID token names nobody whom we could');
    return this.#identityOf(claims);
  }

  #identityOf(claims: IDToken): Identity {
    const { config, organizationClaim } = this.#options;
    const email = emailIn(claims);
    return {
      sub: claims.sub,
      name: textClaim(claims['name']),
      ...(email !== undefined && { email: email.address, email_verified: email.verified }),
      ...(organizationClaim !== null &&
        Object.hasOwn(claims, organizationClaim) && { organizations: organizationsIn(claims[organizationClaim]) }),
      isOperator: isOperator(claims, config.operatorClaim),
    };
  }

  /** The provider is asked about itself at the first sign-in: it may be away while we start. */
  #discovered(): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = this.#options.config;
    this.#client ??= discovery(issuer, clientId, undefined, clientAuthentication(clientSecret), {
      timeout: TIMEOUT_SECONDS,
      execute: [
        // A token that came over TLS is believed without it; what may stand between is more than the protocol thinks of.
        enableNonRepudiationChecks,
        // The configuration allows it on this machine alone.
        // oxlint-disable-next-line typescript/no-deprecated
        ...(issuer.protocol === 'http:' ? [allowInsecureRequests] : []),
      ],
    }).catch((error: unknown) => {
      this.#client = null;
      throw error;
    });
    return this.#client;
  }
}

/** The claim alone decides: a scope is what the browser asked for. */
function isOperator(claims: IDToken, operatorClaim: ProviderConfig['operatorClaim']): boolean {
  if (operatorClaim === null || !Object.hasOwn(claims, operatorClaim.name)) return false;
  const claim: unknown = claims[operatorClaim.name];
  return Array.isArray(claim) ? claim.includes(operatorClaim.value) : claim === operatorClaim.value;
}

/** As the provider says it wants to be told the secret; by HTTP Basic where it does not say, as the standard has it. */
function clientAuthentication(secret: string): ClientAuth {
  const [basic, posted] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const isBasic = methods === undefined || methods.includes('client_secret_basic');
    return (isBasic ? basic : posted)(server, ...rest);
  };
}

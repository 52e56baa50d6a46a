/** An identity provider over real HTTP, whose answers a test can change just before they go out. */
import type { IncomingMessage } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { type MutableRedirectUri, type MutableResponse, type MutableToken, OAuth2Server } from 'oauth2-mock-server';

export const CLIENT_ID = 'tollgate';
export const CLIENT_SECRET = 'told to nobody: else';

export interface Hostility {
  /** Changes the claims of the tokens before they are signed. */
  readonly claims?: (payload: Record<string, unknown>) => void;
  /** Changes the answer that holds the ID token. */
  readonly answer?: (body: Record<string, unknown>) => void;
  /** Changes the address that the browser is sent back to. */
  readonly redirect?: (url: URL) => void;
  /** Changes what the provider says about itself. */
  readonly metadata?: (body: Record<string, unknown>) => void;
}

export class TestProvider {
  readonly server = new OAuth2Server();
  /** The Authorization headers of those who redeemed a code. */
  readonly credentials: (string | undefined)[] = [];
  hostility: Hostility = {};

  private constructor() {
    const { service } = this.server;
    service.on('beforeWellKnownOpenIdConfiguration', (response: MutableResponse) => {
      const body = response.body as Record<string, unknown>;
      body['token_endpoint_auth_methods_supported'] = ['client_secret_post', 'client_secret_basic'];
      this.hostility.metadata?.(body);
    });
    service.on('beforeTokenSigning', ({ payload }: MutableToken) => this.hostility.claims?.(payload));
    service.on('beforeResponse', (response: MutableResponse, request: IncomingMessage) => {
      this.credentials.push(request.headers.authorization);
      this.hostility.answer?.(response.body as Record<string, unknown>);
    });
    service.on('beforeAuthorizeRedirect', ({ url }: MutableRedirectUri) => this.hostility.redirect?.(url));
  }

  static async open(port = 0): Promise<TestProvider> {
    const provider = new TestProvider();
    // Its own way to make one looks at the prototype of an object that comes from outside of Jest's realm.
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    await provider.server.issuer.keys.add({ ...(await exportJWK(privateKey)), kid: 'k1', alg: 'RS256' });
    await provider.server.start(port, '127.0.0.1');
    return provider;
  }

  get issuer(): URL {
    return new URL(this.server.issuer.url as string);
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.server.stop();
  }
}

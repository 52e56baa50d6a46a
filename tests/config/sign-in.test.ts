import { loadConfig, type Mode } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/reader.ts';

const SECRET = 'a secret of sessions as long as it must be';
const whole = {
  OIDC_ISSUER: 'https://id.acme.example/realms/main',
  OIDC_CLIENT_ID: 'tollgate',
  OIDC_CLIENT_SECRET: 'hunter2',
  SESSION_SECRET: `${SECRET}, another ${SECRET}`,
  PUBLIC_URL: 'https://till.acme.example',
};
const required = {
  DATABASE_URL: 'postgres://tollgate@db/tollgate',
  AUTH_JWT_SECRET: 'x'.repeat(32),
  STRIPE_SECRET_KEY: 'sk_test_1',
  STRIPE_WEBHOOK_SECRET: 'whsec_1',
  ENCRYPTION_KEYS: `k:${Buffer.alloc(32, 7).toString('base64')}`,
};

function mistakesOf(env: Record<string, string | undefined>, mode: Mode = 'production'): readonly string[] {
  try {
    loadConfig({ ...required, ...env }, mode);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes;
  }
}

describe('sign-in to the portal', () => {
  it('needs nothing: local mode makes a secret, and nobody signs in to production', () => {
    expect(loadConfig({}, 'local').signIn).toEqual({ secrets: [], provider: null });
    expect(loadConfig(required, 'production').signIn).toEqual({ secrets: [], provider: null });
  });

  it('takes a provider and secrets, newest first', () => {
    expect(
      loadConfig({ ...required, ...whole, OIDC_OPERATOR_CLAIM: 'groups=cn=ops,ou=billing' }, 'production').signIn,
    ).toEqual({
      secrets: [SECRET, `another ${SECRET}`],
      provider: {
        issuer: new URL(whole.OIDC_ISSUER),
        clientId: 'tollgate',
        clientSecret: 'hunter2',
        scope: 'openid profile email',
        operatorClaim: { name: 'groups', value: 'cn=ops,ou=billing' },
      },
    });
    expect(loadConfig({ ...required, ...whole }, 'production').signIn.provider?.operatorClaim).toBeNull();
  });

  it.each(Object.keys(whole))('is refused in production without %s alone', (missing) => {
    const first = missing === 'OIDC_ISSUER' ? 'OIDC_CLIENT_ID' : 'OIDC_ISSUER';
    expect(mistakesOf({ ...whole, [missing]: undefined })).toEqual([`${missing} is required with ${first}`]);
  });

  it.each(['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'OIDC_OPERATOR_CLAIM', 'OIDC_SCOPE'])(
    'is refused with %s alone, in either mode',
    (name) => {
      const value = { OIDC_ISSUER: whole.OIDC_ISSUER, OIDC_OPERATOR_CLAIM: 'a=b', OIDC_SCOPE: 'openid' }[name] ?? 'x';
      for (const mode of ['local', 'production'] as const) {
        const missing = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'].filter((other) => other !== name);
        expect(mistakesOf({ [name]: value }, mode)).toEqual(
          expect.arrayContaining(missing.map((other) => `${other} is required with ${name}`)),
        );
      }
    },
  );

  it('is refused in production with a secret alone, which local mode may have', () => {
    expect(mistakesOf({ SESSION_SECRET: SECRET })).toEqual([
      'OIDC_ISSUER is required with SESSION_SECRET: without a provider nobody can sign in',
    ]);
    expect(mistakesOf({ SESSION_SECRET: SECRET }, 'local')).toEqual([]);
  });

  it.each([
    ['SESSION_SECRET', 'short'],
    ['SESSION_SECRET', `${SECRET},short`],
    ['SESSION_SECRET', `${SECRET},`],
    ['OIDC_ISSUER', 'id.acme.example'],
    ['OIDC_ISSUER', 'http://id.acme.example'],
    ['OIDC_ISSUER', 'http://localhost.evil.example'],
    ['OIDC_OPERATOR_CLAIM', 'staff'],
    ['OIDC_OPERATOR_CLAIM', '=x'],
    ['OIDC_OPERATOR_CLAIM', 'staff='],
    ['OIDC_SCOPE', 'profile email'],
  ])('is refused with %s %j, which the message does not repeat', (name, value) => {
    const mistakes = mistakesOf({ ...whole, [name]: value });
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(new RegExp(`^${name} must `));
    expect(mistakes[0]).not.toContain(value);
  });

  it('takes a provider of this machine by plain HTTP', () => {
    expect(mistakesOf({ ...whole, OIDC_ISSUER: 'http://localhost:9000/' })).toEqual([]);
  });
});

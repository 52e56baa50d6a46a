import { loadConfig, publicUrlOf } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/reader.ts';
import type { Mode } from '../../src/config/config.ts';

const key = Buffer.alloc(32, 7).toString('base64');
const production = {
  DATABASE_URL: 'postgres://tollgate:hunter2@db/tollgate',
  AUTH_JWT_SECRET: 'x'.repeat(32),
  STRIPE_SECRET_KEY: 'sk_test_1',
  STRIPE_WEBHOOK_SECRET: 'whsec_1, whsec_2',
  ENCRYPTION_KEYS: `new:${key},old:${key}`,
};

function mistakesOf(env: Record<string, string>, mode: Mode = 'local'): readonly string[] {
  try {
    loadConfig(env, mode);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes;
  }
}

describe('configuration', () => {
  it('needs nothing in local mode', () => {
    const config = loadConfig({}, 'local');
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      databaseUrl: null,
      dataDir: './.tollgate',
      demo: true,
    });
    expect(config.auth).toEqual({
      jwtSecret: null,
      jwksUrl: null,
      issuer: null,
      audience: null,
      organizationClaim: null,
    });
    expect(config.stripe).toMatchObject({ secretKey: null, webhookSecrets: [] });
  });

  it('leaves commands a part of whatever connections there are', () => {
    const bounds = { waitingPerCaller: 2_000, waiting: 20_000 };
    expect(loadConfig({}, 'local').reads).toEqual({ atOnce: 8, atOncePerCaller: 4, ...bounds });
    expect(loadConfig({ DATABASE_POOL_SIZE: '50' }, 'local').reads).toMatchObject({ atOnce: 40, atOncePerCaller: 20 });
    expect(loadConfig({ DATABASE_POOL_SIZE: '1' }, 'local').reads).toMatchObject({ atOnce: 1, atOncePerCaller: 1 });
    expect(loadConfig({ READS_AT_ONCE: '3', READS_PER_CALLER: '2' }, 'local').reads).toMatchObject({
      atOnce: 3,
      atOncePerCaller: 2,
    });
    expect(mistakesOf({ READS_WAITING: '0' })).toEqual(['READS_WAITING must be a whole number from 1 to 1000000']);
  });

  it('names everything that production misses, one line each', () => {
    expect(mistakesOf({}, 'production')).toEqual([
      'AUTH_JWT_SECRET or AUTH_JWKS_URL is required in production',
      'DATABASE_URL is required in production',
      'STRIPE_SECRET_KEY is required in production',
      'STRIPE_WEBHOOK_SECRET is required in production',
      'ENCRYPTION_KEYS is required in production',
    ]);
  });

  it('is complete in production with all of them', () => {
    const config = loadConfig(production, 'production');
    expect(config.stripe.webhookSecrets).toEqual(['whsec_1', 'whsec_2']);
    expect(config.encryptionKeys.map(({ id, key: { length } }) => [id, length])).toEqual([
      ['new', 32],
      ['old', 32],
    ]);
    expect(config.demo).toBe(false);
  });

  describe('of mail', () => {
    const smtp = { SMTP_URL: 'smtp://user:hunter2@mail.example:587' };

    it('keeps mails in local mode and sends none in production, without a server', () => {
      expect(loadConfig({}, 'local').mail).toEqual({
        smtpUrl: null,
        from: { name: 'Tollgate', address: 'tollgate@localhost' },
      });
      expect(loadConfig(production, 'production').mail).toBeNull();
    });

    it.each([
      ['billing@acme.example', { name: 'Tollgate', address: 'billing@acme.example' }],
      ['Acme AI <billing@acme.example>', { name: 'Acme AI', address: 'billing@acme.example' }],
      ['"Acme, Inc." <billing@acme.example>', { name: 'Acme, Inc.', address: 'billing@acme.example' }],
      ['<billing@acme.example>', { name: 'Tollgate', address: 'billing@acme.example' }],
    ])('is from %j', (MAIL_FROM, from) => {
      expect(loadConfig({ ...production, ...smtp, MAIL_FROM }, 'production').mail).toEqual({
        smtpUrl: smtp.SMTP_URL,
        from,
      });
    });

    it.each([
      'Acme AI',
      'a@b@c',
      'Acme <a@b.example> <c@d.example>',
      'Acme\nBcc: x <a@b.example>',
      'Acme <a b@c.example>',
    ])('is not from %j', (MAIL_FROM) => {
      expect(mistakesOf({ ...smtp, MAIL_FROM })).toEqual([expect.stringMatching(/^MAIL_FROM must be an address/)]);
    });

    it('says whom it is from', () => {
      expect(mistakesOf(smtp)).toEqual(['MAIL_FROM is required with SMTP_URL']);
    });
  });

  it('wants one way to verify tokens, not two', () => {
    const env = { ...production, AUTH_JWKS_URL: 'https://id.example/keys' };
    expect(mistakesOf(env, 'production')).toEqual([expect.stringMatching(/^AUTH_JWKS_URL must not be set together/)]);
    const { AUTH_JWT_SECRET: _secret, ...withoutSecret } = env;
    expect(mistakesOf({ ...withoutSecret, AUTH_AUDIENCE: 'tollgate' }, 'production')).toEqual([]);
  });

  it('wants an audience with keys that sign for others too, in production', () => {
    const { AUTH_JWT_SECRET: _secret, ...rest } = production;
    const env = { ...rest, AUTH_JWKS_URL: 'https://id.example/keys' };
    expect(mistakesOf(env, 'production')).toEqual([
      'AUTH_AUDIENCE is required with AUTH_JWKS_URL: its keys sign for other applications too',
    ]);
    expect(mistakesOf({ AUTH_JWKS_URL: env.AUTH_JWKS_URL }, 'local')).toEqual([]);
  });

  it('lets webhooks go to this machine in local mode alone, unless told otherwise', () => {
    expect(loadConfig({}, 'local').webhooks).toEqual({ allowLoopback: true });
    expect(loadConfig(production, 'production').webhooks).toEqual({ allowLoopback: false });
    expect(loadConfig({ WEBHOOK_ALLOW_LOOPBACK: '0' }, 'local').webhooks).toEqual({ allowLoopback: false });
    const told = { ...production, WEBHOOK_ALLOW_LOOPBACK: '1' };
    expect(loadConfig(told, 'production').webhooks).toEqual({ allowLoopback: true });
  });

  it('leaves external ids of organizations open in local mode alone, unless told otherwise', () => {
    expect(loadConfig({}, 'local').organizations).toEqual({
      ids: 'open',
      perOwner: 100,
      membersEach: 10_000,
      invitationsEach: 500,
      newPeopleADay: 500,
    });
    expect(loadConfig(production, 'production').organizations.ids).toBe('claimed');
    expect(loadConfig({ ORGANIZATION_IDS: 'claimed' }, 'local').organizations.ids).toBe('claimed');
    expect(loadConfig({ ...production, ORGANIZATION_IDS: 'open' }, 'production').organizations.ids).toBe('open');
  });

  it('lets pages call from CORS_ORIGINS, or where it is absent from RETURN_ORIGINS', () => {
    const corsOrigins = (env: Record<string, string>): readonly string[] =>
      loadConfig({ ...production, ...env }, 'production').corsOrigins;
    expect(corsOrigins({})).toEqual([]);
    expect(corsOrigins({ RETURN_ORIGINS: 'https://shop.example' })).toEqual(['https://shop.example']);
    expect(corsOrigins({ RETURN_ORIGINS: 'https://shop.example', CORS_ORIGINS: 'https://app.example' })).toEqual([
      'https://app.example',
    ]);
  });

  it('counts an empty string as absent', () => {
    expect(mistakesOf({ ...production, DATABASE_URL: ' ' }, 'production')).toEqual([
      'DATABASE_URL is required in production',
    ]);
    expect(loadConfig({ PORT: '', DATABASE_URL: '' }, 'local')).toMatchObject({ port: 4000, databaseUrl: null });
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '4000x'],
    ['PORT', '-1'],
    ['AUTH_JWT_SECRET', 'x'.repeat(31)],
    ['AUTH_JWKS_URL', 'id.example/keys'],
    ['DATABASE_URL', 'mysql://db'],
    ['REDIS_URL', 'http://cache'],
    ['PUBLIC_URL', 'nonsense'],
    ['RETURN_ORIGINS', 'https://app.example/path'],
    ['RETURN_ORIGINS', 'https://app.example,'],
    ['CORS_ORIGINS', 'https://app.example/path'],
    ['CORS_ORIGINS', '*'],
    ['ENCRYPTION_KEYS', `a:${Buffer.alloc(31).toString('base64')}`],
    ['ENCRYPTION_KEYS', `a:${key},a:${key}`],
    ['ENCRYPTION_KEYS', key],
    ['DEMO', 'perhaps'],
    ['LOG_LEVEL', 'loud'],
    ['METRICS_TOKEN', 'short'],
    ['DOCUMENT_DEPTH', '0'],
    ['LEDGER_LANES', '1.5'],
    ['SOCKETS_USER', '-1'],
    ['SOCKETS_UNADMITTED', '0'],
    ['SOCKETS_UNADMITTED_PEER', 'few'],
    ['SOCKET_MESSAGES', '0'],
    ['ORGANIZATION_IDS', 'closed'],
    ['ORGANIZATIONS_PER_OWNER', '0'],
    ['NEW_PEOPLE_PER_DAY', '-5'],
  ])('says in one line, without the value, that %s is wrong (%s)', (name, value) => {
    const [mistake, ...others] = mistakesOf({ [name]: value });
    expect(others).toEqual([]);
    expect(mistake).toMatch(new RegExp(`^${name} must [^\n]+$`));
    if (value.length > 5) expect(mistake).not.toContain(value);
  });

  it('bounds sockets by who is on them, services and operators only when told to', () => {
    const { limits } = loadConfig({ SOCKETS_SERVICE: '7' }, 'local');
    expect(limits.socketsOfPrincipal).toEqual({ USER: 50, API_KEY: 200, SERVICE: 7, OPERATOR: 0 });
    expect(limits).toMatchObject({ socketsUnadmitted: 500, socketsUnadmittedPeer: 50, socketMessages: 100 });
  });

  it('lets PORT be 0', () => {
    expect(loadConfig({ PORT: '0' }, 'local').port).toBe(0);
  });

  it('seeds demo data by itself only into the embedded database', () => {
    const DATABASE_URL = 'postgres://localhost/x';
    expect(loadConfig({ DATABASE_URL }, 'local').demo).toBe(false);
    expect(loadConfig({ DATABASE_URL, DEMO: '1' }, 'local').demo).toBe(true);
    expect(loadConfig({ DEMO: '0' }, 'local').demo).toBe(false);
  });
});

describe('the public address', () => {
  it.each([
    [{ PUBLIC_URL: 'https://tollgate.example' }, 'https://tollgate.example/'],
    [{ PUBLIC_URL: 'https://example.com/billing?x=1#y' }, 'https://example.com/billing/'],
    [{ HOST: '0.0.0.0' }, 'http://localhost:4711/'],
    [{ HOST: '::1' }, 'http://[::1]:4711/'],
    [{}, 'http://localhost:4711/'],
  ])('of %j is %s', (env, address) => {
    expect(publicUrlOf(loadConfig(env, 'local'), 4711).href).toBe(address);
  });
});

import pg from 'pg';
import type { ApiKey } from '../../src/api-keys/api-key.ts';
import type { CreateKeyInput } from '../../src/api-keys/api-key-input.ts';
import type { IssuedKey } from '../../src/api-keys/api-keys.ts';
import { makeKey } from '../../src/api-keys/key-format.ts';
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import { Installation, OPERATOR, type Person } from '../support/installation.ts';

const OPENAI = 'sk-proj-hunter2hunter2hunter2';
const ANTHROPIC = 'sk-ant-api03-hunter2hunter2';
const PLATFORM: CreateKeyInput = {
  name: 'mine',
  type: 'PLATFORM',
  provider: 'OPENAI',
  billingMode: null,
  secret: null,
  creditLimit: null,
  expiresAt: null,
};
const CUSTOM: CreateKeyInput = { ...PLATFORM, type: 'CUSTOM', secret: OPENAI };

let installation: Installation;
let person: Person;

beforeAll(async () => {
  installation = await Installation.open();
});

beforeEach(async () => {
  person = await installation.person(0n);
});

afterAll(() => installation.close());

const create = (input: Partial<CreateKeyInput> = {}, base = PLATFORM): Promise<IssuedKey> =>
  installation.one.apiKeys.create(person.principal, person.id, { ...base, ...input });
const platformSecret = async (input: Partial<CreateKeyInput> = {}): Promise<{ apiKey: ApiKey; secret: string }> => {
  const { apiKey, secret } = await create(input);
  return { apiKey, secret: secret as string };
};
const authenticate = (secret: string) => installation.two.keyAuthentication.authenticate(secret);
const expectDead = (secret: string) =>
  expect(authenticate(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: 'The API key is not valid.' });
const audited = async (action: string) => {
  const { rows } = await installation.admin.query<{ actor: string; subject: string; before: object; after: object }>(
    'select actor, subject, before, after from audit_log_entry where billing_entity_id = $1 and action = $2 order by id',
    [person.id, action],
  );
  return rows;
};

describe('a new key', () => {
  it('of the platform is FULL, shows its secret once, and acts for its billing entity', async () => {
    const { apiKey, secret } = await platformSecret({ name: '  mine  ', creditLimit: 0n });
    expect(apiKey).toMatchObject({
      billingEntityId: person.id,
      name: 'mine',
      type: 'PLATFORM',
      billingMode: 'FULL',
      hint: `tg_live_…${secret.slice(-4)}`,
      status: 'ACTIVE',
      creditLimit: 0n,
      createdBy: `user:${person.externalId}`,
      createdAt: installation.clock.now(),
      lastUsedAt: null,
    });
    expect(await installation.two.apiKeys.byRef(apiKey)).toEqual(apiKey);
    expect(await authenticate(secret)).toEqual({
      kind: 'API_KEY',
      subject: apiKeyId(person.id, apiKey.id),
      billingEntityId: person.id,
      apiKeyId: apiKey.id,
      expiresAt: new Date(8.64e15),
    });
    expect(await audited('apiKey.create')).toMatchObject([
      { actor: `user:${person.externalId}`, subject: apiKeyId(person.id, apiKey.id), before: null },
    ]);
  });

  it('of a customer is COMPUTE_ONLY unless set FULL, and shows nothing', async () => {
    expect(await create({}, CUSTOM)).toMatchObject({
      secret: null,
      apiKey: { type: 'CUSTOM', billingMode: 'COMPUTE_ONLY', hint: 'sk-proj-…ter2' },
    });
    const anthropic = { provider: 'ANTHROPIC', secret: ANTHROPIC, billingMode: 'FULL' } as const;
    expect(await create(anthropic, CUSTOM)).toMatchObject({ apiKey: { billingMode: 'FULL', hint: 'sk-ant-…ter2' } });
  });

  it.each([
    ['no name', { name: ' ' }],
    ['a long name', { name: 'x'.repeat(101) }],
    ['a name that cannot be kept', { name: 'a\0b' }],
    ['half a character in the name', { name: 'a\ud800' }],
    ['a secret of its own', { secret: OPENAI }],
    ['an empty secret of its own', { secret: '' }],
    ['COMPUTE_ONLY', { billingMode: 'COMPUTE_ONLY' }],
    ['a negative limit', { creditLimit: -1n }],
    ['an end that is past', { expiresAt: new Date('2020-01-01') }],
  ] as const)('of the platform is refused with %s', async (_what, input) => {
    await expect(create(input)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it.each([
    ['none', null],
    ['an empty one', ''],
    ['blanks', '   '],
    ['one with blanks around', ` ${OPENAI}`],
    ['one with a line end', `${OPENAI}\n`],
    ['two', `${OPENAI} ${OPENAI}`],
    ['one of Anthropic for OPENAI', ANTHROPIC],
    ['one of this service', `tg_live_${'hunter2'.repeat(12)}`],
    ['a token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2'],
    ['an e-mail address', 'hunter2@example.com'],
    ['an address', 'https://hunter2.example.com/sk-hunter2'],
    ['one of Stripe', 'sk_live_hunter2hunter2hunter2'],
    ['a header', `Bearer-${OPENAI}`],
    ['one of another shape', 'hunter2hunter2hunter2'],
    ['a short one', 'sk-hunter2'],
    ['an endless one', `sk-${'hunter2'.repeat(100)}`],
    ['one with strange characters', 'sk-hunter2hunter2hünter2'],
    ['one with NUL', 'sk-hunter2hunter2hunter2\0'],
  ])('of a customer is refused with %s as its secret, which is not repeated', async (_what, secret) => {
    const refusal = await create({ secret }, CUSTOM).then(
      () => null,
      (error: unknown) => error as Error,
    );
    expect(refusal).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(`${refusal?.message} ${refusal?.stack}`).not.toMatch(/hunter2|hünter2/);
  });

  it('is one too many after a thousand that are not revoked', async () => {
    const { apiKey } = await create();
    await installation.behindItsBack(
      `insert into api_key (billing_entity_id, id, name, type, provider, billing_mode, hint, secret_hash, created_by, created_at)
       select billing_entity_id, gen_random_uuid(), name, type, provider, billing_mode, hint, secret_hash, created_by, created_at
       from api_key, generate_series(1, 999) where id = '${apiKey.id}'`,
    );
    await expect(create()).rejects.toMatchObject({ code: 'CONFLICT' });
    await installation.one.apiKeys.revoke(person.principal, apiKey);
    await create();
  });

  it('of ANTHROPIC is refused one of OpenAI', async () => {
    await expect(create({ provider: 'ANTHROPIC' }, CUSTOM)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

const textOf = (statement: unknown): string =>
  typeof statement === 'string' ? statement : String((statement as { text?: string }).text);

describe('a bearer', () => {
  it('that is malformed is refused without a statement', async () => {
    const { secret } = await platformSecret();
    const [{ query }, statements] = [pg.Client.prototype, [] as unknown[]];
    pg.Client.prototype.query = function counted(this: pg.Client, ...args: unknown[]): unknown {
      // Alerts may be on their ways meanwhile: making somebody uses up their trial.
      if (/\bapi_key\b/.test(textOf(args[0]))) statements.push(args[0]);
      return Reflect.apply(query, this, args);
    } as typeof query;
    try {
      await expectDead(`${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`);
      await expectDead('tg_live_');
      await expectDead('tg_export_whatever');
      expect(statements).toEqual([]);
      await authenticate(secret);
      expect(statements).toHaveLength(1);
    } finally {
      pg.Client.prototype.query = query;
    }
  });

  it('that is well-formed, but of a customer’s key or of no key, is refused alike', async () => {
    const { apiKey } = await create({}, CUSTOM);
    const { apiKey: mine } = await platformSecret();
    await expectDead(makeKey(apiKey));
    await expectDead(makeKey(mine));
    await expectDead(makeKey({ billingEntityId: person.id, id: person.id }));
  });

  it('ends with its key’s time, and lives again when that is moved on', async () => {
    const expiresAt = new Date(installation.clock.now().getTime() + 60_000);
    const { apiKey, secret } = await platformSecret({ expiresAt });
    expect(await authenticate(secret)).toMatchObject({ expiresAt });
    installation.clock.forwardMs(60_000);
    await expectDead(secret);
    expect(await installation.one.apiKeys.byRef(apiKey)).toMatchObject({ status: 'EXPIRED' });
    const updated = await installation.one.apiKeys.update(person.principal, apiKey, { expiresAt: null });
    expect(updated).toMatchObject({ status: 'ACTIVE', expiresAt: null });
    await authenticate(secret);
  });

  it('is dead on the very next use once its key is revoked, on every process', async () => {
    const { apiKey, secret } = await platformSecret();
    await Promise.all([installation.one.keyAuthentication.authenticate(secret), authenticate(secret)]);
    await installation.one.apiKeys.revoke(person.principal, apiKey);
    await expectDead(secret);
    await expect(installation.one.keyAuthentication.authenticate(secret)).rejects.toThrow('not valid');
  });
});

describe('a rotation', () => {
  it('gives the same key a new secret and ends the old one at once', async () => {
    const { apiKey, secret } = await platformSecret({ creditLimit: 5n });
    const rotated = await installation.one.apiKeys.rotate(OPERATOR, apiKey, { secret: null, overlapSeconds: 0 });
    expect(rotated.apiKey).toEqual({ ...apiKey, hint: `tg_live_…${rotated.secret?.slice(-4)}` });
    expect(await authenticate(rotated.secret as string)).toMatchObject({ apiKeyId: apiKey.id });
    await expectDead(secret);
    expect(await audited('apiKey.rotate')).toMatchObject([{ actor: 'operator:root' }]);
  });

  it('leaves the old secret working for its overlap, by the clock, and no longer than the key', async () => {
    const { apiKey, secret } = await platformSecret();
    const start = installation.clock.now().getTime();
    const { secret: second } = await installation.one.apiKeys.rotate(person.principal, apiKey, {
      secret: null,
      overlapSeconds: 604_800,
    });
    installation.clock.set(new Date(start + 604_799_999));
    expect(await authenticate(secret)).toMatchObject({ expiresAt: new Date(start + 604_800_000) });
    installation.clock.set(new Date(start + 604_800_000));
    await expectDead(secret);
    await authenticate(second as string);
  });

  it('during an overlap ends the oldest secret, and revocation ends all', async () => {
    const { apiKey, secret: first } = await platformSecret();
    const rotate = async (overlapSeconds: number): Promise<string> =>
      (await installation.one.apiKeys.rotate(person.principal, apiKey, { secret: null, overlapSeconds }))
        .secret as string;
    const second = await rotate(3_600);
    const third = await rotate(60);
    await expectDead(first);
    await authenticate(second);
    await authenticate(third);
    const fourth = await rotate(0);
    await expectDead(third);
    const fifth = await rotate(60);
    await installation.two.apiKeys.revoke(person.principal, apiKey);
    await expectDead(fourth);
    await expectDead(fifth);
  });

  it.each([-1, 604_801, 0.5, Number.NaN])('with an overlap of %s seconds is refused', async (overlapSeconds) => {
    const { apiKey } = await platformSecret();
    const request = { secret: null, overlapSeconds };
    await expect(installation.one.apiKeys.rotate(person.principal, apiKey, request)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it('of a customer’s key needs the new secret, of the platform’s takes none; of a revoked one is a CONFLICT', async () => {
    const [{ apiKey: custom }, { apiKey: platform }] = await Promise.all([create({}, CUSTOM), create()]);
    const rotate = (key: ApiKey, secret: string | null) =>
      installation.one.apiKeys.rotate(person.principal, key, { secret, overlapSeconds: 0 });
    await expect(rotate(custom, null)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    await expect(rotate(custom, ANTHROPIC)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    await expect(rotate(platform, OPENAI)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(await rotate(custom, 'sk-another-hunter3')).toMatchObject({ secret: null, apiKey: { hint: 'sk-…ter3' } });
    await installation.one.apiKeys.revoke(person.principal, custom);
    await expect(rotate(custom, OPENAI)).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('a change', () => {
  it('touches what is given, null clears, and nothing to change leaves no trace', async () => {
    const { apiKey } = await create({ creditLimit: 5n }, CUSTOM);
    const update = (input: object) => installation.one.apiKeys.update(person.principal, apiKey, input);
    expect(await update({})).toEqual(apiKey);
    expect(await update({ name: 'mine', creditLimit: 5n })).toEqual(apiKey);
    expect(await audited('apiKey.update')).toEqual([]);
    expect(await update({ name: 'other', billingMode: 'FULL' })).toEqual({
      ...apiKey,
      name: 'other',
      billingMode: 'FULL',
    });
    expect(await update({ creditLimit: null, billingMode: 'COMPUTE_ONLY' })).toMatchObject({
      name: 'other',
      creditLimit: null,
      billingMode: 'COMPUTE_ONLY',
    });
    expect(await audited('apiKey.update')).toMatchObject([
      { before: { name: 'mine', creditLimit: 5 }, after: { name: 'other', creditLimit: 5 } },
      { before: { creditLimit: 5, billingMode: 'FULL' }, after: { creditLimit: null, billingMode: 'COMPUTE_ONLY' } },
    ]);
  });

  it.each([
    { name: null },
    { name: '' },
    { creditLimit: -1n },
    { expiresAt: new Date(0) },
    { billingMode: 'COMPUTE_ONLY' },
    { billingMode: null },
  ] as const)('%j is refused', async (input) => {
    const { apiKey } = await create();
    await expect(installation.one.apiKeys.update(person.principal, apiKey, input)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it('of nobody’s key is NOT_FOUND, of a revoked one a CONFLICT', async () => {
    const { apiKey } = await create();
    const nobodys = { billingEntityId: person.id, id: person.id };
    for (const change of [
      installation.one.apiKeys.update(person.principal, nobodys, { name: 'x' }),
      installation.one.apiKeys.rotate(person.principal, nobodys, { secret: null, overlapSeconds: 0 }),
      installation.one.apiKeys.revoke(person.principal, nobodys),
    ]) {
      await expect(change).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await installation.one.apiKeys.revoke(person.principal, apiKey);
    await expect(installation.one.apiKeys.update(person.principal, apiKey, { name: 'x' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('by revocation happens once, however often it is asked for, and destroys a customer’s secret', async () => {
    const { apiKey } = await create({}, CUSTOM);
    const [first] = await Promise.all(
      [0, 1, 2, 3].map((index) => installation.either(index).apiKeys.revoke(person.principal, apiKey)),
    );
    expect(first).toEqual({ ...apiKey, status: 'REVOKED', revokedAt: installation.clock.now() });
    installation.clock.forwardMs(5_000);
    expect(await installation.two.apiKeys.revoke(OPERATOR, apiKey)).toEqual(first);
    expect(await audited('apiKey.revoke')).toHaveLength(1);
    const { rows } = await installation.admin.query(
      'select length(ciphertext) + length(wrapped_data_key) as kept from api_key where billing_entity_id = $1',
      [person.id],
    );
    expect(rows).toEqual([{ kept: 0 }]);
  });
});

describe('the list', () => {
  it('has the newest first, in pages, without the revoked ones unless they are asked for', async () => {
    const keys: ApiKey[] = [];
    for (let index = 0; index < 5; index += 1) keys.unshift((await create({ name: `k${index}` })).apiKey);
    await installation.one.apiKeys.revoke(person.principal, keys[1] as ApiKey);
    const names = async (includeRevoked: boolean): Promise<string[]> => {
      const seen: string[] = [];
      for (let after: string | null = null; ;) {
        const page = await installation.two.apiKeys.list(person.id, { first: 2, after }, { includeRevoked });
        seen.push(...page.edges.map(({ node }) => node.name));
        if (!page.pageInfo.hasNextPage) return seen;
        after = page.pageInfo.endCursor;
      }
    };
    expect(await names(false)).toEqual(['k4', 'k2', 'k1', 'k0']);
    expect(await names(true)).toEqual(['k4', 'k3', 'k2', 'k1', 'k0']);
    await expect(
      installation.one.apiKeys.list(person.id, { first: 2, after: 'nonsense' }, { includeRevoked: true }),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('what a key used', () => {
  it('is counted in the current period of each account that paid, whatever its owner belongs to, and no other count is', async () => {
    const [{ apiKey: used }, { apiKey: unused }, organization, other] = await Promise.all([
      create(),
      create(),
      installation.person(0n),
      installation.person(0n),
    ]);
    const counter = (account: string, credits: number, scope = 'API_KEY') =>
      `insert into use_counter (billing_entity_id, scope, subject_id, period_start, used, held)
       select a.billing_entity_id, '${scope}', '${used.id}', a.period_start, ${credits}, 3 from credit_account a
       where a.billing_entity_id = '${account}'`;
    await installation.behindItsBack(
      counter(person.id, 100),
      counter(organization.id, 20),
      counter(other.id, 7_000, 'MEMBER'),
      counter(organization.id, 800, 'ORGANIZATION'),
    );
    expect(await installation.one.apiKeys.usedThisPeriod([unused, used])).toEqual([0n, 120n]);
    await installation.behindItsBack(
      `update use_counter set period_start = period_start - interval '1 month' where billing_entity_id = '${person.id}'`,
    );
    expect(await installation.one.apiKeys.usedThisPeriod([used])).toEqual([20n]);
    // A period that is over says nothing, also while nothing has closed it.
    installation.clock.set('2026-04-01T00:00:00Z');
    expect(await installation.one.apiKeys.usedThisPeriod([used])).toEqual([0n]);
  });

  it('is dated roughly: noted without a write, written together, at most once a minute by all processes', async () => {
    const { apiKey, secret } = await platformSecret();
    const lastUsedAt = async (): Promise<Date | null | undefined> =>
      (await installation.one.apiKeys.byRef(apiKey))?.lastUsedAt;
    const first = installation.clock.now();
    await Promise.all(Array.from({ length: 20 }, () => authenticate(secret)));
    expect(await lastUsedAt()).toBeNull();
    await installation.two.keyUse.flush();
    expect(await lastUsedAt()).toEqual(first);
    installation.clock.forwardMs(59_999);
    await installation.one.keyAuthentication.authenticate(secret);
    await installation.one.keyUse.flush();
    expect(await lastUsedAt()).toEqual(first);
    installation.clock.forwardMs(1);
    await installation.one.keyAuthentication.authenticate(secret);
    await installation.one.keyUse.flush();
    expect(await lastUsedAt()).toEqual(installation.clock.now());
  });
});

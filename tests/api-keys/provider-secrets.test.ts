import { v7 as uuidv7 } from 'uuid';
import { type ApiKey, SEALED_API_KEYS } from '../../src/api-keys/api-key.ts';
import type { CreateKeyInput } from '../../src/api-keys/api-key-input.ts';
import { auditInto } from '../../src/billing-entities/audit-log.ts';
import type { KeyRing } from '../../src/secrets/envelope.ts';
import type { SecretRequest } from '../../src/api-keys/provider-secrets.ts';
import { rewrapAll } from '../../src/secrets/rewrapping.ts';
import { Database } from '../../src/db/database.ts';
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import { createLog, type Log } from '../../src/kernel/log.ts';
import type { DomainServices } from '../../src/services.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';
import { placesOf } from './secrets-at-rest.ts';

const OLD: KeyRing = [{ id: 'k1', key: Buffer.alloc(32, 7) }];
const NEW: KeyRing = [{ id: 'k2', key: Buffer.alloc(32, 8) }, ...OLD];

let installation: Installation;
let person: Person;
let made = 0;
const logged: string[] = [];
const log: Log = createLog({ level: 'trace', destination: { write: (line: string) => void logged.push(line) } });

beforeAll(async () => {
  installation = await Installation.open();
});

beforeEach(async () => {
  person = await installation.person(0n);
});

afterAll(() => installation.close());

const secretText = (): string => `sk-hunter${String((made += 1)).padStart(12, '0')}`;

async function custom(
  owner: { id: string },
  input: Partial<CreateKeyInput> = {},
): Promise<ApiKey & { secret: string }> {
  const secret = input.secret ?? secretText();
  const { apiKey } = await installation.one.apiKeys.create(OPERATOR, owner.id, {
    name: 'theirs',
    type: 'CUSTOM',
    provider: 'OPENAI',
    billingMode: null,
    creditLimit: null,
    expiresAt: null,
    ...input,
    secret,
  });
  return { ...apiKey, secret };
}

async function organization(visibility: 'PRIVATE' | 'PUBLIC', ...members: readonly Person[]): Promise<Person> {
  const [id, externalId] = [uuidv7(), `org-${(made += 1)}`];
  await installation.behindItsBack(
    `insert into billing_entity (billing_entity_id, type, external_id, name, created_at, visibility)
     values ('${id}', 'ORGANIZATION', '${externalId}', '${externalId}', now(), '${visibility}')`,
    `insert into entity_key values ('ORGANIZATION', '${externalId}', '${id}')`,
    ...members.map(
      (member) => `insert into membership (billing_entity_id, user_id, role, status, joined_at)
        values ('${id}', '${member.id}', 'MEMBER', 'ACTIVE', now())`,
    ),
  );
  return { ...person, id, externalId };
}

const ask = (request: Partial<SecretRequest> = {}, services: DomainServices = installation.two) =>
  services.providerSecrets.read(SERVICE, {
    provider: 'OPENAI',
    userExternalId: person.externalId,
    organizationExternalId: null,
    apiKeyId: null,
    failClosed: false,
    ...request,
  });
const idOf = (key: ApiKey): string => apiKeyId(key.billingEntityId, key.id);
const actions = async (entityId: string): Promise<{ action: string; subject: string; after: object }[]> =>
  (
    await installation.admin.query<{ action: string; subject: string; after: object }>(
      `select action, subject, after from audit_log_entry where billing_entity_id = $1 and action like 'apiKey.secret.%' order by id`,
      [entityId],
    )
  ).rows;

describe('a provider’s secret', () => {
  it('is given to services alone, and each time it is given stands in the audit log', async () => {
    const { secret, ...apiKey } = await custom(person);
    expect(await ask()).toMatchObject({
      secret,
      apiKey: { id: apiKey.id },
      cacheUntil: new Date(installation.clock.now().getTime() + 300_000),
    });
    await ask();
    for (const principal of [OPERATOR, person.principal]) {
      const request = {
        provider: 'OPENAI',
        userExternalId: person.externalId,
        organizationExternalId: null,
        apiKeyId: null,
        failClosed: false,
      } as const;
      await expect(installation.one.providerSecrets.read(principal, request)).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
    }
    const entry = {
      action: 'apiKey.secret.read',
      subject: idOf(apiKey),
      after: { user: person.externalId, organization: null },
    };
    expect(await actions(person.id)).toEqual([entry, entry]);
  });

  it('is the newest active one of its provider; null when there is none', async () => {
    expect(await ask()).toBeNull();
    expect(await ask({ userExternalId: 'never-seen' })).toBeNull();
    const first = await custom(person);
    const expiring = await custom(person, { expiresAt: new Date(installation.clock.now().getTime() + 60_000) });
    const revoked = await custom(person);
    await custom(person, { provider: 'ANTHROPIC', secret: 'sk-ant-hunter-anthropic' });
    await installation.one.apiKeys.revoke(OPERATOR, revoked);
    expect(await ask()).toMatchObject({ secret: expiring.secret, cacheUntil: expiring.expiresAt });
    expect(await ask({ provider: 'ANTHROPIC' })).toMatchObject({ secret: 'sk-ant-hunter-anthropic' });
    installation.clock.forwardMs(60_000);
    expect(await ask()).toMatchObject({ secret: first.secret });
  });

  it('is the payer’s before the user’s: a private organization’s for its members, in a public one the user’s', async () => {
    const [pool, open] = [await organization('PRIVATE', person), await organization('PUBLIC')];
    const mine = await custom(person);
    expect(await ask({ organizationExternalId: pool.externalId })).toMatchObject({ secret: mine.secret });
    const theirs = await custom(pool);
    await custom(open);
    expect(await ask({ organizationExternalId: pool.externalId })).toMatchObject({ secret: theirs.secret });
    expect(await ask({ organizationExternalId: pool.externalId, userExternalId: null })).toMatchObject({
      secret: theirs.secret,
    });
    expect(await ask({ organizationExternalId: open.externalId })).toMatchObject({ secret: mine.secret });
    expect(await ask()).toMatchObject({ secret: mine.secret });
    expect((await actions(pool.id)).map(({ after }) => after)).toEqual([
      { user: person.externalId, organization: pool.externalId },
      { user: null, organization: pool.externalId },
    ]);
  });

  it('may be named, of the payer or the user, and of nobody else', async () => {
    const [pool, stranger] = [await organization('PRIVATE', person), await installation.person(0n)];
    const [mine, theirs, strangers] = [await custom(person), await custom(pool), await custom(stranger)];
    await custom(person);
    const inPool = { organizationExternalId: pool.externalId };
    expect(await ask({ apiKeyId: idOf(mine) })).toMatchObject({ secret: mine.secret });
    expect(await ask({ ...inPool, apiKeyId: idOf(mine) })).toMatchObject({ secret: mine.secret });
    expect(await ask({ ...inPool, apiKeyId: idOf(theirs) })).toMatchObject({ secret: theirs.secret });
    for (const apiKeyId of [idOf(strangers), idOf(theirs), 'key_nonsense', '']) {
      await expect(ask({ apiKeyId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(ask({ apiKeyId: idOf(mine), provider: 'ANTHROPIC' })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
    await installation.one.apiKeys.revoke(OPERATOR, mine);
    await expect(ask({ apiKeyId: idOf(mine) })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('is kept from who is no member, is suspended, or names nobody who would pay', async () => {
    const pool = await organization('PRIVATE');
    await custom(pool);
    const inPool = { organizationExternalId: pool.externalId };
    await expect(ask(inPool)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask({ ...inPool, userExternalId: 'never-seen' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask({ organizationExternalId: 'no-such' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask({ userExternalId: null })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    await installation.behindItsBack(
      `insert into membership (billing_entity_id, user_id, role, status, joined_at)
       values ('${pool.id}', '${person.id}', 'MEMBER', 'SUSPENDED', now())`,
    );
    await expect(ask(inPool)).rejects.toMatchObject({ code: 'CONFLICT' });
    await custom(person);
    await installation.one.entities.suspend({ billingEntityId: person.id, actor: 'operator:root', reason: 'abuse' });
    await expect(ask()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await actions(pool.id)).toEqual([]);
  });
});

describe('a ciphertext', () => {
  it('that was moved to another row or changed by one bit is refused and audited, without a word of it', async () => {
    const [victim, thief] = [await custom(await installation.person(0n)), await custom(person)];
    const services = await installation.bench.services({ clock: installation.clock, log });
    const stored = async (key: ApiKey) => {
      const { rows } = await installation.admin.query<{ ciphertext: Buffer; wrapped_data_key: Buffer }>(
        'select ciphertext, wrapped_data_key from api_key where id = $1',
        [key.id],
      );
      return rows[0] as { ciphertext: Buffer; wrapped_data_key: Buffer };
    };
    const [theirs, own] = [await stored(victim), await stored(thief)];
    const flipped = Buffer.from(own.ciphertext);
    flipped.writeUInt8(flipped.readUInt8(40) ^ 1, 40);
    const attempts = [theirs, { ...own, ciphertext: theirs.ciphertext }, { ...own, ciphertext: flipped }];
    try {
      for (const { ciphertext, wrapped_data_key } of attempts) {
        await installation.behindItsBack(
          `update api_key set ciphertext = '\\x${ciphertext.toString('hex')}', wrapped_data_key = '\\x${wrapped_data_key.toString('hex')}' where id = '${thief.id}'`,
        );
        const refusal = await ask({}, services).then(
          () => null,
          (error: unknown) => error as Error,
        );
        expect(refusal).toMatchObject({ code: 'CONFLICT' });
        expect(`${refusal?.message} ${refusal?.stack}`).not.toContain('hunter');
      }
    } finally {
      await services.stop();
    }
    const entry = { action: 'apiKey.secret.unreadable', subject: idOf(thief) };
    expect(await actions(person.id)).toMatchObject([entry, entry, entry]);
    expect(logged.filter((line) => line.includes('a secret is unreadable'))).toHaveLength(3);
    expect(logged.join('')).not.toMatch(/hunter/);
  });
});

describe('keys:rotate', () => {
  const run = async (
    encryptionKeys: KeyRing,
    watch: Pick<Parameters<typeof rewrapAll>[0], 'onProgress' | 'stopping'> = {},
  ) => {
    const database = new Database(installation.database.url, { max: 2, onIdleError: () => undefined });
    try {
      const tables = [SEALED_API_KEYS];
      return await rewrapAll({ tables, database, encryptionKeys, audit: auditInto(installation.clock), log, ...watch });
    } finally {
      await database.end();
    }
  };
  const withKeys = (encryptionKeys: KeyRing) =>
    installation.bench.services({ clock: installation.clock, encryptionKeys });

  beforeEach(() => installation.behindItsBack('delete from api_key'));

  it('wraps every secret by the newest key, after which the older one is not needed; and again, it does nothing', async () => {
    const people = await Promise.all(Array.from({ length: 7 }, () => installation.person(0n)));
    const keys = await Promise.all(people.flatMap((owner) => [custom(owner), custom(owner)]));
    await installation.one.apiKeys.revoke(OPERATOR, keys[0] as ApiKey);
    expect(await run(NEW)).toEqual({ rewrapped: 13, unreadable: [], remaining: 0 });
    expect(await run(NEW)).toEqual({ rewrapped: 0, unreadable: [], remaining: 0 });
    const after = await withKeys(NEW.slice(0, 1));
    try {
      for (const { secret, ...key } of keys.slice(1)) {
        const owner = people.find(({ id }) => id === key.billingEntityId) as Person;
        const found = await ask({ userExternalId: owner.externalId, apiKeyId: idOf(key) }, after);
        expect(found?.secret).toBe(secret);
      }
    } finally {
      await after.stop();
    }
  });

  it('tells how far it is, ends where it is told to, and goes on there the next time', async () => {
    for (let key = 0; key < 3; key += 1) await custom(person);
    const order = new AbortController();
    const told: [number, number][] = [];
    const onProgress = (done: number, total: number): void => {
      told.push([done, total]);
      if (done === 2) order.abort(new Error('stopped'));
    };
    await expect(run(NEW, { onProgress, stopping: order.signal })).rejects.toThrow('stopped');
    expect(told).toEqual([
      [1, 3],
      [2, 3],
    ]);
    expect(await run(NEW)).toEqual({ rewrapped: 1, unreadable: [], remaining: 0 });
  });

  it('names and audits what does not open, and does the rest', async () => {
    const [sound, broken] = [await custom(person), await custom(person)];
    await installation.behindItsBack(`update api_key set ciphertext = wrapped_data_key where id = '${broken.id}'`);
    expect(await run(NEW)).toEqual({ rewrapped: 1, unreadable: [idOf(broken)], remaining: 1 });
    expect(await actions(person.id)).toMatchObject([{ action: 'apiKey.secret.unreadable', subject: idOf(broken) }]);
    expect((await ask({ apiKeyId: idOf(sound) }, await rememberToStop(withKeys(NEW))))?.secret).toBe(sound.secret);
  });

  it('under load loses nothing: owners rotate, services read, and the command runs, all at once', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => installation.person(0n)));
    const keys = await Promise.all(people.map((owner) => custom(owner)));
    // Each key's secrets in the order in which they came, and how many of its rotations have been answered.
    const histories = keys.map((key) => ({ secrets: [key.secret], answered: 0 }));
    const servers = [
      await rememberToStop(withKeys([...OLD, NEW[0] as KeyRing[number]])),
      await rememberToStop(withKeys(NEW)),
    ];
    const over = new AbortController();
    const owners = keys.map(async (key, index) => {
      const history = histories[index] as (typeof histories)[number];
      for (let turn = 0; turn < 15; turn += 1) {
        const secret = secretText();
        history.secrets.push(secret);
        const server = servers[(index + turn) % 2] as DomainServices;
        await server.apiKeys.rotate(OPERATOR, key, { secret, overlapSeconds: 0 });
        history.answered += 1;
      }
    });
    const readers = histories.map(async (history, index) => {
      while (!over.signal.aborted) {
        const least = history.answered;
        const userExternalId = people[index]?.externalId as string;
        const found = await ask({ userExternalId }, servers[index % 2]);
        expect(history.secrets.indexOf(found?.secret as string)).toBeGreaterThanOrEqual(least);
      }
    });
    const command = (async () => {
      while (!over.signal.aborted) expect((await run(NEW)).unreadable).toEqual([]);
    })();
    await Promise.all(owners).finally(() => over.abort());
    await Promise.all([...readers, command]);
    expect(await run(NEW)).toMatchObject({ unreadable: [], remaining: 0 });
    const after = await rememberToStop(withKeys(NEW.slice(0, 1)));
    for (const [index, history] of histories.entries()) {
      const found = await ask({ userExternalId: people[index]?.externalId as string }, after);
      expect(found?.secret).toBe(history.secrets.at(-1));
    }
  });

  const toStop: DomainServices[] = [];
  async function rememberToStop(services: Promise<DomainServices>): Promise<DomainServices> {
    toStop.push(await services);
    return services;
  }
  afterEach(async () => {
    await Promise.all(toStop.splice(0).map((services) => services.stop()));
  });
});

test('a dump of the database holds no secret of either kind', async () => {
  const { secret: platform, apiKey } = await installation.one.apiKeys.create(OPERATOR, person.id, {
    ...{ name: 'ours', type: 'PLATFORM', provider: 'OPENAI', billingMode: null, secret: null },
    ...{ creditLimit: null, expiresAt: null },
  });
  const rotated = await installation.one.apiKeys.rotate(OPERATOR, apiKey, { secret: null, overlapSeconds: 60 });
  const theirs = await custom(person);
  await ask();
  const secrets = [platform as string, rotated.secret as string, theirs.secret];
  expect(await placesOf(secrets, installation.admin)).toEqual([]);
  // What would be found if it were there.
  await installation.behindItsBack(
    `update api_key set name = '${theirs.secret}', hint = '${platform}' where id = '${apiKey.id}'`,
  );
  expect((await placesOf(secrets, installation.admin)).toSorted()).toEqual(['api_key.hint', 'api_key.name']);
});

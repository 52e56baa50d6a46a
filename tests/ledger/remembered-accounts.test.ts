/** Accounts that a process remembers between its transactions: whatever changes them meanwhile holds for the next use. */
import { OPERATOR, SERVICE } from '../support/installation.ts';
import { type Pool, Remembering } from '../support/remembering.ts';

let memory: Remembering;

beforeAll(async () => {
  memory = await Remembering.open();
});

afterAll(() => memory.close());

interface Change {
  readonly what: string;
  readonly change: (pool: Pool) => Promise<unknown>;
  /** Tokens that are used after it; absent: 100, which are 10 credits. */
  readonly tokens?: number;
  readonly comesTo: string;
}

const CHANGES: readonly Change[] = [
  {
    what: 'another process uses most of it',
    change: (pool) => memory.installation.two.consumption.consume(SERVICE, pool.use(99_750)),
    comesTo: 'INSUFFICIENT_CREDITS',
  },
  {
    what: 'another process reserves most of it',
    change: ({ member, externalId }) =>
      memory.installation.two.reservations.reserve(
        SERVICE,
        memory.installation.reservation(member, 99_750, { organizationExternalId: externalId }),
      ),
    comesTo: 'INSUFFICIENT_CREDITS',
  },
  {
    what: 'an operator takes most of it',
    change: ({ id }) =>
      memory.installation.two.administration.adjust(OPERATOR, {
        idempotencyKey: memory.installation.key(),
        billingEntityId: id,
        amount: -9_975n,
        reason: 'test',
      }),
    comesTo: 'INSUFFICIENT_CREDITS',
  },
  {
    what: 'credits are granted',
    change: ({ id }) => memory.installation.grant(id, 90_000n),
    tokens: 900_000,
    comesTo: 'done',
  },
  {
    what: 'the organization is suspended',
    change: ({ id }) =>
      memory.installation.two.entities.suspend({ billingEntityId: id, actor: 'operator:root', reason: 'test' }),
    comesTo: 'ENTITY_SUSPENDED',
  },
  {
    what: 'the user is suspended',
    change: ({ member }) =>
      memory.installation.two.entities.suspend({ billingEntityId: member.id, actor: 'operator:root', reason: 'test' }),
    comesTo: 'ENTITY_SUSPENDED',
  },
  {
    what: 'the member is suspended',
    change: ({ id, member }) => memory.setMember(id, member, { status: 'SUSPENDED' }),
    comesTo: 'MEMBER_SUSPENDED',
  },
  {
    what: 'the member is removed',
    change: ({ id, member }) =>
      memory.installation.two.members.remove(OPERATOR, { billingEntityId: id, userExternalId: member.externalId }),
    comesTo: 'NOT_FOUND',
  },
  {
    what: 'the member gets a limit',
    change: ({ id, member }) => memory.setMember(id, member, { creditLimit: 25n }),
    comesTo: 'MEMBER_LIMIT_REACHED',
  },
  {
    what: 'the key gets a limit',
    change: ({ key }) => memory.installation.two.apiKeys.update(OPERATOR, key, { creditLimit: 25n }),
    comesTo: 'API_KEY_LIMIT_REACHED',
  },
  {
    what: 'the key is revoked',
    change: ({ key }) => memory.installation.two.apiKeys.revoke(OPERATOR, key),
    comesTo: 'CONFLICT',
  },
  {
    what: 'the key expires',
    async change({ key }) {
      const expiresAt = new Date(memory.installation.clock.now().getTime() + 60_000);
      await memory.installation.two.apiKeys.update(OPERATOR, key, { expiresAt });
      memory.installation.clock.forwardMs(60_000);
    },
    comesTo: 'CONFLICT',
  },
  {
    what: 'the organization becomes public',
    change: ({ id }) =>
      memory.installation.two.organizations.update(OPERATOR, { billingEntityId: id, visibility: 'PUBLIC' }),
    comesTo: 'done at the expense of somebody else',
  },
];

describe('a remembered account', () => {
  it.each(CHANGES)('is used as it is after $what', async ({ change, tokens = 100, comesTo }) => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    await change(pool);
    expect(await memory.outcomeOf(memory.here, pool, pool.use(tokens))).toBe(comesTo);
    // A process that remembers nothing says the same.
    expect(await memory.outcomeOf(memory.installation.two, pool, pool.use(tokens))).toBe(
      tokens === 100 ? comesTo : 'INSUFFICIENT_CREDITS',
    );
    await memory.installation.expectProven(pool.id, pool.member.id);
  });
});

/** What can only have become possible: before it the use is refused, after it the same key does it. */
const REMEDIES: readonly (Change & { readonly before: (pool: Pool) => Promise<unknown>; readonly refused: string })[] =
  [
    {
      what: 'credits come',
      before: () => Promise.resolve(),
      tokens: 200_000,
      refused: 'INSUFFICIENT_CREDITS',
      change: ({ id }) => memory.installation.grant(id, 90_000n),
      comesTo: 'done',
    },
    {
      what: 'the limit of the member is lifted',
      before: ({ id, member }) => memory.setMember(id, member, { creditLimit: 25n }),
      refused: 'MEMBER_LIMIT_REACHED',
      change: ({ id, member }) => memory.setMember(id, member, { creditLimit: null }),
      comesTo: 'done',
    },
    {
      what: 'the user is reinstated',
      before: ({ member }) => memory.suspend(member.id),
      refused: 'ENTITY_SUSPENDED',
      change: ({ member }) => memory.reinstate(member.id),
      comesTo: 'done',
    },
    {
      what: 'the organization is reinstated',
      before: ({ id }) => memory.suspend(id),
      refused: 'ENTITY_SUSPENDED',
      change: ({ id }) => memory.reinstate(id),
      comesTo: 'done',
    },
  ];

describe('use that was refused', () => {
  it.each(REMEDIES)(
    'is done with the same key once $what',
    async ({ before, tokens = 100, refused, change, comesTo }) => {
      const pool = await memory.newPool();
      await memory.remember(pool);
      await before(pool);
      const input = pool.use(tokens);
      expect(await memory.outcomeOf(memory.here, pool, input)).toBe(refused);
      expect(await memory.outcomeOf(memory.here, pool, input)).toBe(refused);
      await change(pool);
      expect(await memory.outcomeOf(memory.here, pool, input)).toBe(comesTo);
      await memory.installation.expectProven(pool.id);
    },
  );
});

describe('what is decided on a remembered account', () => {
  it('counts against limits at once', async () => {
    const pool = await memory.newPool();
    await memory.setMember(pool.id, pool.member, { creditLimit: 55n });
    memory.roads.length = 0;
    for (let uses = 0; uses < 5; uses++) expect(await memory.outcomeOf(memory.here, pool, pool.use(100))).toBe('done');
    expect(memory.roads.slice(-3)).toEqual(['REMEMBERED', 'REMEMBERED', 'REMEMBERED']);
    expect(await memory.outcomeOf(memory.here, pool, pool.use(100))).toBe('MEMBER_LIMIT_REACHED');
    await memory.installation.expectProven(pool.id);
  });

  it('knows when earlier reservations end', async () => {
    const pool = await memory.newPool();
    const inPool = { organizationExternalId: pool.externalId };
    const reserve = (ttlSeconds: number): Promise<unknown> =>
      memory.here.reservations.reserve(
        SERVICE,
        memory.installation.reservation(pool.member, 1_000, { ...inPool, ttlSeconds }),
      );
    for (const ttlSeconds of [100, 1_000, 10_000]) {
      memory.roads.length = 0;
      await reserve(ttlSeconds);
    }
    expect(memory.roads).toEqual(['REMEMBERED']);
    memory.installation.clock.forwardMs(200_000);
    expect(await memory.installation.two.accounts.balance(pool.id)).toMatchObject({ held: 200n });
    memory.installation.clock.forwardMs(1_000_000);
    expect(await memory.outcomeOf(memory.here, pool, pool.use(100))).toBe('done');
    expect(await memory.installation.two.accounts.balance(pool.id)).toMatchObject({ held: 100n });
    await memory.installation.expectProven(pool.id);
  });

  it('is told to each command of a key that comes twice at once, with the balance after all of them', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    const { available = 0n } = (await memory.installation.two.accounts.balance(pool.id)) ?? {};
    const input = pool.use(100);
    const results = await memory.here.consumption.consumeBatch(SERVICE, [input, pool.use(100), input]);
    expect(results).toMatchObject([
      { kind: 'success', replayed: false, balance: { available: available - 10n } },
      { kind: 'success', replayed: false, balance: { available: available - 20n } },
      { kind: 'success', replayed: true, balance: { available: available - 20n } },
    ]);
  });
});

describe('a member who was never here', () => {
  it('is asked about, though their account is remembered', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    const stranger = await memory.installation.person(100n);
    expect(await memory.outcomeOf(memory.here, pool, pool.use(100, { userExternalId: stranger.externalId }))).toBe(
      'NOT_FOUND',
    );
    await memory.setMember(pool.id, stranger, { creditLimit: 15n });
    expect(await memory.outcomeOf(memory.here, pool, pool.use(100, { userExternalId: stranger.externalId }))).toBe(
      'done',
    );
    expect(await memory.outcomeOf(memory.here, pool, pool.use(100, { userExternalId: stranger.externalId }))).toBe(
      'MEMBER_LIMIT_REACHED',
    );
  });
});

describe('a key that had its effect', () => {
  it('is answered again, whether it is new, old, of another process or of another payer', async () => {
    const pool = await memory.newPool();
    await memory.remember(pool);
    const mine = pool.use(300);
    const others = pool.use(500);
    expect(await memory.outcomeOf(memory.here, pool, mine)).toBe('done');
    expect(await memory.outcomeOf(memory.installation.two, pool, others)).toBe('done');
    await memory.remember(pool);
    // Once at the expense of the user, when the organization was public.
    const elsewhere = pool.use(700);
    await memory.installation.two.organizations.update(OPERATOR, { billingEntityId: pool.id, visibility: 'PUBLIC' });
    expect(await memory.outcomeOf(memory.here, pool, elsewhere)).toBe('done at the expense of somebody else');
    await memory.installation.two.organizations.update(OPERATOR, { billingEntityId: pool.id, visibility: 'PRIVATE' });
    expect(await memory.outcomeOf(memory.here, pool, pool.use(100))).toBe('done');
    for (const [input, credits] of [
      [mine, 30n],
      [others, 50n],
      [elsewhere, 70n],
    ] as const) {
      await memory.remember(pool);
      const before = await memory.usedBy(pool.id);
      const again = await memory.here.consumption.consume(SERVICE, input);
      expect(again).toMatchObject({ kind: 'success', replayed: true, credits });
      expect(await memory.usedBy(pool.id)).toBe(before);
    }
    await memory.installation.expectProven(pool.id, pool.member.id);
  });

  it('costs nobody but its own account the short road', async () => {
    const oneLane = await memory.openHere({
      ledger: { lanes: 1, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000 },
    });
    const pools = [await memory.newPool(), await memory.newPool(), await memory.newPool()];
    const [retrier, ...bystanders] = pools as [Pool, Pool, Pool];
    const old = retrier.use(100);
    expect(await memory.outcomeOf(oneLane, retrier, old)).toBe('done');
    for (const pool of pools) for (let turn = 0; turn < 2; turn++) await memory.outcomeOf(oneLane, pool, pool.use(100));
    memory.roads.length = 0;
    const inputs = [old, ...bystanders.map((pool) => pool.use(100))];
    const results = await oneLane.consumption.consumeBatch(SERVICE, inputs);
    expect(results.map((result) => result.kind === 'success' && result.replayed)).toEqual([true, false, false]);
    // The bystanders were written on the short road, and only the retry went the long one.
    expect(memory.roads).toEqual(['REMEMBERED', 'LOCKED']);
    await oneLane.stop();
  });
});

describe('a refusal beside what is written for others', () => {
  it('is decided under the lock, since nothing tells that its account is as it was', async () => {
    const oneLane = await memory.openHere({
      ledger: { lanes: 1, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000 },
    });
    const pools = [
      await memory.newPool(),
      await memory.newPool(),
      await memory.newPool(),
      await memory.newPool(),
    ] as const;
    for (const pool of pools) for (let turn = 0; turn < 2; turn++) await memory.outcomeOf(oneLane, pool, pool.use(100));
    const [poor, ...others] = pools;
    await memory.installation.grant(poor.id, 90_000n);
    memory.roads.length = 0;
    const results = await oneLane.consumption.consumeBatch(SERVICE, [
      poor.use(200_000),
      ...others.map((pool) => pool.use(100)),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['success', 'success', 'success', 'success']);
    expect(memory.roads).toEqual(['REMEMBERED', 'LOCKED']);
    await oneLane.stop();
  });
});

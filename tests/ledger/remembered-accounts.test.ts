/** Accounts that a process remembers between its transactions: whatever changes them meanwhile holds for the next use. */
import type { ServicesOptions, DomainServices } from '../../src/services.ts';
import type { Road } from '../../src/ledger/ledger.ts';
import type { ConsumeInput } from '../../src/metering/consumption.ts';
import type { ApiKeyRef } from '../../src/ledger/rules/attribution.ts';
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import fc from 'fast-check';
import type { Command } from '../../src/ledger/rules/commands.ts';
import type { Outcome } from '../../src/ledger/outcome.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Draft, draft, pauseHours } from './rules/commands.ts';
import { RATES } from '../../src/plans/rates.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';

let installation: Installation;
/** The process whose memory is tried. What changes meanwhile, another one does. */
let here: DomainServices;
const roads: Road[] = [];

beforeAll(async () => {
  installation = await Installation.open();
  here = await openHere();
});

afterAll(() => installation.close());

function openHere(overrides: Partial<ServicesOptions> = {}): Promise<DomainServices> {
  const { bench, clock } = installation;
  return bench.services({ clock, onBatch: ({ road }) => roads.push(road), ...overrides });
}

/** A pool of 10 000 credits, with a member and a key. */
interface Pool {
  readonly id: string;
  readonly externalId: string;
  readonly owner: Person;
  readonly member: Person;
  readonly key: ApiKeyRef;
  readonly use: (tokens: number, more?: Partial<ConsumeInput>) => ConsumeInput;
}

async function newPool(): Promise<Pool> {
  const { two } = installation;
  const [owner, member] = [await installation.person(0n), await installation.person(10_000n)];
  const organization = await two.organizations.create(owner.principal, {
    externalId: null,
    name: 'Acme',
    visibility: 'PRIVATE',
    ownerExternalId: null,
  });
  const { billingEntityId: id, externalId } = organization;
  const balance = await two.accounts.balance(id);
  if ((balance?.available ?? 0n) > 0n) {
    const amount = -(balance?.available ?? 0n);
    await two.administration.adjust(OPERATOR, {
      idempotencyKey: installation.key(),
      billingEntityId: id,
      amount,
      reason: 'no trial',
    });
  }
  await installation.grant(id, 10_000n);
  await setMember(id, member, {});
  const { apiKey } = await two.apiKeys.create(OPERATOR, id, {
    name: 'key',
    type: 'PLATFORM',
    provider: 'OPENAI',
    billingMode: null,
    secret: null,
    creditLimit: null,
    expiresAt: null,
  });
  const key = { billingEntityId: id, id: apiKey.id };
  return {
    ...{ id, externalId, owner, member, key },
    use: (tokens, more = {}) =>
      installation.use(member, tokens, {
        organizationExternalId: externalId,
        apiKeyId: apiKeyId(key.billingEntityId, key.id),
        ...more,
      }),
  };
}

interface Terms {
  readonly creditLimit?: bigint | null;
  readonly status?: 'ACTIVE' | 'SUSPENDED';
}

const setMember = (billingEntityId: string, { externalId }: Person, terms: Terms): Promise<unknown> =>
  installation.two.members.set(OPERATOR, {
    billingEntityId,
    userExternalId: externalId,
    role: 'MEMBER',
    reason: null,
    ...terms,
  });

/** What came of use in a word: `done`, the reason of its refusal or the code of its error; with who paid, where it was somebody else. */
async function outcomeOf(services: DomainServices, pool: Pool, input: ConsumeInput): Promise<string> {
  const result = await services.consumption
    .consume(SERVICE, input)
    .catch((error: unknown) => (error as Partial<Refusal>).code ?? 'failed');
  if (typeof result === 'string') return result;
  if (result.kind === 'refused') return result.reason;
  return result.balance.billingEntityId === pool.id ? 'done' : 'done at the expense of somebody else';
}

/** Uses the pool until it is remembered: twice, or a little more often where another process changed it before. */
async function remember(pool: Pool): Promise<void> {
  roads.length = 0;
  for (let uses = 0; uses < 2 || roads.at(-1) !== 'REMEMBERED'; uses++) {
    if (uses === 8) throw new Error(`it is not remembered: ${roads.join(', ')}`);
    expect(await outcomeOf(here, pool, pool.use(100))).toBe('done');
  }
}

async function usedBy(billingEntityId: string): Promise<bigint> {
  return (await installation.two.accounts.balance(billingEntityId))?.used ?? 0n;
}

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
    change: (pool) => installation.two.consumption.consume(SERVICE, pool.use(99_750)),
    comesTo: 'INSUFFICIENT_CREDITS',
  },
  {
    what: 'another process reserves most of it',
    change: ({ member, externalId }) =>
      installation.two.reservations.reserve(
        SERVICE,
        installation.reservation(member, 99_750, { organizationExternalId: externalId }),
      ),
    comesTo: 'INSUFFICIENT_CREDITS',
  },
  {
    what: 'an operator takes most of it',
    change: ({ id }) =>
      installation.two.administration.adjust(OPERATOR, {
        idempotencyKey: installation.key(),
        billingEntityId: id,
        amount: -9_975n,
        reason: 'test',
      }),
    comesTo: 'INSUFFICIENT_CREDITS',
  },
  {
    what: 'credits are granted',
    change: ({ id }) => installation.grant(id, 90_000n),
    tokens: 900_000,
    comesTo: 'done',
  },
  {
    what: 'the organization is suspended',
    change: ({ id }) =>
      installation.two.entities.suspend({ billingEntityId: id, actor: 'operator:root', reason: 'test' }),
    comesTo: 'ENTITY_SUSPENDED',
  },
  {
    what: 'the user is suspended',
    change: ({ member }) =>
      installation.two.entities.suspend({ billingEntityId: member.id, actor: 'operator:root', reason: 'test' }),
    comesTo: 'ENTITY_SUSPENDED',
  },
  {
    what: 'the member is suspended',
    change: ({ id, member }) => setMember(id, member, { status: 'SUSPENDED' }),
    comesTo: 'MEMBER_SUSPENDED',
  },
  {
    what: 'the member is removed',
    change: ({ id, member }) =>
      installation.two.members.remove(OPERATOR, { billingEntityId: id, userExternalId: member.externalId }),
    comesTo: 'NOT_FOUND',
  },
  {
    what: 'the member gets a limit',
    change: ({ id, member }) => setMember(id, member, { creditLimit: 25n }),
    comesTo: 'MEMBER_LIMIT_REACHED',
  },
  {
    what: 'the key gets a limit',
    change: ({ key }) => installation.two.apiKeys.update(OPERATOR, key, { creditLimit: 25n }),
    comesTo: 'API_KEY_LIMIT_REACHED',
  },
  {
    what: 'the key is revoked',
    change: ({ key }) => installation.two.apiKeys.revoke(OPERATOR, key),
    comesTo: 'CONFLICT',
  },
  {
    what: 'the key expires',
    async change({ key }) {
      const expiresAt = new Date(installation.clock.now().getTime() + 60_000);
      await installation.two.apiKeys.update(OPERATOR, key, { expiresAt });
      installation.clock.forwardMs(60_000);
    },
    comesTo: 'CONFLICT',
  },
  {
    what: 'the organization becomes public',
    change: ({ id }) => installation.two.organizations.update(OPERATOR, { billingEntityId: id, visibility: 'PUBLIC' }),
    comesTo: 'done at the expense of somebody else',
  },
];

describe('a remembered account', () => {
  it.each(CHANGES)('is used as it is after $what', async ({ change, tokens = 100, comesTo }) => {
    const pool = await newPool();
    await remember(pool);
    await change(pool);
    expect(await outcomeOf(here, pool, pool.use(tokens))).toBe(comesTo);
    // A process that remembers nothing says the same.
    expect(await outcomeOf(installation.two, pool, pool.use(tokens))).toBe(
      tokens === 100 ? comesTo : 'INSUFFICIENT_CREDITS',
    );
    await installation.expectProven(pool.id, pool.member.id);
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
      change: ({ id }) => installation.grant(id, 90_000n),
      comesTo: 'done',
    },
    {
      what: 'the limit of the member is lifted',
      before: ({ id, member }) => setMember(id, member, { creditLimit: 25n }),
      refused: 'MEMBER_LIMIT_REACHED',
      change: ({ id, member }) => setMember(id, member, { creditLimit: null }),
      comesTo: 'done',
    },
    {
      what: 'the user is reinstated',
      before: ({ member }) => suspend(member.id),
      refused: 'ENTITY_SUSPENDED',
      change: ({ member }) => reinstate(member.id),
      comesTo: 'done',
    },
    {
      what: 'the organization is reinstated',
      before: ({ id }) => suspend(id),
      refused: 'ENTITY_SUSPENDED',
      change: ({ id }) => reinstate(id),
      comesTo: 'done',
    },
  ];

describe('use that was refused', () => {
  it.each(REMEDIES)(
    'is done with the same key once $what',
    async ({ before, tokens = 100, refused, change, comesTo }) => {
      const pool = await newPool();
      await remember(pool);
      await before(pool);
      const input = pool.use(tokens);
      expect(await outcomeOf(here, pool, input)).toBe(refused);
      expect(await outcomeOf(here, pool, input)).toBe(refused);
      await change(pool);
      expect(await outcomeOf(here, pool, input)).toBe(comesTo);
      await installation.expectProven(pool.id);
    },
  );
});

describe('what is decided on a remembered account', () => {
  it('counts against limits at once', async () => {
    const pool = await newPool();
    await setMember(pool.id, pool.member, { creditLimit: 55n });
    roads.length = 0;
    for (let uses = 0; uses < 5; uses++) expect(await outcomeOf(here, pool, pool.use(100))).toBe('done');
    expect(roads.slice(-3)).toEqual(['REMEMBERED', 'REMEMBERED', 'REMEMBERED']);
    expect(await outcomeOf(here, pool, pool.use(100))).toBe('MEMBER_LIMIT_REACHED');
    await installation.expectProven(pool.id);
  });

  it('knows when earlier reservations end', async () => {
    const pool = await newPool();
    const inPool = { organizationExternalId: pool.externalId };
    const reserve = (ttlSeconds: number): Promise<unknown> =>
      here.reservations.reserve(SERVICE, installation.reservation(pool.member, 1_000, { ...inPool, ttlSeconds }));
    for (const ttlSeconds of [100, 1_000, 10_000]) {
      roads.length = 0;
      await reserve(ttlSeconds);
    }
    expect(roads).toEqual(['REMEMBERED']);
    installation.clock.forwardMs(200_000);
    expect(await installation.two.accounts.balance(pool.id)).toMatchObject({ held: 200n });
    installation.clock.forwardMs(1_000_000);
    expect(await outcomeOf(here, pool, pool.use(100))).toBe('done');
    expect(await installation.two.accounts.balance(pool.id)).toMatchObject({ held: 100n });
    await installation.expectProven(pool.id);
  });

  it('is told to each command of a key that comes twice at once, with the balance after all of them', async () => {
    const pool = await newPool();
    await remember(pool);
    const { available = 0n } = (await installation.two.accounts.balance(pool.id)) ?? {};
    const input = pool.use(100);
    const results = await here.consumption.consumeBatch(SERVICE, [input, pool.use(100), input]);
    expect(results).toMatchObject([
      { kind: 'success', replayed: false, balance: { available: available - 10n } },
      { kind: 'success', replayed: false, balance: { available: available - 20n } },
      { kind: 'success', replayed: true, balance: { available: available - 20n } },
    ]);
  });
});

describe('a member who was never here', () => {
  it('is asked about, though their account is remembered', async () => {
    const pool = await newPool();
    await remember(pool);
    const stranger = await installation.person(100n);
    expect(await outcomeOf(here, pool, pool.use(100, { userExternalId: stranger.externalId }))).toBe('NOT_FOUND');
    await setMember(pool.id, stranger, { creditLimit: 15n });
    expect(await outcomeOf(here, pool, pool.use(100, { userExternalId: stranger.externalId }))).toBe('done');
    expect(await outcomeOf(here, pool, pool.use(100, { userExternalId: stranger.externalId }))).toBe(
      'MEMBER_LIMIT_REACHED',
    );
  });
});

describe('a key that had its effect', () => {
  it('is answered again, whether it is new, old, of another process or of another payer', async () => {
    const pool = await newPool();
    await remember(pool);
    const mine = pool.use(300);
    const others = pool.use(500);
    expect(await outcomeOf(here, pool, mine)).toBe('done');
    expect(await outcomeOf(installation.two, pool, others)).toBe('done');
    await remember(pool);
    // Once at the expense of the user, when the organization was public.
    const elsewhere = pool.use(700);
    await installation.two.organizations.update(OPERATOR, { billingEntityId: pool.id, visibility: 'PUBLIC' });
    expect(await outcomeOf(here, pool, elsewhere)).toBe('done at the expense of somebody else');
    await installation.two.organizations.update(OPERATOR, { billingEntityId: pool.id, visibility: 'PRIVATE' });
    expect(await outcomeOf(here, pool, pool.use(100))).toBe('done');
    for (const [input, credits] of [
      [mine, 30n],
      [others, 50n],
      [elsewhere, 70n],
    ] as const) {
      await remember(pool);
      const before = await usedBy(pool.id);
      const again = await here.consumption.consume(SERVICE, input);
      expect(again).toMatchObject({ kind: 'success', replayed: true, credits });
      expect(await usedBy(pool.id)).toBe(before);
    }
    await installation.expectProven(pool.id, pool.member.id);
  });

  it('costs nobody but its own account the short road', async () => {
    const oneLane = await openHere({ ledger: { lanes: 1, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000 } });
    const pools = [await newPool(), await newPool(), await newPool()];
    const [retrier, ...bystanders] = pools as [Pool, Pool, Pool];
    const old = retrier.use(100);
    expect(await outcomeOf(oneLane, retrier, old)).toBe('done');
    for (const pool of pools) for (let turn = 0; turn < 2; turn++) await outcomeOf(oneLane, pool, pool.use(100));
    roads.length = 0;
    const inputs = [old, ...bystanders.map((pool) => pool.use(100))];
    const results = await oneLane.consumption.consumeBatch(SERVICE, inputs);
    expect(results.map((result) => result.kind === 'success' && result.replayed)).toEqual([true, false, false]);
    // The bystanders were written on the short road, and only the retry went the long one.
    expect(roads).toEqual(['REMEMBERED', 'LOCKED']);
    await oneLane.stop();
  });
});

const suspend = (billingEntityId: string): Promise<unknown> =>
  installation.two.entities.suspend({ billingEntityId, actor: 'operator:root', reason: 'test' });
const reinstate = (billingEntityId: string): Promise<unknown> =>
  installation.two.entities.reinstate({ billingEntityId, actor: 'operator:root', reason: 'test' });

describe('the look-up of keys', () => {
  it('reads no entries, though its plan is older than they are', async () => {
    const oneLane = await openHere({ ledger: { lanes: 1, maxBatch: 1_000, maxQueued: 20_000, patienceMs: 10_000 } });
    const [older, younger] = [await installation.person(100_000n), await installation.person(100_000n)];
    const use = (person: Person, count: number): Promise<unknown> =>
      oneLane.consumption.consumeBatch(
        SERVICE,
        Array.from({ length: count }, () => installation.use(person, 10)),
      );
    const before = await readOfEntries();
    // The plan is made and kept while there is little to read, and the index of keys is larger than that of places.
    for (let uses = 0; uses < 15; uses++) await use(older, uses < 3 ? 1_000 : 1);
    roads.length = 0;
    for (let uses = 0; uses < 5; uses++) await use(younger, 1_000);
    expect(roads.slice(-4)).toEqual(['REMEMBERED', 'REMEMBERED', 'REMEMBERED', 'REMEMBERED']);
    // A session that ends has counted everything.
    await oneLane.stop();
    await waitFor(async () => (await readOfEntries()).probes >= before.probes + 4_000, 'the probes to be counted');
    expect((await readOfEntries()).entries - before.entries).toBeLessThan(100_000);
  }, 60_000);

  /** Scans of the index of keys, and entries that were read by their place in the account. */
  async function readOfEntries(): Promise<{ readonly probes: number; readonly entries: number }> {
    const { rows } = await installation.admin.query<{ probes: string; entries: string }>(
      `select sum(idx_scan) filter (where indexrelname = 'ledger_entry_idempotency_key') as probes,
         sum(idx_tup_read) filter (where indexrelname = 'ledger_entry_pkey') as entries
       from pg_stat_user_indexes where relname = 'ledger_entry'`,
    );
    return { probes: Number(rows[0]?.probes), entries: Number(rows[0]?.entries) };
  }
});

describe('a refusal beside what is written for others', () => {
  it('is decided under the lock, since nothing tells that its account is as it was', async () => {
    const oneLane = await openHere({ ledger: { lanes: 1, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000 } });
    const pools = [await newPool(), await newPool(), await newPool(), await newPool()] as const;
    for (const pool of pools) for (let turn = 0; turn < 2; turn++) await outcomeOf(oneLane, pool, pool.use(100));
    const [poor, ...others] = pools;
    await installation.grant(poor.id, 90_000n);
    roads.length = 0;
    const results = await oneLane.consumption.consumeBatch(SERVICE, [
      poor.use(200_000),
      ...others.map((pool) => pool.use(100)),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['success', 'success', 'success', 'success']);
    expect(roads).toEqual(['REMEMBERED', 'LOCKED']);
    await oneLane.stop();
  });
});

describe('batches one behind the other', () => {
  /** Holds an account's row, as another process would. */
  async function hold(billingEntityId: string): Promise<{ readonly letGo: () => Promise<void> }> {
    const client = await installation.admin.connect();
    await client.query('begin');
    await client.query('select from credit_account where billing_entity_id = $1 for update', [billingEntityId]);
    return {
      async letGo() {
        await client.query('commit');
        client.release();
      },
    };
  }

  /** Sessions that wait for a lock, those of them that wait longest first. */
  async function waiting(): Promise<{ pid: number; query: string }[]> {
    const { rows } = await installation.admin.query<{ pid: number; query: string }>(
      `select pid, query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' order by query_start`,
    );
    return rows;
  }

  const untilWaiting = (count: number): Promise<void> =>
    waitFor(async () => (await waiting()).length >= count, `${count} sessions to wait for the account`);
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  /** Two batches under way on a remembered account that somebody holds. */
  async function underWay(pool: Pool, inputs: readonly [ConsumeInput, ConsumeInput]): Promise<Promise<string>[]> {
    const sessions = (await waiting()).length;
    const first = outcomeOf(here, pool, inputs[0]);
    await untilWaiting(sessions + 1);
    const second = outcomeOf(here, pool, inputs[1]);
    await waitFor(() => Promise.resolve(here.ledger.queued === 0), 'the second to be sent');
    await nextTurn();
    return [first, second];
  }

  it('are both written, each on what the one before left', async () => {
    const pool = await newPool();
    await remember(pool);
    const { letGo } = await hold(pool.id);
    const outcomes = await underWay(pool, [pool.use(100), pool.use(100)]);
    roads.length = 0;
    await letGo();
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
    expect(roads).toEqual(['REMEMBERED', 'REMEMBERED']);
    await installation.expectProven(pool.id);
  });

  it('are decided anew when another process comes before them, with as many changes as the first has', async () => {
    const pool = await newPool();
    await remember(pool);
    await installation.two.administration.adjust(OPERATOR, {
      ...{ idempotencyKey: installation.key(), billingEntityId: pool.id, amount: -9_965n, reason: 'test' },
    });
    // 15 credits are left: enough for one of the three.
    await expect(outcomeOf(here, pool, pool.use(0))).resolves.toBe('done');
    await expect(outcomeOf(here, pool, pool.use(0))).resolves.toBe('done');
    const { letGo } = await hold(pool.id);
    const faster = outcomeOf(installation.two, pool, pool.use(100));
    await untilWaiting(1);
    const outcomes = await underWay(pool, [pool.use(100), pool.use(0)]);
    await letGo();
    expect(await faster).toBe('done');
    expect(await Promise.all(outcomes)).toEqual(['INSUFFICIENT_CREDITS', 'done']);
    expect((await installation.two.accounts.balance(pool.id))?.available).toBe(5n);
    await installation.expectProven(pool.id);
  });

  it('take effect once when their connection is cut', async () => {
    const pool = await newPool();
    await remember(pool);
    const before = await usedBy(pool.id);
    const { letGo } = await hold(pool.id);
    const outcomes = await underWay(pool, [pool.use(100), pool.use(200)]);
    const [session] = (await waiting()).filter(({ query }) => query.includes('part_guard'));
    await installation.admin.query('select pg_terminate_backend($1)', [session?.pid]);
    await letGo();
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
    expect((await usedBy(pool.id)) - before).toBe(30n);
    await installation.expectProven(pool.id);
  });

  it('are told apart when a statement of one fails', async () => {
    const person = await installation.person(1_000n);
    const command = (key: string, actor = 'test'): Command => ({
      ...{
        kind: 'consume',
        billingEntityId: person.id,
        actor,
        lines: [{ quantity: 0n, rate: RATES.AI_TOKENS }],
        userId: person.id,
        organizationId: null,
      },
      ...{ apiKey: null, otherPayers: [], billingMode: 'FULL', feature: null, metadata: null, occurredAt: null },
      idempotency: { key, fingerprint: Buffer.alloc(16) },
    });
    for (const key of ['first', 'second']) await here.ledger.submit(command(key));
    const { letGo } = await hold(person.id);
    // No caller can send it: PostgreSQL does not take such text.
    const bad = here.ledger.submit(command('bad', 'nul \0')).catch(() => 'failed' as const);
    const good = Promise.all(['third', 'fourth'].map((key) => here.ledger.submit(command(key))));
    await letGo();
    expect(await bad).toBe('failed');
    for (const outcome of await good) expect(outcome.kind).toBe('committed');
    // Who made a batch fail goes alone from then on, and keeps nobody else from the short road.
    for (let payers = 0; payers < 8; payers++) await remember(await newPool());
    await installation.expectProven(person.id);
  });

  it('take a key once that comes again while the first is under way, here and elsewhere', async () => {
    const pool = await newPool();
    await remember(pool);
    const before = await usedBy(pool.id);
    const input = pool.use(100);
    const { letGo } = await hold(pool.id);
    const outcomes = await underWay(pool, [input, input]);
    const elsewhere = outcomeOf(installation.two, pool, input);
    await untilWaiting(2);
    const third = outcomeOf(here, pool, input);
    await letGo();
    expect(await Promise.all([...outcomes, elsewhere, third])).toEqual(['done', 'done', 'done', 'done']);
    expect((await usedBy(pool.id)) - before).toBe(10n);
    await installation.expectProven(pool.id);
  });

  it('of two processes that hammer one account all get through', async () => {
    const person = await installation.person(100_000n);
    const uses = Array.from({ length: 600 }, (_, index) =>
      (index % 3 === 0 ? installation.two : here).consumption.consume(SERVICE, installation.use(person, 10)),
    );
    for (const result of await Promise.all(uses)) expect(result).toMatchObject({ kind: 'success', replayed: false });
    expect(await usedBy(person.id)).toBe(600n);
    await installation.expectProven(person.id);
  });
});

describe('both roads', () => {
  /** What tells outcomes apart, without ids and instants. */
  function shapeOf(outcome: Outcome): unknown {
    const balance =
      'balance' in outcome && outcome.balance !== null ? { ...outcome.balance, billingEntityId: '' } : null;
    if (outcome.kind !== 'committed') {
      return { ...outcome, balance, ...('otherBalances' in outcome && { otherBalances: [] }) };
    }
    const entries = outcome.entries.map(({ kind, sequence, amount }) => ({ kind, sequence, amount }));
    const records = outcome.records.map(({ credits, overage, carriedAfter, modelFolded }) => ({
      ...{ credits, overage, carriedAfter, modelFolded },
    }));
    return { kind: outcome.kind, entries, records, balance };
  }

  const littleUse: Draft = ({ billingEntityId, key }) => ({
    ...{ kind: 'consume', billingEntityId, actor: 'test', userId: billingEntityId, organizationId: null, apiKey: null },
    ...{ otherPayers: [], billingMode: 'FULL', feature: null, metadata: null, occurredAt: null },
    lines: [{ quantity: 37n, rate: RATES.AI_TOKENS, model: 'small-1' }],
    idempotency: { key: key ?? '', fingerprint: Buffer.alloc(16) },
  });

  it('come to the same, whatever is asked of an account', async () => {
    const forgetful = await openHere({
      ledger: { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000, rememberedBytes: 1 },
      onBatch: ({ road }) => expect(road).toBe('LOCKED'),
    });
    let remembered = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(pauseHours, fc.array(draft, { minLength: 1, maxLength: 12 })), { maxLength: 8 }),
        async (rounds) => {
          const sides = [
            { services: here, id: (await installation.person(500n)).id, outcomes: [] as Outcome[] },
            { services: forgetful, id: (await installation.person(500n)).id, outcomes: [] as Outcome[] },
          ];
          let keys = 0;
          for (const [hours, drafts] of rounds) {
            installation.clock.forwardMs(Math.abs(hours) * 3_600_000);
            // After each, a little use: it finds the account remembered as that left it.
            for (const make of drafts.flatMap((each) => [each, littleUse])) {
              const key = `step-${(keys += 1)}`;
              roads.length = 0;
              for (const { services, id: billingEntityId, outcomes } of sides) {
                const committed = outcomes.filter((outcome) => outcome.kind === 'committed');
                const reservations = committed.flatMap((outcome) => outcome.reservations.map((each) => each.id));
                const records = committed.flatMap((outcome) => outcome.records);
                const command = make({ billingEntityId, now: installation.clock.now(), key, reservations, records });
                outcomes.push(await services.ledger.submit(command));
              }
              remembered += roads.filter((road) => road === 'REMEMBERED').length;
              const [one, other] = sides.map(({ outcomes }) => shapeOf(outcomes.at(-1) as Outcome));
              expect(one).toEqual(other);
            }
          }
          await installation.expectProven(...sides.map(({ id }) => id));
        },
      ),
      { numRuns: 20 },
    );
    expect(remembered).toBeGreaterThan(50);
    await forgetful.stop();
  }, 180_000);
});

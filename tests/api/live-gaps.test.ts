/** Live use after a gap: whoever comes back with a cursor is told what they missed, exactly, and only of what they may read. */
import { createClient, type Client } from 'graphql-ws';
import pg from 'pg';
import { WebSocket } from 'ws';
import { encodeCursor, keyOfCursor } from '../../src/kernel/pagination.ts';
import { send } from '../support/app.ts';
import { type Answer, type Ask, type Clients, CONSUME, tokensFor } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { waitFor } from '../support/wait-for.ts';

let servers: TwoServers;
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ ask, clients } = servers);
});

afterAll(() => servers.stop());

interface Event {
  readonly records: readonly { readonly id: string; readonly recordedAt: string }[];
  readonly skipped: number;
  readonly hasGap: boolean;
  readonly cursor: string;
}

const WATCH = `subscription ($id: ID!, $after: String, $atOnce: Boolean! = false) {
  usageRecorded(billingEntityId: $id, after: $after, atOnce: $atOnce) { records { id recordedAt } skipped hasGap cursor }
}`;

interface Variables {
  readonly id: string;
  after?: string | null;
  readonly atOnce?: boolean;
}

/** graphql-ws's own client as the guide says: it keeps the newest cursor in its variables, and comes back by itself, to the other server. */
class Watcher {
  readonly all: Event[] = [];
  readonly errors: unknown[] = [];
  isComplete = false;
  readonly #client: Client;
  readonly #sockets: WebSocket[] = [];

  constructor(token: string, variables: Variables, mayReturn = true) {
    const sockets = this.#sockets;
    const urls = [servers.one.socketUrl, servers.two.socketUrl];
    this.#client = createClient({
      url: () => urls[sockets.length % 2] as string,
      webSocketImpl: class extends WebSocket {
        constructor(...args: ConstructorParameters<typeof WebSocket>) {
          super(...args);
          sockets.push(this);
        }
      },
      retryAttempts: mayReturn ? 1_000 : 0,
      shouldRetry: () => mayReturn,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
      connectionParams: { authorization: `Bearer ${token}` },
    });
    this.#client.subscribe(
      { query: WATCH, variables: variables as never },
      {
        next: ({ data, errors }) => {
          if (errors) this.errors.push(...errors);
          const event = (data as { usageRecorded: Event } | null)?.usageRecorded;
          if (event === undefined) return;
          this.all.push(event);
          variables.after = event.cursor;
        },
        error: (error) => {
          this.errors.push(...(Array.isArray(error) ? (error as unknown[]) : [error]));
        },
        complete: () => {
          this.isComplete = true;
        },
      },
    );
  }

  get shown(): string[] {
    return this.all.flatMap(({ records }) => records.map(({ id }) => id));
  }

  get told(): number {
    return this.all.reduce((sum, { records, skipped }) => sum + records.length + skipped, 0);
  }

  get codes(): unknown[] {
    return this.errors.map((error) => (error as { extensions?: { code?: unknown } }).extensions?.code ?? error);
  }

  /** Breaks the connection, as a network does. */
  cut(): void {
    this.#sockets.at(-1)?.terminate();
  }

  async stop(): Promise<void> {
    await this.#client.dispose();
  }
}

const consume = async (token: string, input: Readonly<Record<string, unknown>>): Promise<string> => {
  const use = { idempotencyKey: clients.next(), lines: tokensFor(1), ...input };
  const answer = await ask<Answer>(token, CONSUME, { input: use });
  return answer.records?.[0]?.['id'] as string;
};

interface World {
  readonly id: string;
  readonly token: string;
  /** One more record that the watcher may read. */
  readonly use: () => Promise<string>;
  /** One more that they may not; null: they may read all. */
  readonly others: (() => Promise<string>) | null;
}

async function person(): Promise<World> {
  const user = await clients.user(10_000);
  return { id: user.id, token: user.token, use: () => consume(user.token, {}), others: null };
}

/** Somebody of an organization, in which several people use something. */
async function somebody(visibility: 'PRIVATE' | 'PUBLIC', who: 'owner' | 'member' | 'key' | 'service'): Promise<World> {
  const club = await clients.organization(visibility, 10_000);
  const people = [await clients.user(10_000), await clients.user(10_000), await clients.user(10_000)];
  for (const { externalId } of people) await clients.setMember(club.owner, club.id, externalId);
  const key = (await clients.createKey(club.owner, club.id)).secret as string;
  const [member] = people as [(typeof people)[0]];
  let turn = 0;
  const of = (all: typeof people) => (): Promise<string> => {
    const { externalId } = all[(turn += 1) % all.length] as (typeof people)[0];
    return consume(clients.service, { userExternalId: externalId, organizationExternalId: club.externalId });
  };
  const onKey = (): Promise<string> =>
    consume(key, { userExternalId: (people[(turn += 1) % 3] as (typeof people)[0]).externalId });
  const { id } = club;
  switch (who) {
    case 'owner':
      return { id, token: club.owner, use: of(people), others: null };
    case 'service':
      return { id, token: clients.service, use: of(people), others: null };
    case 'member':
      return { id, token: member.token, use: of([member]), others: of(people.slice(1)) };
    case 'key':
      return { id, token: key, use: onKey, others: of(people) };
  }
}

const WATCHERS: readonly (readonly [string, () => Promise<World>])[] = [
  ['a person', person],
  ['the owner of a PRIVATE organization', () => somebody('PRIVATE', 'owner')],
  ['a plain member of a PRIVATE organization', () => somebody('PRIVATE', 'member')],
  ['the key of a PRIVATE organization', () => somebody('PRIVATE', 'key')],
  ['the owner of a PUBLIC organization', () => somebody('PUBLIC', 'owner')],
  ['a service at a PUBLIC organization', () => somebody('PUBLIC', 'service')],
  ['a plain member of a PUBLIC organization', () => somebody('PUBLIC', 'member')],
  ['the key of a PUBLIC organization', () => somebody('PUBLIC', 'key')],
];

/** So much use that can be read, and as much again that cannot, all in flight at once. */
async function burst({ use, others }: World, count: number): Promise<string[]> {
  const hidden = others === null ? [] : Array.from({ length: count }, others);
  const ids = await Promise.all(Array.from({ length: count }, use));
  await Promise.all(hidden);
  return ids;
}

describe.each(WATCHERS)('%s', (_who, make) => {
  it('is given a cursor at once, and told the newest of what was missed, and how much more there was', async () => {
    const world = await make();
    await burst(world, 3);
    const { id, token } = world;
    const first = new Watcher(token, { id, atOnce: true }, false);
    await waitFor(() => first.all.length > 0, 'the first event to come at once');
    expect(first.all).toEqual([{ records: [], skipped: 0, hasGap: false, cursor: expect.any(String) as string }]);
    const heard = await world.use();
    await waitFor(() => first.shown.includes(heard), 'use to be heard of');
    const cursor = first.all.at(-1)?.cursor as string;
    first.cut();
    const few = [await world.use(), await world.use(), ...(world.others === null ? [] : [await world.others()])];
    const back = new Watcher(token, { id, after: cursor }, false);
    await waitFor(() => back.all.length > 0, 'what was missed to be told');
    expect(back.all).toMatchObject([{ records: [{ id: few[1] }, { id: few[0] }], skipped: 0, hasGap: false }]);
    back.cut();
    const many = await burst(world, 32);
    const again = new Watcher(token, { id, after: back.all[0]?.cursor as string }, false);
    await waitFor(() => again.all.length > 0, 'what was missed to be told');
    expect(again.all).toMatchObject([{ skipped: 12, hasGap: false }]);
    expect(again.shown).toHaveLength(20);
    expect(many).toEqual(expect.arrayContaining(again.shown));
    const times = (again.all[0] as Event).records.map(({ recordedAt }) => recordedAt);
    expect(times).toEqual(times.toSorted().toReversed());
    const next = await world.use();
    await waitFor(() => again.shown.includes(next), 'use to be heard of');
    expect(again.told).toBe(33);
    again.cut();
    // The very first cursor still tells all that came after it.
    const late = new Watcher(token, { id, after: first.all[0]?.cursor as string, atOnce: true }, false);
    await waitFor(() => late.all.length > 0, 'what was missed to be told');
    expect([late.told, late.shown[0]]).toEqual([36, next]);
    const nothing = new Watcher(token, { id, after: late.all[0]?.cursor as string, atOnce: true }, false);
    await waitFor(() => nothing.all.length > 0, 'an event without news');
    expect(nothing.all).toMatchObject([{ records: [], skipped: 0, hasGap: false }]);
    for (const each of [first, back, again, late, nothing]) await each.stop();
  });

  it('misses nothing and is told nothing twice while its connection breaks, with 64 in flight', async () => {
    const world = await make();
    const watcher = new Watcher(world.token, { id: world.id, atOnce: true });
    await waitFor(() => watcher.all.length > 0, 'the first event to come at once');
    const used: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const burstOf = burst(world, world.others === null ? 64 : 32);
      await waitFor(() => watcher.told > used.length, 'some of it to be heard of');
      watcher.cut();
      used.push(...(await burstOf));
    }
    await waitFor(() => watcher.told >= used.length, 'all of it to be told');
    const last = await world.use();
    await waitFor(() => watcher.shown.includes(last), 'use to be heard of');
    expect(watcher.told).toBe(used.length + 1);
    expect(new Set(watcher.shown).size).toBe(watcher.shown.length);
    expect([...used, last]).toEqual(expect.arrayContaining(watcher.shown));
    expect(watcher.all.filter(({ hasGap }) => hasGap)).toEqual([]);
    expect(watcher.errors).toEqual([]);
    await watcher.stop();
  });
});

describe('a server that does not hear the others for a while', () => {
  it.each(WATCHERS.slice(1))('still tells %s everything, once', async (_who, make) => {
    const world = await make();
    const watchers = [new Watcher(world.token, { id: world.id, atOnce: true }, false)];
    await waitFor(() => watchers.every(({ all }) => all.length > 0), 'the first events to come at once');
    const admin = new pg.Client({ connectionString: servers.database.url });
    await admin.connect();
    let count = 0;
    for (let turn = 0; turn < 3; turn += 1) {
      const used = burst(world, 16);
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'tollgate live %'`);
      count += (await used).length;
    }
    await admin.end();
    for (const watcher of watchers) {
      await waitFor(() => watcher.told >= count, 'all of it to be told');
      const last = await world.use();
      count += 1;
      await waitFor(() => watcher.shown.includes(last), 'use to be heard of');
      expect([watcher.told, watcher.errors, watcher.all.some(({ hasGap }) => hasGap)]).toEqual([count, [], false]);
      await watcher.stop();
    }
  });
});

describe('a cursor', () => {
  /** The code that a subscription with this cursor is answered with. */
  async function codeOf(token: string, id: string, after: string): Promise<unknown> {
    const watcher = new Watcher(token, { id, after, atOnce: true }, false);
    await waitFor(() => watcher.errors.length + watcher.all.length > 0, 'an answer');
    await watcher.stop();
    return watcher.codes[0] ?? watcher.all[0];
  }

  async function cursorOf({ token, id }: Pick<World, 'token' | 'id'>): Promise<string> {
    const watcher = new Watcher(token, { id, atOnce: true }, false);
    await waitFor(() => watcher.all.length > 0, 'a cursor');
    await watcher.stop();
    return watcher.all[0]?.cursor as string;
  }

  it('of another entity, of another list or of nobody’s making is BAD_USER_INPUT', async () => {
    const [one, other] = [await person(), await somebody('PUBLIC', 'owner')];
    await one.use();
    const LIST = 'query ($id: ID!) { billingEntity(id: $id) { usage { pageInfo { endCursor } } } }';
    const { usage } = await ask<{ usage: { pageInfo: { endCursor: string } } }>(one.token, LIST, { id: one.id });
    const cursor = await cursorOf(one);
    const key = keyOfCursor(cursor) as unknown[];
    const wrong = [
      '',
      'x',
      cursor.slice(1),
      cursor.slice(0, -3),
      'A'.repeat(100_000),
      usage.pageInfo.endCursor,
      await cursorOf(other),
      encodeCursor([]),
      encodeCursor(key.with(2, ['-1'])),
      encodeCursor(key.with(2, ['9'.repeat(30)])),
      encodeCursor(key.with(2, [1])),
      encodeCursor(key.with(1, 'everybody')),
      encodeCursor([...key, ['1'], ['1']]),
    ];
    for (const after of wrong) expect(await codeOf(one.token, one.id, after)).toBe('BAD_USER_INPUT');
    expect(await codeOf(other.token, other.id, cursor)).toBe('BAD_USER_INPUT');
    // It opens nothing to whoever may not watch the entity.
    expect(await codeOf(one.token, other.id, await cursorOf(other))).toBe('NOT_FOUND');
  });

  it('from before a right was lost or gained tells that something may have been missed, and shows nothing of others', async () => {
    const club = await clients.organization('PRIVATE', 10_000);
    const admin = await clients.user(1_000);
    const set = (role: string): Promise<unknown> => clients.setMember(club.owner, club.id, admin.externalId, { role });
    await clients.setMember(clients.operator, club.id, admin.externalId, { role: 'ADMIN', status: 'ACTIVE' });
    const use = (): Promise<string> =>
      consume(clients.service, { userExternalId: admin.externalId, organizationExternalId: club.externalId });
    const watcher = new Watcher(admin.token, { id: club.id, atOnce: true }, false);
    await waitFor(() => watcher.all.length > 0, 'a cursor');
    await set('MEMBER');
    await waitFor(() => watcher.isComplete, 'the stream to end with the right to it');
    const other = await clients.user(1_000);
    await clients.setMember(club.owner, club.id, other.externalId);
    await consume(other.token, { organizationExternalId: club.externalId });
    const back = new Watcher(admin.token, { id: club.id, after: watcher.all[0]?.cursor as string }, false);
    await waitFor(() => back.all.length > 0, 'to be told');
    expect(back.all).toMatchObject([{ records: [], skipped: 0, hasGap: true }]);
    const own = await use();
    await waitFor(() => back.shown.includes(own), 'their own to be heard of');
    expect(back.all.at(-1)).toMatchObject({ records: [{ id: own }], skipped: 0, hasGap: false });
    await back.stop();
    await set('ADMIN');
    const again = await codeOf(admin.token, club.id, back.all.at(-1)?.cursor as string);
    expect(again).toMatchObject({ records: [], skipped: 0, hasGap: true });
    await clients.setMember(club.owner, club.id, admin.externalId, { role: 'MEMBER' });
    await ask(club.owner, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
      input: { billingEntityId: club.id, userExternalId: admin.externalId },
    });
    expect(await codeOf(admin.token, club.id, (again as Event).cursor)).toBe('NOT_FOUND');
    await watcher.stop();
  });

  it('is no part of what is asked over HTTP, as before', async () => {
    const { id, token } = await person();
    const { errors } = await send(servers.one.url, token, WATCH, { id });
    expect(errors).toHaveLength(1);
  });
});

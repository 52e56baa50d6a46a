/** Streams against the whole right that they were opened with: every subscription, every way that a membership can change. */
import type { Client } from 'graphql-ws';
import { may, type Operation, type Relation, RELATIONS } from '../../src/billing-entities/authorization.ts';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Events, socketClient } from '../support/live-client.ts';
import { type Ask, asker, Clients, CONSUME, tokensFor } from '../support/organizations.ts';

interface StreamRow {
  /** Without it nothing is shown. */
  readonly needs: Operation;
  /** With it everybody's is shown instead of one's own; null: it shows the same to all. */
  readonly widenedBy: Operation | null;
  readonly document: string;
}

/** Every field of Subscription. */
const STREAMS: Readonly<Record<string, StreamRow>> = {
  balanceUpdated: {
    needs: 'credits.read',
    widenedBy: null,
    document: 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { version } }',
  },
  alertRaised: {
    needs: 'alerts.read',
    widenedBy: 'alerts.readAll',
    document: 'subscription ($id: ID!) { alertRaised(billingEntityId: $id) { id } }',
  },
  usageRecorded: {
    needs: 'usage.read',
    widenedBy: 'usage.readAll',
    document:
      'subscription ($id: ID!) { usageRecorded(billingEntityId: $id) { records { user { externalId } } skipped } }',
  },
};

/** What somebody is by their token or key, for as long as it lasts. */
const LASTING: readonly Relation[] = ['SELF', 'SERVICE', 'OPERATOR', 'API_KEY'];
const CHANGING = (Object.keys(RELATIONS) as Relation[]).filter((relation) => !LASTING.includes(relation));

/** Whether what was opened as `before` must end for who is `after`. Who is suspended meanwhile is shown nothing more. */
function endsWith({ needs, widenedBy }: StreamRow, before: Relation, after: Relation): boolean {
  const lost = (operation: Operation): boolean => may(before, operation) && !may(after, operation);
  return lost(needs) || (widenedBy !== null && lost(widenedBy)) || (after === 'SUSPENDED' && before !== 'SUSPENDED');
}

interface Watcher {
  readonly field: string;
  readonly before: Relation;
  readonly after: Relation;
  readonly externalId: string;
  readonly token: string;
  events: Events<{ records?: { user: { externalId: string } }[] }>;
}

let bench: Bench;
let one: TestApp;
let two: TestApp;
let ask: Ask;
let clients: Clients;
const sockets: Client[] = [];

beforeAll(async () => {
  bench = await Bench.open();
  one = await bench.server();
  two = await bench.server();
  ask = asker(() => one.url);
  clients = await Clients.open(ask);
});

afterAll(async () => {
  for (const socket of sockets) await socket.dispose();
  await bench.close();
});

/** Makes somebody this to the organization. */
async function become(club: { id: string; owner: string }, externalId: string, relation: Relation): Promise<void> {
  const member = { billingEntityId: club.id, userExternalId: externalId };
  if (relation === 'STRANGER' || relation === 'INVITED') {
    await ask(clients.operator, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
      input: member,
    });
    if (relation === 'STRANGER') return;
    await ask(club.owner, 'mutation ($input: SetMemberInput!) { setMember(input: $input) { status } }', {
      input: { ...member, role: 'MEMBER' },
    });
    return;
  }
  // Any relation that is new here needs its own way in: the API refuses what is no role.
  const terms = relation === 'SUSPENDED' ? { status: relation } : { role: relation, status: 'ACTIVE' };
  await clients.setMember(clients.operator, club.id, externalId, terms);
}

async function consume(organizationExternalId: string, userExternalId: string): Promise<void> {
  const input = { idempotencyKey: clients.next(), organizationExternalId, userExternalId, lines: tokensFor(1) };
  await ask(clients.service, CONSUME, { input });
}

it('every field of Subscription has its row here', async () => {
  const schema = await buildTollgateSchema();
  expect(Object.keys(STREAMS).toSorted()).toEqual(
    Object.keys(schema.getSubscriptionType()?.getFields() ?? {}).toSorted(),
  );
});

it('a stream ends when any right that it was opened with is gone, and goes on with the rest, whoever changes into what', async () => {
  const club = await clients.organization('PRIVATE', 1_000);
  const other = await clients.user(0);
  await clients.setMember(clients.operator, club.id, other.externalId);
  const pairs = CHANGING.filter((before) => may(before, 'credits.read')).flatMap((before) =>
    CHANGING.map((after) => ({ before, after })),
  );
  const watchers: Watcher[] = [];
  for (const { before, after } of pairs) {
    const user = await clients.user(0);
    await become(club, user.externalId, 'MEMBER');
    if (before !== 'MEMBER') await become(club, user.externalId, before);
    for (const [field, row] of Object.entries(STREAMS)) {
      expect(may(before, row.needs)).toBe(true);
      const socket = socketClient(two.socketUrl, user.token);
      sockets.push(socket);
      const events: Watcher['events'] = new Events(socket, row.document, { id: club.id });
      watchers.push({ field, before, after, externalId: user.externalId, token: user.token, events });
    }
  }
  // Each stream shows something before anything changes. A use may come before its stream is open: so again, until all do.
  // Nothing here raises an alert: a stream of them that is not open yet when its right goes is refused, which ends it as well.
  const mayUse = ({ before, field }: Watcher): boolean =>
    field === 'balanceUpdated' || (field === 'usageRecorded' && before !== 'SUSPENDED');
  for (let silent = watchers.filter(mayUse); silent.length > 0;) {
    for (const { externalId, field } of silent) {
      if (field === 'usageRecorded') await consume(club.externalId, externalId);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    silent = silent.filter(({ events }) => events.all.length === 0);
  }

  const ended = new Set<Watcher>();
  for (const watcher of watchers) void watcher.events.ended.then(() => ended.add(watcher));
  for (const { before, after, externalId, field } of watchers) {
    if (field === 'balanceUpdated' && before !== after) await become(club, externalId, after);
  }
  const label = ({ field, before, after }: Watcher): string => `${field}: ${before} becomes ${after}`;
  const ending = watchers.filter(({ field, before, after }) => endsWith(STREAMS[field] as StreamRow, before, after));
  await Promise.race([
    Promise.all(ending.map(({ events }) => events.ended)),
    new Promise((_resolve, reject) => {
      setTimeout(
        () =>
          reject(
            new Error(
              ending
                .filter((each) => !ended.has(each))
                .map(label)
                .join('; '),
            ),
          ),
        15_000,
      ).unref();
    }),
  ]);

  const from = new Map(watchers.map((watcher) => [watcher, watcher.events.all.length]));
  const remaining = watchers.filter((watcher) => !ending.includes(watcher));
  await consume(club.externalId, other.externalId);
  for (const { after, externalId } of remaining) {
    if (may(after, 'credits.consume')) await consume(club.externalId, externalId);
  }
  await Promise.all(
    remaining
      .filter(
        ({ field, after }) =>
          field === 'balanceUpdated' || (field === 'usageRecorded' && may(after, 'credits.consume')),
      )
      .map((watcher) => watcher.events.first((event) => watcher.events.all.indexOf(event) >= (from.get(watcher) ?? 0))),
  );
  expect([...ended].map(label).toSorted()).toEqual(ending.map(label).toSorted());
  // Whatever is open shows nothing that may not be read now.
  for (const { field, after, events, externalId, before } of remaining) {
    if (field !== 'usageRecorded' || may(after, 'usage.readAll')) continue;
    const names = events.all.flatMap(({ records }) => records ?? []).map(({ user }) => user.externalId);
    expect([before, after, new Set(names)]).toEqual([
      before,
      after,
      names.length === 0 ? new Set() : new Set([externalId]),
    ]);
  }
}, 120_000);

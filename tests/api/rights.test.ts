/** Rights that end while something rests on them: two whole servers on one database, what is changed on one is felt on the other. */
import type { Client } from 'graphql-ws';
import { type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Events, socketClient } from '../support/live-client.ts';
import { type Ask, asker, Clients } from '../support/organizations.ts';

let bench: Bench;
let one: TestApp;
let two: TestApp;
let ask: Ask;
let clients: Clients;
let sockets: Client[];

beforeAll(async () => {
  bench = await Bench.open();
  one = await bench.server();
  two = await bench.server();
  ask = asker(() => one.url);
  clients = await Clients.open(ask);
});

beforeEach(() => {
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) await socket.dispose();
});

afterAll(() => bench.close());

/** Watches a balance on the other server, once it has its first event. */
async function watching(token: string, id: string): Promise<Events<unknown>> {
  const socket = socketClient(two.socketUrl, token);
  sockets.push(socket);
  const query = 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { available } }';
  const events = new Events(socket, query, { id });
  await events.first(() => true);
  return events;
}

const suspend = (id: string): Promise<unknown> =>
  ask(
    clients.operator,
    'mutation ($input: BillingEntityInput!) { suspendBillingEntity(input: $input, reason: "test") { id } }',
    { input: { billingEntityId: id } },
  );

describe('a subscription ends', () => {
  it('when the member is removed or suspended, and nobody else’s does', async () => {
    const club = await clients.organization('PRIVATE');
    const [gone, stopped, staying] = await Promise.all([clients.user(0), clients.user(0), clients.user(0)]);
    for (const user of [gone, stopped, staying]) await clients.setMember(club.owner, club.id, user.externalId);
    const streams = await Promise.all([gone, stopped, staying].map(({ token }) => watching(token, club.id)));
    const [ofGone, ofStopped, ofStaying] = streams as [Events<unknown>, Events<unknown>, Events<unknown>];

    await ask(club.owner, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
      input: { billingEntityId: club.id, userExternalId: gone.externalId },
    });
    await clients.setMember(club.owner, club.id, stopped.externalId, { status: 'SUSPENDED' });
    await Promise.all([ofGone.ended, ofStopped.ended]);

    await clients.setCredits(club.id, 77);
    await ofStaying.first((event) => (event as { available: number }).available === 77);
    await expect(watching(gone.token, club.id)).rejects.toThrow('NOT_FOUND');
    // Who is suspended may look on.
    await (await watching(stopped.token, club.id)).stop();
    await ofStaying.stop();
  });

  it('when its entity, or who watches it, is suspended', async () => {
    const club = await clients.organization('PRIVATE');
    const member = await clients.user(0);
    await clients.setMember(club.owner, club.id, member.externalId);
    const streams = await Promise.all([watching(member.token, club.id), watching(member.token, member.id)]);
    await suspend(member.id);
    await Promise.all(streams.map((stream) => stream.ended));
    const ofOwner = await watching(club.owner, club.id);
    await suspend(club.id);
    await ofOwner.ended;
  });

  it('with the socket of a key that is revoked', async () => {
    const user = await clients.user(0);
    const key = await clients.createKey(user.token, user.id);
    const stream = await watching(key.secret as string, user.id);
    const closed = new Promise<unknown>((resolve) => sockets[0]?.on('closed', resolve));
    await ask(user.token, 'mutation ($id: ID!) { revokeApiKey(id: $id) { status } }', { id: key.id });
    expect(await closed).toMatchObject({ code: 4403 });
    await stream.ended;
    await expect(watching(key.secret as string, user.id)).rejects.toMatchObject({
      message: expect.anything() as string,
    });
  });
});

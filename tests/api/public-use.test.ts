/** Use in a PUBLIC organization lies in its people's accounts; whoever watches the organization hears of it all the same. */
import { Events } from '../support/live-client.ts';
import {
  type Answer,
  type Ask,
  type Clients,
  CONSUME,
  RESERVE,
  tokensFor,
  UPDATE_ORGANIZATION,
} from '../support/organizations.ts';
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
  readonly records: readonly { readonly id: string; readonly credits: number }[];
  readonly skipped: number;
}

const WATCH =
  'subscription ($id: ID!) { usageRecorded(billingEntityId: $id, atOnce: true) { records { id credits } skipped } }';

/** A watcher of each server, which hears whatever comes from now on. */
async function watch(token: string, id: string): Promise<readonly Events<Event>[]> {
  const events = servers.sockets(token).map((socket) => new Events<Event>(socket, WATCH, { id }));
  // The first one comes at once, and says that whatever is used after it is heard.
  await Promise.all(events.map((each) => each.first(() => true)));
  return events;
}

const heard = (events: Events<Event>): string[] => events.all.flatMap(({ records }) => records.map(({ id }) => id));

const consume = async (input: Readonly<Record<string, unknown>>, token = clients.service): Promise<string> => {
  const answer = await ask<Answer>(token, CONSUME, { input: { idempotencyKey: clients.next(), ...input } });
  return answer.records?.[0]?.['id'] as string;
};

describe('use in a PUBLIC organization', () => {
  it('is heard of by whom it is told to, on every server, once, and by nobody else', async () => {
    const square = await clients.organization('PUBLIC');
    const [member, passer] = [await clients.user(10_000), await clients.user(10_000)];
    await clients.setMember(square.owner, square.id, member.externalId);
    const at = { organizationExternalId: square.externalId, lines: tokensFor(1) };
    const owners = await watch(square.owner, square.id);
    const services = await watch(clients.service, square.id);
    const members = await watch(member.token, square.id);
    const alone = await watch(member.token, member.id);
    const [ofMember, ofPasser]: [string[], string[]] = [[], []];
    for (let turn = 0; turn < 4; turn += 1) {
      ofMember.push(await consume({ ...at, userExternalId: member.externalId }));
      ofPasser.push(await consume({ ...at, userExternalId: passer.externalId }));
      ofPasser.push(await consume(at, passer.token));
    }
    const elsewhere = await consume({ lines: tokensFor(1) }, member.token);
    const { reservation } = await ask<{ reservation: { id: string } }>(clients.service, RESERVE, {
      input: { idempotencyKey: clients.next(), userExternalId: passer.externalId, ttlSeconds: 600, ...at },
    });
    ofPasser.push(await consume({ lines: tokensFor(1), reservationId: reservation.id }));
    const last = await consume({ ...at, userExternalId: member.externalId });

    for (const events of [...owners, ...services, ...members, ...alone]) {
      await events.first((each) => each.records.some(({ id }) => id === last));
    }
    for (const events of [...owners, ...services]) {
      await waitFor(
        () => [...ofMember, ...ofPasser].every((id) => heard(events).includes(id)),
        'all of it to be heard',
      );
      expect(heard(events)).not.toContain(elsewhere);
    }
    for (const events of members) {
      await waitFor(() => ofMember.every((id) => heard(events).includes(id)), 'their own to be heard');
      expect(heard(events).filter((id) => ofPasser.includes(id) || id === elsewhere)).toEqual([]);
    }
    for (const events of alone) {
      await waitFor(() => heard(events).includes(elsewhere), 'what is used alone to be heard');
    }
    for (const events of [...owners, ...services, ...members]) {
      expect(heard(events)).toHaveLength(new Set(heard(events)).size);
      await events.stop();
    }
    for (const events of alone) await events.stop();
    await waitFor(
      () => [servers.one, servers.two].every(({ services: { live } }) => live.openStreams === 0),
      'all streams to end',
    );
  });

  it('is counted where it is too much to be shown', async () => {
    const square = await clients.organization('PUBLIC');
    const people = await Promise.all(Array.from({ length: 10 }, () => clients.user(1_000)));
    const [events, other] = (await watch(square.owner, square.id)) as [Events<Event>, Events<Event>];
    const use = (externalId: string) => ({
      idempotencyKey: clients.next(),
      userExternalId: externalId,
      organizationExternalId: square.externalId,
      lines: [...tokensFor(1), ...tokensFor(1)],
    });
    const sum = (all: readonly Event[]): number =>
      all.reduce((total, { records, skipped }) => total + records.length + skipped, 0);
    const batch = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) { __typename } }`;
    for (let turn = 0; turn < 4; turn += 1) {
      const inputs = people.flatMap(({ externalId }) => Array.from({ length: 5 }, () => use(externalId)));
      await ask(clients.service, batch, { inputs });
    }
    for (const each of [events, other]) {
      await waitFor(() => sum(each.all) === 400, 'all 400 records to be heard of');
      expect(Math.max(...each.all.map(({ records }) => records.length))).toBeLessThanOrEqual(20);
      await each.stop();
    }
  });

  it('and in a PRIVATE one is heard on one stream while the organization turns from one into the other', async () => {
    const club = await clients.organization('PRIVATE', 10_000);
    const member = await clients.user(10_000);
    await clients.setMember(club.owner, club.id, member.externalId);
    const at = {
      userExternalId: member.externalId,
      organizationExternalId: club.externalId,
      lines: tokensFor(1),
    };
    const watchers = [...(await watch(club.owner, club.id)), ...(await watch(member.token, club.id))];
    const used: string[] = [];
    for (const visibility of ['PUBLIC', 'PRIVATE', 'PUBLIC']) {
      await ask(club.owner, UPDATE_ORGANIZATION, { input: { billingEntityId: club.id, visibility } });
      for (let turn = 0; turn < 3; turn += 1) used.push(await consume(at));
    }
    for (const events of watchers) {
      await waitFor(() => used.every((id) => heard(events).includes(id)), 'all of it to be heard');
      expect(heard(events)).toHaveLength(new Set(heard(events)).size);
      await events.stop();
    }
  });
});

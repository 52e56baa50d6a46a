import { send, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { freePort } from '../support/free-port.ts';
import { ServerProcess } from '../support/server-process.ts';
import { waitFor } from '../support/wait-for.ts';

const RESERVE = `mutation ($input: ReserveCreditsInput!) {
  reserveCredits(input: $input) { __typename ... on ReserveCreditsSuccess { reservation { id } } }
}`;
const SETTLE = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }`;
const EXTEND = `mutation ($id: ID!) { extendReservation(id: $id, ttlSeconds: 10) { status } }`;
const RELEASE = `mutation ($id: ID!) { releaseReservation(id: $id) { status } }`;
const STATE = `query ($user: String!) {
  billingEntityByExternalId(type: USER, externalId: $user) {
    id credits { available held used owed } reservations(first: 100) { edges { node { id } } }
  }
}`;

interface State {
  readonly id: string;
  readonly credits: { readonly available: number; readonly held: number; readonly used: number; readonly owed: number };
  readonly reservations: { readonly edges: readonly { readonly node: { readonly id: string } }[] };
}

test('a thousand reservations on two processes, one of them killed over and over, leave nothing held and a ledger that adds up', async () => {
  const bench = await Bench.open();
  const [service, operator] = await Promise.all([
    tokenOf('platform', { scope: 'billing:usage' }),
    tokenOf('root', { scope: 'billing:operator' }),
  ]);
  const ports = [await freePort(), await freePort()] as const;
  const start = (port: number): Promise<ServerProcess> =>
    ServerProcess.start(port, { DATABASE_URL: bench.database.url });
  const servers = await Promise.all(ports.map(start));
  const urlOf = (index: number): string => `http://127.0.0.1:${ports[index % 2]}/graphql`;

  /** Sends until it is answered, to either process, as a client would; gives null where the answer is a CONFLICT. */
  const ask = async (query: string, variables: Record<string, unknown>, first: number): Promise<unknown> => {
    let answer: unknown = null;
    let turn = first;
    await waitFor(async () => {
      const reply = await send(urlOf((turn += 1)), service, query, variables).catch(() => null);
      if (reply === null) return false;
      const code = reply.errors[0]?.extensions['code'];
      if (code === 'UNAVAILABLE') return false;
      if (code !== undefined) expect(code).toBe('CONFLICT');
      answer = reply.errors.length > 0 ? null : reply.data;
      return true;
    }, 'an answer');
    return answer;
  };

  let finished = 0;
  const lines = (quantity: number) => [{ resource: 'AI_TOKENS', quantity }];
  /** One piece of work from its reservation to its end, of which there are five. */
  const work = async (index: number): Promise<void> => {
    const input = {
      idempotencyKey: `r${index}`,
      userExternalId: 'worker',
      lines: lines(50 + (index % 100)),
      ttlSeconds: 10,
    };
    const reserved = (await ask(RESERVE, { input }, index)) as {
      reserveCredits: { reservation?: { id: string } };
    } | null;
    const id = reserved?.reserveCredits.reservation?.id;
    if (id !== undefined) {
      if (index % 5 === 1) await ask(RELEASE, { id }, index + 1);
      if (index % 5 === 2) await ask(EXTEND, { id }, index + 1);
      const settlement = { idempotencyKey: `s${index}`, reservationId: id, lines: lines((index * 37) % 160) };
      // Those that are neither settled nor released lapse.
      if (index % 5 !== 1 && index % 5 !== 0) await ask(SETTLE, { input: settlement }, index);
    }
    finished += 1;
  };
  const queue = Array.from({ length: 1_000 }, (_, index) => index);
  const worker = async (): Promise<void> => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) await work(index);
  };
  const working = Promise.all(Array.from({ length: 24 }, worker));
  for (let kill = 1; kill <= 3; kill += 1) {
    await waitFor(() => finished >= kill * 250, `${kill * 250} pieces of work`);
    await servers[0]?.kill();
    servers[0] = await start(ports[0]);
  }
  await working;

  const state = async (): Promise<State> => {
    const { data } = await send(urlOf(1), operator, STATE, { user: 'worker' });
    return (data as never as { billingEntityByExternalId: State }).billingEntityByExternalId;
  };
  // What was left to itself lapses on the servers' own clock, swept by whichever comes first.
  await waitFor(async () => (await state()).credits.held === 0, 'every reservation to end');
  const { id, credits, reservations } = await state();
  expect(reservations.edges).toEqual([]);
  expect(credits.available + credits.used - credits.owed).toBe(10_000);
  const proof = `query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent problems } }`;
  expect((await send(urlOf(0), operator, proof, { id })).data).toEqual({
    verifyLedger: { consistent: true, problems: [] },
  });
  await Promise.all(servers.map((server) => server.stop()));
  await bench.close();
}, 120_000);

import { send, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { freePort } from '../support/free-port.ts';
import { Events, socketClient } from '../support/live-client.ts';
import { ServerProcess } from '../support/server-process.ts';

interface Balance {
  readonly available: number;
  readonly version: number;
}

let bench: Bench;
let servers: ServerProcess[];

beforeAll(async () => {
  bench = await Bench.open();
  servers = await Promise.all(
    [1, 2].map(async () => ServerProcess.start(await freePort(), { DATABASE_URL: bench.database.url })),
  );
}, 60_000);

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await bench.close();
});

test('of 200 uses racing on two server processes exactly 100 have the trial, and a subscriber of either sees it all', async () => {
  const [one, two] = servers as [ServerProcess, ServerProcess];
  const [token, service] = await Promise.all([tokenOf('racer'), tokenOf('platform', { scope: 'billing:usage' })]);
  const first = await send(one.url, token, '{ viewer { user { id } } }');
  const { id } = (first.data as never as { viewer: { user: { id: string } } }).viewer.user;

  const clients = [one, two].map((server) => socketClient(server.url.replace('http', 'ws'), token));
  const streams = clients.map(
    (client) =>
      new Events<Balance>(
        client,
        'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { available version } }',
        { id },
      ),
  );
  for (const stream of streams) expect(await stream.first(() => true)).toEqual({ available: 10_000, version: 1 });

  const query = `mutation ($input: ConsumeCreditsInput!) {
    consumeCredits(input: $input) { __typename ... on UsageRefused { reason required available } }
  }`;
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => {
      const lines = [{ resource: 'AI_TOKENS', quantity: 1000 }];
      const input = { idempotencyKey: `race-${index}`, userExternalId: 'racer', lines };
      return send((index % 2 ? one : two).url, service, query, { input });
    }),
  );
  const results = answers.map(
    ({ data }) => (data as never as { consumeCredits: { __typename: string } }).consumeCredits,
  );
  expect(results.filter((result) => result.__typename === 'ConsumeCreditsSuccess')).toHaveLength(100);
  for (const refusal of results.filter((result) => result.__typename !== 'ConsumeCreditsSuccess')) {
    expect(refusal).toEqual({
      __typename: 'UsageRefused',
      reason: 'INSUFFICIENT_CREDITS',
      required: 100,
      available: 0,
    });
  }

  for (const stream of streams) {
    expect(await stream.first((balance) => balance.version === 101)).toEqual({ available: 0, version: 101 });
    await stream.stop();
  }
  for (const client of clients) await client.dispose();
  const proof = await send(
    two.url,
    token,
    'query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent throughSequence } billingEntity(id: $id) { credits { available used } } }',
    { id },
  );
  expect(proof.data).toEqual({
    verifyLedger: { consistent: true, throughSequence: 101 },
    billingEntity: { credits: { available: 0, used: 10_000 } },
  });
});

import { readFile, rm } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@tollgate/embedded-postgres';
import { migrate } from '../../src/persistence/migrate.ts';
import { send, startTestApp, tokenOf } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { ServerProcess } from '../support/server-process.ts';
import { waitFor } from '../support/wait-for.ts';

const CONSUME = /* GraphQL */ `
  mutation ($input: ConsumeCreditsInput!) {
    consumeCredits(input: $input) {
      __typename
      ... on ConsumeCreditsSuccess {
        credits
        replayed
      }
    }
  }
`;
const PROOF = /* GraphQL */ `
  query ($id: ID!) {
    billingEntity(id: $id) {
      credits {
        available
        used
      }
    }
    verifyLedger(billingEntityId: $id) {
      consistent
      problems
      entriesChecked
    }
  }
`;

interface Load {
  /** Keys that were acknowledged, in order. */
  readonly acknowledged: string[];
  /** Resolves when every key was. */
  readonly done: Promise<void>;
}

/** Sends each key again and again until it is acknowledged, `width` at a time. */
function consumeAll(keys: readonly string[], width: number, target: () => string, token: string, user: string): Load {
  const acknowledged: string[] = [];
  const queue = [...keys];
  const worker = async (): Promise<void> => {
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      const input = { idempotencyKey: key, userExternalId: user, lines: [{ resource: 'AI_TOKENS', quantity: 10 }] };
      await waitFor(async () => {
        const answer = await send(target(), token, CONSUME, { input }).catch(() => null);
        if (answer === null) return false;
        if (answer.errors.length > 0) {
          expect(answer.errors[0]?.extensions['code']).toBe('UNAVAILABLE');
          return false;
        }
        expect(answer.data).toMatchObject({ consumeCredits: { __typename: 'ConsumeCreditsSuccess', credits: 1 } });
        return true;
      }, `an answer to ${key}`);
      acknowledged.push(key);
    }
  };
  return { acknowledged, done: Promise.all(Array.from({ length: width }, worker)).then(() => undefined) };
}

async function expectEachOnce(url: string, user: string, count: number): Promise<void> {
  const operator = await tokenOf('root', { scope: 'billing:operator' });
  const found = await send(
    url,
    operator,
    `query ($user: String!) { billingEntityByExternalId(type: USER, externalId: $user) { id } }`,
    { user },
  );
  const { id } = (found.data as never as { billingEntityByExternalId: { id: string } }).billingEntityByExternalId;
  const { data } = await send(url, operator, PROOF, { id });
  expect(data).toEqual({
    billingEntity: { credits: { available: 10_000 - count, used: count } },
    verifyLedger: { consistent: true, problems: [], entriesChecked: count + 1 },
  });
}

test('a server killed under load, over and over, loses nothing acknowledged and doubles nothing sent again', async () => {
  const database = await createTestDatabase();
  const service = await tokenOf('platform', { scope: 'billing:usage' });
  const port = await freePort();
  const start = (): Promise<ServerProcess> => ServerProcess.start(port, { DATABASE_URL: database.url });
  let server = await start();
  const keys = Array.from({ length: 3_000 }, (_, index) => `k${index}`);
  const load = consumeAll(keys, 32, () => server.url, service, 'victim');
  for (let kill = 1; kill <= 4; kill += 1) {
    await waitFor(() => load.acknowledged.length >= kill * 500, `${kill * 500} acknowledgements`);
    await server.kill();
    server = await start();
  }
  await load.done;
  await expectEachOnce(server.url, 'victim', keys.length);
  expect(await server.stop('SIGTERM')).toBe(0);
  await database.drop();
}, 120_000);

test('PostgreSQL killed under load: use is refused as UNAVAILABLE meanwhile, then service resumes by itself', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tollgate-faults-'));
  const log = { info: () => undefined, warn: () => undefined };
  const postgres = await startEmbeddedPostgres({ dataDir, databaseName: 'tollgate', log });
  await migrate(postgres.databaseUrl);
  const app = await startTestApp(postgres.databaseUrl);
  const service = await tokenOf('platform', { scope: 'billing:usage' });
  const ready = async (): Promise<number> => (await fetch(app.url.replace('/graphql', '/readyz'))).status;

  const keys = Array.from({ length: 2_000 }, (_, index) => `p${index}`);
  const load = consumeAll(keys, 32, () => app.url, service, 'survivor');
  for (let kill = 1; kill <= 2; kill += 1) {
    await waitFor(() => load.acknowledged.length >= kill * 500, `${kill * 500} acknowledgements`);
    const killed = await postmasterOf(postgres.databaseUrl);
    process.kill(killed, 'SIGKILL');
    // Its successor may be there sooner than readiness is asked for again.
    const successor = (): Promise<number> => postmasterOf(postgres.databaseUrl).catch(() => killed);
    await waitFor(async () => (await successor()) !== killed, 'PostgreSQL to be started again');
    await waitFor(async () => (await ready()) === 200, 'the server to be ready again');
  }
  await load.done;
  await expectEachOnce(app.url, 'survivor', keys.length);
  await app.stop();
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}, 120_000);

/** The server's main process: the parent of whichever answers. */
async function postmasterOf(databaseUrl: string): Promise<number> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const status = await readFile(`/proc/${rows[0]?.pid}/status`, 'utf8');
  await client.end();
  return Number(/PPid:\s+(\d+)/.exec(status)?.[1]);
}

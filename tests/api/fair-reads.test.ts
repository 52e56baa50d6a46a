/** One caller's heavy reading, and what others feel of it: on the whole application. */
import { Client } from 'pg';
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { waitFor } from '../support/wait-for.ts';

let bench: Bench;
let app: TestApp;
let greedy: string;
let bystander: string;
const organizations = 6;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ env: { DATABASE_POOL_SIZE: '5', READS_WAITING_PER_CALLER: '200' } });
  [greedy, bystander] = await Promise.all([tokenOf('greedy'), tokenOf('bystander')]);
  for (let at = 0; at < organizations; at += 1) {
    const create = `mutation { createOrganization(input: { externalId: "o${at}", name: "O" }) { id } }`;
    expect((await send(app.url, greedy, create)).errors).toEqual([]);
  }
  await look();
});

afterAll(() => bench.close());

const LOOK = '{ viewer { user { credits { available } grants { edges { node { remaining } } } } } }';

async function look(): Promise<void> {
  const { data, errors } = await send(app.url, bystander, LOOK);
  expect(errors).toEqual([]);
  expect(data).toMatchObject({ viewer: { user: { credits: { available: 10_000 } } } });
}

/** Reads that wait for the lock on the table of use, until `let go`. */
async function whileUseIsLocked(work: () => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: bench.database.url });
  await client.connect();
  try {
    await client.query('begin; lock table usage_record in access exclusive mode');
    await work();
  } finally {
    await client.query('rollback');
    await client.end();
  }
}

const heavy = '{ viewer { memberships { organization { usage { edges { node { id } } } } } } }';

describe('a caller whose reads all hang', () => {
  it('keeps nobody else from reading, or from using credits', async () => {
    let flood: Promise<unknown> = Promise.resolve();
    await whileUseIsLocked(async () => {
      flood = Promise.all(Array.from({ length: 10 }, () => send(app.url, greedy, heavy)));
      await waiting((count) => count > 10);
      for (let time = 0; time < 5; time += 1) await look();
      const check = `{ checkUsage(input: { lines: [{ resource: AI_TOKENS, quantity: 1 }] }) { allowed } }`;
      expect((await send(app.url, bystander, check)).data).toEqual({ checkUsage: { allowed: true } });
    });
    for (const { errors } of (await flood) as Awaited<ReturnType<typeof send>>[]) expect(errors).toEqual([]);
    await waiting((count) => count === 0);
  });

  it('is refused more than may wait, and may try again', async () => {
    let flood: Promise<Awaited<ReturnType<typeof send>>[]> = Promise.resolve([]);
    await whileUseIsLocked(async () => {
      flood = Promise.all(Array.from({ length: 260 }, () => send(app.url, greedy, heavy)));
      await waiting((count) => count === 200);
      await look();
    });
    const codes = (await flood).flatMap(({ errors }) => errors.map(({ extensions }) => extensions));
    expect(codes.length).toBeGreaterThan(0);
    for (const extensions of codes) {
      expect(extensions).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_000 });
    }
    await waiting((count) => count === 0);
  });
});

describe('a caller who reads as much as they may', () => {
  it('makes others wait for their own turn only', async () => {
    const median = async (): Promise<number> => {
      const times: number[] = [];
      for (let time = 0; time < 15; time += 1) {
        const startedMs = performance.now();
        await look();
        times.push(performance.now() - startedMs);
      }
      return times.toSorted((left, right) => left - right)[7] as number;
    };
    await median();
    const ordinary = await median();
    const flood = new AbortController();
    const readers = Array.from({ length: 24 }, async () => {
      while (!flood.signal.aborted) expect((await send(app.url, greedy, heavy)).errors).toEqual([]);
    });
    const flooded = await median();
    flood.abort();
    await Promise.all(readers);
    // The process answers both; beyond that nothing is in the way. Without turns each look waits for all that is queued.
    expect(flooded / ordinary).toBeLessThan(10);
  });
});

/** Until so many reads wait. */
async function waiting(is: (count: number) => boolean): Promise<void> {
  await waitFor(
    async () => {
      const response = await fetch(new URL('/metrics', app.url));
      const [, count = ''] = /^tollgate_reads_waiting (\d+)$/m.exec(await response.text()) ?? [];
      return count !== '' && is(Number(count));
    },
    `reads that wait: ${String(is)}`,
  );
}

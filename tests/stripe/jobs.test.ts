import pg from 'pg';
import type { DomainServices } from '../../src/services.ts';
import { type Emulator, startEmulator } from '@tollgate/stripe-emulator';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { send, startTestApp, tokenOf } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import { ServerProcess } from '../support/server-process.ts';
import { openTestServices } from '../support/services.ts';
import { signatureOf, stripeEnv, WEBHOOK_SECRET } from '../support/stripe.ts';
import { waitFor } from '../support/wait-for.ts';

/** It knows none of the customers that events here are of. */
let emulator: Emulator;
let database: TestDatabase;
let admin: pg.Pool;
const open: DomainServices[] = [];

beforeAll(async () => {
  emulator = await startEmulator();
  database = await createTestDatabase();
  admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  admin.on('error', () => undefined);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((services) => services.stop()));
  await admin.query('delete from graphile_worker._private_jobs');
  await admin.query('delete from stripe_event');
});

afterAll(async () => {
  await admin.end();
  await database.drop();
  await emulator.stop();
});

/** One process of several; it does no jobs before `start`. */
async function openProcess(tendIntervalMs = 3_600_000): Promise<DomainServices> {
  const stripe = {
    secretKey: 'sk_test_nobody',
    apiBase: new URL(emulator.url),
    webhookSecrets: [WEBHOOK_SECRET],
    returns: { origins: [], anyLoopback: true },
  };
  const services = await openTestServices(database.url, { stripe, tendIntervalMs });
  open.push(services);
  return services;
}

let count = 0;
const event = (customerId: string | null, type = 'invoice.paid') => ({
  id: `evt_${(count += 1)}`,
  type,
  thin: false,
  objectId: 'in_1',
  customerId,
  createdAt: new Date('2026-03-10T12:00:00.000Z'),
});

const inboxOf = (services: DomainServices) => services.stripe?.inbox as NonNullable<DomainServices['stripe']>['inbox'];
const eventsOf = (services: DomainServices) =>
  services.stripe?.events as NonNullable<DomainServices['stripe']>['events'];
const allHandled = (services: DomainServices): Promise<void> =>
  waitFor(async () => (await inboxOf(services).unprocessed()) === 0, 'all events to be handled');

async function jobs(): Promise<number> {
  const { rows } = await admin.query<{ count: number }>('select count(*)::int from graphile_worker._private_jobs');
  return rows[0]?.count as number;
}

describe('an event', () => {
  test('reaches who asked for its customer, and for its type, once', async () => {
    const services = await openProcess();
    const seen: string[] = [];
    eventsOf(services).onCustomer(async (customerId) => void seen.push(customerId));
    eventsOf(services).on('invoice.paid', async ({ objectId }) => void seen.push(objectId as string));
    await services.start();
    const paid = event('cus_1');
    await inboxOf(services).take(paid);
    await allHandled(services);
    await inboxOf(services).take(paid);
    await inboxOf(services).take(event(null, 'orbital.laser.armed'));
    await allHandled(services);
    expect(seen).toEqual(['cus_1', 'in_1']);
    await waitFor(async () => (await jobs()) === 0, 'no job to be left');
  });

  test('that comes fifty times before anybody looks at it has one job', async () => {
    const services = await openProcess();
    const one = event('cus_1');
    await Promise.all(Array.from({ length: 50 }, () => inboxOf(services).take(one)));
    expect(await jobs()).toBe(1);
  });

  test('that lost its job to a crash is found by the sweep, and one that has a job gets no other', async () => {
    const services = await openProcess();
    for (const lost of [event('cus_1'), event('cus_1'), event(null)]) await inboxOf(services).take(lost);
    await admin.query('delete from graphile_worker._private_jobs');
    await inboxOf(services).take(event('cus_2'));
    await inboxOf(services).sweep();
    await inboxOf(services).sweep();
    // Those of one customer share theirs.
    expect(await jobs()).toBe(3);
    await services.start();
    await allHandled(services);
  });

  test('of one customer waits for another, on whichever process, and goes along with those that wait; those of others do not', async () => {
    const [one, two] = await Promise.all([openProcess(), openProcess()]);
    let [running, most, others, swarms] = [0, 0, 0, 0];
    const handled: string[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    for (const services of [one, two]) {
      eventsOf(services).onCustomer(async (customerId) => {
        if (customerId !== 'cus_busy') {
          others += 1;
          return;
        }
        swarms += 1;
        running += 1;
        most = Math.max(most, running);
        await held;
        running -= 1;
      });
      eventsOf(services).on('swarm', async ({ id }) => void handled.push(id));
      await services.start();
    }
    const swarm = Array.from({ length: 6 }, () => event('cus_busy', 'swarm'));
    for (const each of swarm) await inboxOf(one).take(each);
    await inboxOf(two).take(event('cus_other'));
    await waitFor(() => others === 1 && swarms === 1, 'the other customer, while the first one is held');
    release();
    await allHandled(one);
    expect({ most, swarms }).toEqual({ most: 1, swarms: expect.any(Number) });
    expect(swarms).toBeLessThanOrEqual(2);
    expect(handled.toSorted()).toEqual(swarm.map(({ id }) => id).toSorted());
  });

  test('that cannot be handled is in nobody’s way, and is tried again', async () => {
    const services = await openProcess();
    const seen: string[] = [];
    eventsOf(services).on('poison', async ({ id }) => {
      seen.push('poison');
      if (seen.filter((each) => each === 'poison').length === 1) throw new Error(`no luck with ${id}`);
    });
    eventsOf(services).on('invoice.paid', async () => void seen.push('paid'));
    await inboxOf(services).take(event('cus_1', 'poison'));
    await inboxOf(services).take(event('cus_1'));
    await services.start();
    await waitFor(async () => (await inboxOf(services).unprocessed()) === 1, 'the second one to be handled');
    expect(seen).toEqual(['poison', 'paid']);
    // The next thing that happens to the customer, or a pause, brings it back.
    await inboxOf(services).take(event('cus_1'));
    await allHandled(services);
    expect(seen).toEqual(['poison', 'paid', 'poison', 'paid']);
  });
});

describe('a process that dies', () => {
  test('between keeping an event and asking for its job: another one finds it', async () => {
    const port = await freePort();
    const server = await ServerProcess.start(port, { DATABASE_URL: database.url });
    const hold = await admin.connect();
    await hold.query('begin');
    await hold.query('lock table graphile_worker._private_jobs in share row exclusive mode');
    const response = deliver(port, 'evt_without_job').catch(() => null);
    await waitFor(async () => {
      const { rowCount } = await admin.query(`select from stripe_event where id = 'evt_without_job'`);
      return rowCount === 1;
    }, 'the event to be on disk');
    await server.kill();
    expect(await response).toBeNull();
    await hold.query('rollback');
    hold.release();
    const heir = await openProcess(50);
    await heir.start();
    await allHandled(heir);
  });

  test('after its 2xx, in the middle of the job: another one does it again, soon and not in four hours', async () => {
    const port = await freePort();
    const server = await ServerProcess.start(port, { DATABASE_URL: database.url });
    const hold = await admin.connect();
    await hold.query('select pg_advisory_lock(4)');
    await admin.query(`create function wait_for_four() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(4); return new; end $$`);
    await admin.query(
      'create trigger slow before update on stripe_event for each row execute function wait_for_four()',
    );
    expect(await deliver(port, 'evt_killed')).toBe(200);
    const waiting = `from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`;
    await waitFor(async () => (await admin.query(`select ${waiting}`)).rowCount === 1, 'the job to be almost done');
    await server.kill();
    await admin.query(`select pg_terminate_backend(pid) ${waiting}`);
    await hold.query('select pg_advisory_unlock(4)');
    hold.release();
    const { rows } = await admin.query('select locked_by from graphile_worker._private_jobs');
    expect(rows).toEqual([{ locked_by: expect.stringMatching(/^pool-/) }]);
    const heir = await openProcess(50);
    await heir.start();
    await allHandled(heir);
    await admin.query('drop function wait_for_four cascade');
  });

  test('is not one that lives: its job stays with it, however often others look', async () => {
    const busy = await openProcess();
    let [began, release] = [0, (): void => undefined];
    const held = new Promise<void>((resolve) => (release = resolve));
    const other = await openProcess(20);
    for (const services of [busy, other]) {
      eventsOf(services).on('slow', async () => {
        began += 1;
        await held;
      });
    }
    await busy.start();
    await inboxOf(busy).take(event('cus_1', 'slow'));
    await waitFor(() => began === 1, 'the job to begin');
    let looks = 0;
    other.jobs.tend(async () => void (looks += 1));
    await other.start();
    await waitFor(() => looks > 5, 'the other one to look');
    release();
    await allHandled(busy);
    expect(began).toBe(1);
  });
});

async function deliver(port: number, id: string): Promise<number> {
  const body = JSON.stringify({ id, object: 'event', type: 'invoice.paid', created: 1, data: {} });
  const headers = { 'stripe-signature': signatureOf(body) };
  return (await fetch(`http://127.0.0.1:${port}/webhooks/stripe`, { method: 'POST', headers, body })).status;
}

describe('a job that fails', () => {
  const QUERY = `query ($after: String, $task: String) {
    failedJobs(first: 1, after: $after, task: $task) {
      edges { cursor node { id task billingEntityId attempts lastError failedAt createdAt } } pageInfo { hasNextPage } } }`;

  test('is shown to operators, counted, and done when it is retried', async () => {
    const app = await startTestApp(database.url, { env: stripeEnv(emulator) });
    const operator = await tokenOf('root', { scope: 'billing:operator' });
    const metric = async (name: string): Promise<string | undefined> => {
      const text = await (await fetch(new URL('/metrics', app.url))).text();
      return new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1];
    };
    let fails = true;
    eventsOf(app.services).on('doomed', async () => {
      if (fails) throw new Error('no luck with Bearer abcdefgh1234');
    });
    await inboxOf(app.services).take(event('cus_1', 'doomed'));
    await inboxOf(app.services).take(event('cus_2', 'doomed'));
    const failed = async (variables = {}) =>
      (await send(app.url, operator, QUERY, variables)).data?.['failedJobs'] as never as {
        edges: { cursor: string; node: { id: string; attempts: number } }[];
        pageInfo: { hasNextPage: boolean };
      };
    await waitFor(async () => (await metric('tollgate_jobs_failed')) === '2', 'both jobs to fail');
    expect(await metric('tollgate_stripe_events_unprocessed')).toBe('2');
    expect(await metric('tollgate_jobs_waiting')).toMatch(/^\d$/);
    const page = await failed();
    expect(page).toMatchObject({
      edges: [
        {
          node: {
            task: 'stripe.customer',
            billingEntityId: null,
            lastError: 'no luck with Bearer [redacted]',
            failedAt: expect.any(String),
            createdAt: expect.any(String),
          },
        },
      ],
      pageInfo: { hasNextPage: true },
    });
    const next = await failed({ after: page.edges[0]?.cursor });
    expect(next.pageInfo.hasNextPage).toBe(false);
    expect(next.edges[0]?.node.id).not.toBe(page.edges[0]?.node.id);
    expect((await failed({ task: 'another' })).edges).toEqual([]);

    fails = false;
    const RETRY = 'mutation ($id: ID!) { retryJob(id: $id) }';
    for (const { node } of [...page.edges, ...next.edges]) {
      expect((await send(app.url, operator, RETRY, { id: node.id })).errors).toEqual([]);
    }
    await allHandled(app.services);
    await waitFor(async () => (await metric('tollgate_jobs_failed')) === '0', 'nothing to be failed');
    for (const id of [page.edges[0]?.node.id as string, '999', 'nonsense', '']) {
      const { errors } = await send(app.url, operator, RETRY, { id });
      expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    }
    await app.stop();
  });

  test('with a payload that nobody enqueued fails, and stops nobody', async () => {
    const services = await openProcess();
    await services.start();
    await services.jobs.add('stripe.event', { nonsense: true });
    await inboxOf(services).take(event(null));
    await allHandled(services);
    await waitFor(async () => (await services.failedJobs.counts()).failed === 1, 'the job to fail');
  });
});

describe('schedules', () => {
  test('are known to the queue, and their tasks to it', async () => {
    const services = await openProcess();
    let done = 0;
    services.jobs.define('test.daily', { parse: () => null, run: async () => void (done += 1) });
    services.jobs.schedule({ task: 'test.daily', cron: '17 3 * * *' });
    await services.start();
    await waitFor(async () => {
      const { rowCount } = await admin.query(
        `select from graphile_worker._private_known_crontabs where identifier in ('stripe.forget_events', 'test.daily')`,
      );
      return rowCount === 2;
    }, 'the queue to know them');
    await services.jobs.add('test.daily', {});
    await waitFor(() => done === 1, 'the task to be done');
  });
});

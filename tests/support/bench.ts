/** What a test boots: parts of one installation, opened one by one as the test needs them, and closed all at once. */
import pg from 'pg';
import { pino } from 'pino';
import { startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { type DomainServices, openServices, type ServicesOptions } from '../../src/services.ts';
import { surveyCatalog } from '../../src/stripe/catalog/survey.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '@tollgate/stripe-emulator';
import { JWT_SECRET, type TestApp } from './app.ts';
import { TestClock } from './clock.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { freePort } from './free-port.ts';
import { ServerProcess } from './server-process.ts';
import { stripeClientOf, stripeEnv, WEBHOOK_SECRET } from './stripe.ts';

export interface ServerOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Another database than the bench's. */
  readonly databaseUrl?: string;
  /** Lines of its log go here. */
  readonly logged?: string[];
}

/** A server, and an emulator of Stripe that it hears from. */
export interface StripeApp extends TestApp {
  readonly emulator: Emulator;
  /** The server ends, and begins again at the same address and on the same database; Stripe goes on meanwhile. */
  restarted(meanwhile: () => Promise<void>): Promise<StripeApp>;
}

export class Bench {
  readonly database: TestDatabase;
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(database: TestDatabase) {
    this.database = database;
  }

  /** A database of its own and nothing more; `isEmpty`: one that nothing has migrated yet. Pair it with `close` in `afterAll`. */
  static async open(options: { readonly isEmpty?: boolean } = {}): Promise<Bench> {
    return new Bench(await createTestDatabase(options));
  }

  /** The domain, as one process of the installation opens it. */
  async services(overrides: Partial<ServicesOptions> = {}): Promise<DomainServices> {
    const services = await openServices({
      databaseUrl: this.database.url,
      redisUrl: null,
      clock: new TestClock(),
      log: pino({ level: 'silent' }),
      ledger: { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000 },
      readConnections: 4,
      sweepIntervalMs: 3_600_000,
      encryptionKeys: [{ id: 'k1', key: Buffer.alloc(32, 7) }],
      stripe: null,
      mail: null,
      tendIntervalMs: 3_600_000,
      publicUrl: () => new URL('http://tollgate.test/'),
      organizations: { ids: 'open', perOwner: 100, membersEach: 10_000, invitationsEach: 500, newPeopleADay: 500 },
      exportStreams: { all: 4, principal: 2 },
      webhooks: { allowLoopback: true },
      ...overrides,
    });
    return { ...services, stop: this.#once(() => services.stop()) };
  }

  /** The whole application on a free port, as `npm run serve` starts it. */
  async server({
    env = {},
    clock = systemClock,
    databaseUrl = this.database.url,
    logged,
  }: ServerOptions = {}): Promise<TestApp> {
    const config = loadConfig(
      {
        ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
        DATABASE_URL: databaseUrl,
        AUTH_JWT_SECRET: JWT_SECRET,
        PORT: '0',
        LOG_LEVEL: 'silent',
        DEMO: '0',
        ...env,
      },
      'local',
    );
    const log = createLog({
      level: config.logLevel,
      ...(logged && { destination: { write: (line: string) => void logged.push(line) } }),
    });
    const app = await startApp({ config, databaseUrl, auth: config.auth, clock, log });
    return {
      ...app,
      url: `http://127.0.0.1:${app.port}/graphql`,
      socketUrl: `ws://127.0.0.1:${app.port}/graphql`,
      stop: this.#once(() => app.stop()),
    };
  }

  /** An emulator of Stripe, with nothing in it. */
  async emulator(options: EmulatorOptions = {}): Promise<Emulator> {
    const emulator = await startEmulator(options);
    this.onClose(() => emulator.stop());
    return emulator;
  }

  /**
   * An emulator with the catalog in it, and the whole application before it; each hears from the other. The emulator's
   * clock runs with the application's, unless `emulator.frozenAt` makes it stand.
   */
  async serverWithStripe({
    clock = systemClock,
    env = {},
    logged,
    emulator: options = {},
  }: ServerOptions & { readonly emulator?: EmulatorOptions } = {}): Promise<StripeApp> {
    const emulator = await this.emulator({ clock, recordTraffic: true, deliveries: { retryBaseMs: 20 }, ...options });
    await surveyCatalog(stripeClientOf(emulator), { repair: true });
    const start = (port: number): Promise<TestApp> =>
      this.server({ clock, env: { ...stripeEnv(emulator), PORT: String(port), ...env }, ...(logged && { logged }) });
    const app = await start(0);
    const base = `http://127.0.0.1:${app.port}/webhooks/stripe`;
    await emulator.control.addEndpoint({ url: base, secret: WEBHOOK_SECRET, events: ['*'] });
    await emulator.control.addEndpoint({ url: `${base}/thin`, secret: WEBHOOK_SECRET, events: ['*'], thin: true });
    const beforeEmulator = (served: TestApp): StripeApp => ({
      ...served,
      emulator,
      async restarted(meanwhile) {
        await served.stop();
        await meanwhile();
        return beforeEmulator(await start(served.port));
      },
    });
    return beforeEmulator(app);
  }

  /** The built server as a process of its own, which can be killed. */
  async process(env: Readonly<Record<string, string>> = {}, port?: number): Promise<ServerProcess> {
    const server = await ServerProcess.start(port ?? (await freePort()), { DATABASE_URL: this.database.url, ...env });
    this.onClose(() => server.stop());
    return server;
  }

  /** Connections of who looks after the database, and may switch triggers off. */
  admin(): pg.Pool {
    const pool = new pg.Pool({ connectionString: this.database.adminUrl, max: 2 });
    pool.on('error', () => undefined);
    this.onClose(() => pool.end());
    return pool;
  }

  /** Is done when the bench closes, before whatever was opened earlier. */
  onClose(closer: () => Promise<unknown>): void {
    this.#closers.push(closer);
  }

  /** Closes everything, the last part first and the database at the end, whichever of them fails. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const closer of this.#closers.splice(0).toReversed()) {
      await closer().catch((error: unknown) => failures.push(error));
    }
    await this.database.drop();
    if (failures.length > 0) throw new AggregateError(failures, 'parts of the bench did not close');
  }

  /** What a test may stop itself, and the bench stops otherwise. */
  #once(stop: () => Promise<void>): () => Promise<void> {
    let stopped: Promise<void> | undefined;
    const stopOnce = (): Promise<void> => (stopped ??= stop());
    this.onClose(stopOnce);
    return stopOnce;
  }
}

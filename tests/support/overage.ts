/** Payers in overage, with customers at an emulator whose clock stands where theirs does. */
import { pino } from 'pino';
import type { Stripe } from 'stripe';
import { Exclusive } from '../../src/db/advisory-lock.ts';
import type { DomainServices } from '../../src/services.ts';
import { OverageMeters } from '../../src/stripe/catalog/overage-meters.ts';
import { CatalogIds } from '../../src/stripe/catalog/catalog-ids.ts';
import { type Catalog, surveyCatalog } from '../../src/stripe/catalog/survey.ts';
import type { Emulator } from '@tollgate/stripe-emulator';
import { StripeEvents } from '../../src/stripe/webhooks/events.ts';
import { MeterReporter } from '../../src/stripe/overage/meter-reporter.ts';
import type { DeliveredReport } from '../../src/ledger/rules/entries.ts';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { Installation, type Person, SERVICE } from './installation.ts';
import { stripeClientOf } from './stripe.ts';

/** One process that reports. */
export interface Process {
  readonly reporter: MeterReporter;
  readonly events: StripeEvents;
}

export interface Payer extends Person {
  readonly customer: string;
  readonly subscription: string;
}

export class OverageBench {
  readonly installation: Installation;
  readonly emulator: Emulator;
  readonly sdk: Stripe;
  readonly catalog: Catalog;
  readonly customers = new Map<string, string>();
  readonly #exclusives: Exclusive[] = [];

  private constructor(installation: Installation, emulator: Emulator, catalog: Catalog) {
    this.installation = installation;
    this.emulator = emulator;
    this.sdk = clientOf(emulator);
    this.catalog = catalog;
  }

  static async open(): Promise<OverageBench> {
    const installation = await Installation.open();
    const frozenAt = installation.clock.now().getTime() / 1_000;
    const emulator = await installation.bench.emulator({
      frozenAt,
      recordTraffic: true,
      deliveries: { retryBaseMs: 1 },
    });
    const { catalog } = await surveyCatalog(stripeClientOf(emulator), { repair: true });
    return new OverageBench(installation, emulator, catalog as Catalog);
  }

  /** Lets go of the connections of all processes: the server has so many for all test files together. */
  async endProcesses(): Promise<void> {
    await Promise.all(this.#exclusives.splice(0).map((each) => each.end()));
  }

  async close(): Promise<void> {
    await this.endProcesses();
    await this.installation.close();
  }

  exclusive(): Exclusive {
    const exclusive = new Exclusive(this.installation.database.url, { max: 6, onIdleError: () => undefined });
    this.#exclusives.push(exclusive);
    return exclusive;
  }

  /** A process of its own: locks, events, memory. `changes` are of what it works with. */
  process(services: DomainServices = this.installation.one, changes: Partial<Reports> = {}): Process {
    const stripe = stripeClientOf(this.emulator);
    const events = new StripeEvents();
    const exclusive = this.exclusive();
    const { meterReports } = services;
    const reports = Object.assign(Object.create(meterReports) as typeof meterReports, bound(meterReports), changes);
    const reporter = new MeterReporter({
      stripe,
      catalog: new CatalogIds(stripe),
      meters: new OverageMeters(stripe),
      events,
      reports,
      exclusive,
      customers: { of: async (id) => this.customers.get(id) ?? null },
      clock: this.installation.clock,
      log: pino({ level: 'silent' }),
    });
    return { reporter, events };
  }

  /** A process that dies before it sends its first report, or right after. */
  dyingProcess(when: 'before sending' | 'after sending'): Process {
    const { meterReports } = this.installation.one;
    let notes = 0;
    return this.process(this.installation.one, {
      async note(report, delivery) {
        notes += 1;
        if (when === 'after sending' && notes > 1) throw new Error('killed');
        const noted = await meterReports.note(report, delivery);
        if (when === 'before sending') throw new Error('killed');
        return noted;
      },
    });
  }

  /** Subscribed on both sides, with a card that pays, and with overage allowed; unless told otherwise, all credits are used. */
  async payer({ isFresh = false } = {}): Promise<Payer> {
    const { installation, sdk, catalog, emulator } = this;
    const person = await installation.person(0n);
    const { id: customer } = await sdk.customers.create({ name: 'Ada' });
    await emulator.control.setCard(customer, 'accepted');
    const { id: subscription } = await sdk.subscriptions.create({
      customer,
      items: [{ price: catalog.prices.get('PRO') as string }, { price: catalog.overagePrice }],
    });
    await installation.subscribe(person.id, { id: subscription });
    const policy = { billingEntityId: person.id, enabled: true, cap: null };
    await installation.one.subscriptions.setOveragePolicy(person.principal, policy);
    if (!isFresh) await installation.one.consumption.consume(SERVICE, installation.use(person, 5_000_000));
    this.customers.set(person.id, customer);
    return { ...person, customer, subscription };
  }

  async use(payer: Payer, credits: number): Promise<void> {
    const { consumption } = this.installation.one;
    await consumption.consume(SERVICE, this.installation.use(payer, credits * 10));
  }

  /** Moves both clocks on; what is due at Stripe happens. */
  async forward(seconds: number): Promise<void> {
    this.installation.clock.forwardMs(seconds * 1_000);
    await this.emulator.control.moveClock({ to: this.installation.clock.now() });
  }

  /** What the meter has of a payer, from the beginning of time on. */
  async counted({ customer }: Payer): Promise<number> {
    const end = Math.ceil(this.installation.clock.now().getTime() / 60_000 + 1) * 60;
    const window = { customer, start_time: end - 200 * 86_400, end_time: end };
    const { data } = await this.sdk.billing.meters.listEventSummaries(this.catalog.meter, window);
    return data.reduce((sum, each) => sum + each.aggregated_value, 0);
  }

  /** Identifiers that were sent for a payer and taken or found there already, in order; with their stamps. */
  async sent({ customer }: Payer): Promise<{ identifier: string; timestamp: number; status: number }[]> {
    const traffic = await this.emulator.control.traffic();
    return traffic.flatMap(({ path, method, parameters, status }) => {
      if (method !== 'POST' || path !== '/v1/billing/meter_events') return [];
      const { identifier, timestamp, payload } = parameters as {
        identifier: string;
        timestamp: string;
        payload: { stripe_customer_id: string };
      };
      if (payload.stripe_customer_id !== customer) return [];
      return [{ identifier, timestamp: Number(timestamp), status }];
    });
  }

  async reportsOf({ id }: Person): Promise<DeliveredReport[]> {
    const { rows } = await this.installation.admin.query<{ id: string }>(
      'select id from meter_report where billing_entity_id = $1 order by created_at, id',
      [id],
    );
    const reports = rows.map((row) => this.installation.two.meterReports.byId({ billingEntityId: id, id: row.id }));
    return (await Promise.all(reports)) as DeliveredReport[];
  }

  /** The one report that a payer has. */
  async onlyReportOf(payer: Person): Promise<DeliveredReport> {
    const reports = await this.reportsOf(payer);
    expect(reports).toHaveLength(1);
    return reports[0] as DeliveredReport;
  }

  /** Items that wait for an invoice of the payer's, or are on one. */
  async itemsOf({ customer }: Payer): Promise<Stripe.InvoiceItem[]> {
    return (await this.sdk.invoiceItems.list({ customer })).data;
  }
}

type Reports = DomainServices['meterReports'];

/** Methods with private fields, callable on another object. */
function bound(reports: Reports): Partial<Reports> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(reports)).filter((name) => name !== 'constructor');
  return Object.fromEntries(
    names.map((name) => {
      const method = reports[name as keyof Reports] as (...args: unknown[]) => unknown;
      return [name, (...args: unknown[]): unknown => method.apply(reports, args)];
    }),
  );
}

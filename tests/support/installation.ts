/** One installation as tests need it: a database of its own, a clock that stands, and the domain twice, as two processes would open it. */
import type pg from 'pg';
import type { OperatorPrincipal, ServicePrincipal, UserPrincipal } from '../../src/billing-entities/principal.ts';
import type { ConsumeInput } from '../../src/metering/consumption.ts';
import { monthFrom } from '../../src/ledger/rules/periods.ts';
import type { ReserveInput } from '../../src/metering/reservations.ts';
import type { SubscriptionState, ProviderSubscription } from '../../src/ledger/rules/subscription.ts';
import type { DomainServices, ServicesOptions } from '../../src/services.ts';
import { Bench } from './bench.ts';
import { TestClock } from './clock.ts';
import type { TestDatabase } from './database.ts';

const expiresAt = new Date('2100-01-01');
export const SERVICE: ServicePrincipal = { kind: 'SERVICE', subject: 'platform', expiresAt };
export const OPERATOR: OperatorPrincipal = { kind: 'OPERATOR', subject: 'root', expiresAt };

export interface Person {
  readonly id: string;
  readonly externalId: string;
  readonly principal: UserPrincipal;
}

export class Installation {
  readonly bench: Bench;
  readonly clock: TestClock;
  readonly one: DomainServices;
  readonly two: DomainServices;
  readonly admin: pg.Pool;
  #people = 0;
  #keys = 0;

  private constructor(
    bench: Bench,
    clock: TestClock,
    services: readonly [DomainServices, DomainServices],
    admin: pg.Pool,
  ) {
    this.bench = bench;
    this.clock = clock;
    [this.one, this.two] = services;
    this.admin = admin;
  }

  static async open(overrides: Partial<ServicesOptions> = {}): Promise<Installation> {
    const bench = await Bench.open();
    const clock = new TestClock();
    const services = await Promise.all([
      bench.services({ clock, ...overrides }),
      bench.services({ clock, ...overrides }),
    ]);
    return new Installation(bench, clock, services, bench.admin());
  }

  close(): Promise<void> {
    return this.bench.close();
  }

  get database(): TestDatabase {
    return this.bench.database;
  }

  /** One of the two, in turn: what is asked often is asked of both. */
  either(index: number): DomainServices {
    return index % 2 === 0 ? this.one : this.two;
  }

  /** A person with so many credits that never lapse, bought; the trial was theirs and is gone. */
  async person(credits: bigint): Promise<Person> {
    const externalId = `person-${(this.#people += 1)}`;
    const id = await this.one.entities.ensureUser({ externalId, name: null, withTrial: true });
    const without = { idempotencyKey: this.key(), billingEntityId: id, amount: -10_000n, reason: 'no trial' };
    await this.one.administration.adjust(OPERATOR, without);
    if (credits > 0n) await this.grant(id, credits);
    return { id, externalId, principal: { kind: 'USER', subject: externalId, billingEntityId: id, expiresAt } };
  }

  async grant(billingEntityId: string, amount: bigint, expires: Date | null = null): Promise<string> {
    const { grant } = await this.one.administration.grant(OPERATOR, {
      idempotencyKey: this.key(),
      billingEntityId,
      amount,
      source: 'PURCHASE',
      priority: 50,
      effectiveAt: null,
      expiresAt: expires,
      reason: 'test',
    });
    return grant?.id as string;
  }

  /** A paid subscription to PRO that begins now, for a month, with what is said besides. */
  async subscribe(
    billingEntityId: string,
    changes: Partial<ProviderSubscription> = {},
    paidUnits = changes.quantity ?? 1,
  ): Promise<SubscriptionState> {
    const anchor = changes.anchor ?? this.clock.now();
    const quantity = changes.quantity ?? 1;
    const outcome = await this.one.ledger.submit({
      kind: 'subscription',
      billingEntityId,
      actor: 'system',
      idempotency: null,
      providerSubscription: {
        id: `sub_${billingEntityId}`,
        plan: 'PRO',
        quantity,
        paymentStanding: 'GOOD',
        status: 'ACTIVE',
        graceEndsAt: null,
        anchor,
        next: { plan: 'PRO', quantity },
        period: monthFrom(anchor, this.clock.now()),
        ...changes,
      },
      paidUnits,
    });
    if (outcome.kind !== 'committed' || outcome.subscription === null) {
      throw new Error(`subscribing was ${outcome.kind}`);
    }
    return outcome.subscription;
  }

  /** A key that nobody else has. */
  key(): string {
    return `key-${(this.#keys += 1)}`;
  }

  use({ externalId }: Person, tokens: number, more: Partial<ConsumeInput> = {}): ConsumeInput {
    return {
      idempotencyKey: this.key(),
      lines: [{ resource: 'AI_TOKENS', quantity: BigInt(tokens) }],
      userExternalId: externalId,
      organizationExternalId: null,
      apiKeyId: null,
      feature: null,
      reservationId: null,
      occurredAt: null,
      metadata: null,
      ...more,
    };
  }

  reservation({ externalId }: Person, tokens: number, more: Partial<ReserveInput> = {}): ReserveInput {
    return {
      idempotencyKey: this.key(),
      lines: [{ resource: 'AI_TOKENS', quantity: BigInt(tokens) }],
      userExternalId: externalId,
      organizationExternalId: null,
      apiKeyId: null,
      feature: null,
      ttlSeconds: 600,
      ...more,
    };
  }

  async expectProven(...ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      expect({ id, problems: (await this.two.verification.verify(id)).problems }).toEqual({ id, problems: [] });
    }
  }

  /** Statements of somebody who can switch triggers off. */
  async behindItsBack(...statements: readonly string[]): Promise<void> {
    const client = await this.admin.connect();
    try {
      await client.query('begin');
      await client.query('set local session_replication_role = replica');
      for (const statement of statements) await client.query(statement);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }
}

/** A process that remembers accounts, and others that change what it remembers; pools that all of them use. */
import { apiKeyId } from '../../src/kernel/public-ids.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import type { Road } from '../../src/ledger/ledger.ts';
import type { ApiKeyRef } from '../../src/ledger/rules/attribution.ts';
import type { ConsumeInput } from '../../src/metering/consumption.ts';
import type { DomainServices, ServicesOptions } from '../../src/services.ts';
import { Installation, OPERATOR, type Person, SERVICE } from './installation.ts';

/** A pool of 10 000 credits, with a member and a key. */
export interface Pool {
  readonly id: string;
  readonly externalId: string;
  readonly owner: Person;
  readonly member: Person;
  readonly key: ApiKeyRef;
  readonly use: (tokens: number, more?: Partial<ConsumeInput>) => ConsumeInput;
}

interface Terms {
  readonly creditLimit?: bigint | null;
  readonly status?: 'ACTIVE' | 'SUSPENDED';
}

export class Remembering {
  readonly installation: Installation;
  /** Roads of the transactions of `here`, and of whatever else `openHere` gave. */
  readonly roads: Road[] = [];
  #here: DomainServices | null = null;

  private constructor(installation: Installation) {
    this.installation = installation;
  }

  static async open(): Promise<Remembering> {
    const memory = new Remembering(await Installation.open());
    memory.#here = await memory.openHere();
    return memory;
  }

  close(): Promise<void> {
    return this.installation.close();
  }

  /** The process whose memory is tried. What changes meanwhile, another one does. */
  get here(): DomainServices {
    return this.#here as DomainServices;
  }

  /** Another such process. */
  openHere(overrides: Partial<ServicesOptions> = {}): Promise<DomainServices> {
    const { bench, clock } = this.installation;
    return bench.services({ clock, onBatch: ({ road }) => this.roads.push(road), ...overrides });
  }

  async newPool(): Promise<Pool> {
    const { installation } = this;
    const { two } = installation;
    const [owner, member] = [await installation.person(0n), await installation.person(10_000n)];
    const terms = { externalId: null, name: 'Acme', visibility: 'PRIVATE', ownerExternalId: null } as const;
    const { billingEntityId: id, externalId } = await two.organizations.create(owner.principal, terms);
    const { available = 0n } = (await two.accounts.balance(id)) ?? {};
    if (available > 0n) {
      const without = { idempotencyKey: installation.key(), billingEntityId: id, amount: -available };
      await two.administration.adjust(OPERATOR, { ...without, reason: 'no trial' });
    }
    await installation.grant(id, 10_000n);
    await this.setMember(id, member, {});
    const { apiKey } = await two.apiKeys.create(OPERATOR, id, {
      ...{ name: 'key', type: 'PLATFORM', provider: 'OPENAI' },
      ...{ billingMode: null, secret: null, creditLimit: null, expiresAt: null },
    });
    const key = { billingEntityId: id, id: apiKey.id };
    const inPool = { organizationExternalId: externalId, apiKeyId: apiKeyId(id, key.id) };
    return {
      ...{ id, externalId, owner, member, key },
      use: (tokens, more = {}) => installation.use(member, tokens, { ...inPool, ...more }),
    };
  }

  setMember(billingEntityId: string, { externalId: userExternalId }: Person, terms: Terms): Promise<unknown> {
    const member = { billingEntityId, userExternalId, role: 'MEMBER', reason: null } as const;
    return this.installation.two.members.set(OPERATOR, { ...member, ...terms });
  }

  /** What came of use in a word: `done`, the reason of its refusal or the code of its error; and if somebody else paid. */
  async outcomeOf(services: DomainServices, pool: Pool, input: ConsumeInput): Promise<string> {
    const result = await services.consumption
      .consume(SERVICE, input)
      .catch((error: unknown) => (error as Partial<Refusal>).code ?? 'failed');
    if (typeof result === 'string') return result;
    if (result.kind === 'refused') return result.reason;
    return result.balance.billingEntityId === pool.id ? 'done' : 'done at the expense of somebody else';
  }

  /** Uses the pool until it is remembered: twice, or a little more often where another process changed it before. */
  async remember(pool: Pool): Promise<void> {
    const { roads } = this;
    roads.length = 0;
    for (let uses = 0; uses < 2 || roads.at(-1) !== 'REMEMBERED'; uses++) {
      if (uses === 8) throw new Error(`it is not remembered: ${roads.join(', ')}`);
      expect(await this.outcomeOf(this.here, pool, pool.use(100))).toBe('done');
    }
  }

  async usedBy(billingEntityId: string): Promise<bigint> {
    return (await this.installation.two.accounts.balance(billingEntityId))?.used ?? 0n;
  }

  suspend(billingEntityId: string): Promise<unknown> {
    return this.installation.two.entities.suspend({ billingEntityId, actor: 'operator:root', reason: 'test' });
  }

  reinstate(billingEntityId: string): Promise<unknown> {
    return this.installation.two.entities.reinstate({ billingEntityId, actor: 'operator:root', reason: 'test' });
  }
}

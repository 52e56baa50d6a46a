/**
 * Fills a database of the release that it runs in, by its API, on a clock that moves, with an emulator of Stripe beside it;
 * then keeps the data and every command. `scripts/fill-release.mjs` runs it as a test in a checkout of that release.
 */
import { send } from '../support/app.ts';
import { computeFor, tokensFor } from '../support/organizations.ts';
import { type Buyer, SET_OVERAGE, Till } from '../support/till.ts';
import { type Fixture, writeFixture } from './fixture.ts';
import { DOCUMENTS, Recorder } from './recorder.ts';

const HOUR_MS = 3_600_000;
const BEGINS = Date.parse('2026-01-31T00:00:00.000Z');
/** So many steps of 13 hours and some minutes, over two ends of a month. */
const STEPS = 72;

/** JSON that is not what is read of it, and JSON that is. */
const METADATA = [
  undefined,
  '{"request":"req-17","tags":["a","b"],"ok":true,"none":null}',
  '{"order":1983516295378495150}',
  '{"z":1,"a":{"c":2.50,"b":[1e2,-0.0]}}',
  '{"ratio":0.1000000000000000055511151231257827}',
  '{"twice":1,"twice":2,"much":1e400}',
  '{"name":"Zoë \\u00e9 \\ud83d\\ude00"}',
] as const;

interface Used {
  readonly records?: readonly { readonly id: string }[];
}
interface Held {
  readonly reservation: { readonly id: string };
}
interface Organization {
  readonly id: string;
  readonly externalId: string;
  readonly owner: string;
}

class History {
  readonly #till: Till;
  readonly #recorder: Recorder;
  readonly #used: string[] = [];
  #chosen = 7;

  constructor(till: Till) {
    this.#till = till;
    this.#recorder = new Recorder(() => till.app.url);
    Object.assign(this.#recorder.callers, {
      operator: { subject: 'root', scope: 'billing:operator' },
      service: { subject: 'platform', scope: 'billing:usage' },
    });
  }

  /** Lives through everything. @returns what is kept, but for the data */
  async live(): Promise<Pick<Fixture, 'callers' | 'commands' | 'joined'>> {
    const people = await this.#people();
    const [ada, ben, carl, dora, paula] = people as [Buyer, Buyer, Buyer, Buyer, Buyer, ...Buyer[]];
    const club = await this.#organization('PRIVATE', [ada, ben, dora]);
    const pool = await this.#organization('PRIVATE', [ben, carl, dora]);
    const square = await this.#organization('PUBLIC', [ada, carl]);
    await this.#subscribed(paula, club);
    await this.#keys({ ada, ben, club });
    const joined = await this.#transfers({ ada, ben, carl, club, pool });
    for (let step = 0; step < STEPS; step += 1) {
      await this.#till.moveTo(BEGINS + step * 13 * HOUR_MS + ((step * 17) % 60) * 60_000 + step * 731);
      await this.#use(step, { people, club, square });
      await this.#holds(step, { ada, ben, club });
      if (step % 5 === 4) await this.#refund();
      if (step === 20 || step === 50) await this.#overage(paula);
    }
    await this.#clawback(carl, ben);
    await this.#owing(people.at(-1) as Buyer);
    await this.#recorder.send('operator', 'adjust', { billingEntityId: ada.id, amount: -37, reason: 'a correction' });
    await this.#recorder.send('operator', 'adjust', { billingEntityId: ben.id, amount: 41, reason: 'a present' });
    await this.#leaves(club, ben);
    const { callers, commands } = this.#recorder;
    return { callers, commands, joined };
  }

  #one<T>(items: readonly T[]): T {
    this.#chosen = (this.#chosen * 1_103_515_245 + 12_345) % 2 ** 31;
    return items[Math.floor(this.#chosen / 65_536) % items.length] as T;
  }

  async #people(): Promise<Buyer[]> {
    const people: Buyer[] = [];
    for (const name of ['ada', 'ben', 'carl', 'dora', 'paula', 'finn']) {
      // The trial stays with everybody but one.
      const person = await this.#till.clients.user(name === 'finn' ? 0 : 10_000);
      this.#recorder.callers[name] = { subject: person.externalId };
      people.push(person);
    }
    for (const { id } of people) {
      await this.#grant(id, 40_000, { source: 'PURCHASE' });
      await this.#grant(id, 900, { expiresAt: new Date(BEGINS + 30 * 24 * HOUR_MS).toISOString(), priority: 10 });
    }
    return people;
  }

  #grant(billingEntityId: string, amount: number, more: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.#recorder.send('operator', 'grant', { billingEntityId, amount, reason: 'a grant', ...more });
  }

  async #organization(visibility: 'PRIVATE' | 'PUBLIC', members: readonly Buyer[]): Promise<Organization> {
    const { clients } = this.#till;
    const organization = await clients.organization(visibility);
    this.#recorder.callers[organization.externalId] = { subject: `${organization.externalId}-owner` };
    for (const { externalId } of members) {
      await clients.setMember(organization.owner, organization.id, externalId, { creditLimit: 400_000 });
    }
    return organization;
  }

  /** Both pay for PRO, and take overage. */
  async #subscribed(paula: Buyer, club: Organization): Promise<void> {
    const owner = { ...club, token: club.owner };
    for (const [buyer, units] of [
      [paula, 1],
      [owner, 2],
    ] as const) {
      await this.#till.subscribe(buyer, units);
      const input = { billingEntityId: buyer.id, enabled: true, cap: 300_000 };
      await this.#till.ask(buyer.token, SET_OVERAGE, { input });
    }
  }

  async #keys({ ada, ben, club }: { ada: Buyer; ben: Buyer; club: Organization }): Promise<void> {
    const { clients } = this.#till;
    const terms = { creditLimit: 300_000 };
    const own = await clients.createKey(ada.token, ada.id, terms);
    this.#recorder.callers['ada’s key'] = { secret: own.secret as string };
    const pooled = await clients.createKey(club.owner, club.id, terms);
    this.#recorder.callers['club’s key'] = { secret: pooled.secret as string };
    const { id } = await clients.createKey(ben.token, ben.id, {
      type: 'CUSTOM',
      secret: 'sk-of-the-provider-0123456789',
    });
    this.#customKey = id;
  }
  #customKey = '';

  /** Pool to member twice, which joins; and from a person by a pool to a member, and past it. */
  async #transfers(
    of: Record<'ada' | 'ben' | 'carl', Buyer> & Record<'club' | 'pool', Organization>,
  ): Promise<Fixture['joined']> {
    const { ada, ben, carl, club, pool } = of;
    const [byClub, byPool] = [club.externalId, pool.externalId];
    await this.#transfer(byClub, club, ada, 300);
    await this.#transfer(byClub, club, ada, 200);
    await this.#transfer(byClub, ada, club, 120);
    await this.#transfer('carl', carl, pool, 400);
    await this.#transfer(byPool, pool, ben, 120);
    await this.#transfer(byPool, pool, ben, 80);
    await this.#transfer('operator', carl, ben, 50);
    return this.#joined(carl);
  }

  /** Credits of others and of its own that a pool gave to somebody who never used them, each in two parts that joined. */
  async #joined(carl: Buyer): Promise<Fixture['joined']> {
    const gwen = await this.#till.clients.user(0);
    const pool = await this.#organization('PRIVATE', [carl, gwen]);
    const owner = pool.externalId;
    await this.#transfer('carl', carl, pool, 200);
    await this.#transfer(owner, pool, gwen, 120);
    await this.#transfer(owner, pool, gwen, 80);
    await this.#transfer('operator', carl, gwen, 50);
    await this.#grant(pool.id, 500, { source: 'PURCHASE', priority: 90 });
    await this.#transfer(owner, pool, gwen, 100);
    await this.#transfer(owner, pool, gwen, 60);
    return { pool: pool.id, owner, holder: gwen.id, credits: 160 };
  }

  #transfer(by: string, from: { id: string }, to: { id: string }, amount: number): Promise<unknown> {
    const input = { fromBillingEntityId: from.id, toBillingEntityId: to.id, amount };
    return this.#recorder.send(by, 'transfer', input);
  }

  async #use(
    step: number,
    { people, club, square }: { people: readonly Buyer[]; club: Organization; square: Organization },
  ): Promise<void> {
    const names = ['ada', 'ben', 'carl', 'dora', 'paula', 'finn'];
    const [name, other] = [this.#one(names), this.#one(names)];
    const nameOf = (of: string): string => (people[names.indexOf(of)] as Buyer).externalId;
    await this.#consume(name, {}, step);
    await this.#consume('service', { userExternalId: nameOf(other) }, step + 1);
    await this.#consume(this.#one(['ada', 'ben']), { organizationExternalId: club.externalId }, step + 2);
    await this.#consume(
      this.#one(['ada', 'carl']),
      { organizationExternalId: square.externalId, feature: null },
      step + 3,
    );
    if (step % 3 === 0) await this.#consume('ada’s key', {}, step);
    if (step % 3 === 1) await this.#consume('club’s key', { userExternalId: nameOf('dora') }, step);
    if (step % 4 === 1) await this.#consume('ben', { apiKeyId: this.#customKey }, step);
    if (step % 9 === 2) {
      const items = await this.#recorder.sendBatch<Used>('service', [
        { userExternalId: nameOf('ada'), lines: this.#lines() },
        { userExternalId: nameOf('ben'), lines: this.#lines(), organizationExternalId: club.externalId },
        { userExternalId: nameOf('carl'), lines: this.#lines(), feature: 'basic_chatflows' },
      ]);
      for (const item of items) this.#note(item);
    }
  }

  async #consume(by: string, input: Readonly<Record<string, unknown>>, turn: number): Promise<void> {
    const occurredAt = this.#occurredAt(turn);
    const all = {
      lines: this.#lines(),
      ...(turn % 3 === 0 && { feature: 'basic_chatflows' }),
      ...(occurredAt !== null && { occurredAt }),
      ...input,
    };
    this.#note(await this.#recorder.send<Used>(by, 'consume', all, METADATA[turn % METADATA.length]));
  }

  /** Now, some quarters of an hour ago, and days ago. */
  #occurredAt(turn: number): string | null {
    if (turn % 4 === 0) return null;
    const ago =
      turn % 4 === 1 ? this.#one([1, 2, 3, 5, 7]) * 900_000 + 1_237 : this.#one([1, 3, 9, 20, 34]) * 24 * HOUR_MS;
    return new Date(this.#till.clock.now().getTime() - ago).toISOString();
  }

  #lines(): readonly object[] {
    return this.#one([
      [{ resource: 'AI_TOKENS', quantity: 1_237 }],
      [{ resource: 'COMPUTE', quantity: 61_003 }],
      [
        { resource: 'AI_TOKENS', quantity: 9 },
        { resource: 'COMPUTE', quantity: 7 },
        { resource: 'AI_TOKENS', quantity: 4_444 },
      ],
      [{ resource: 'AI_TOKENS', quantity: 0 }],
      tokensFor(33),
      computeFor(21),
    ]);
  }

  #note({ records = [] }: Used): void {
    this.#used.push(...records.map(({ id }) => id));
  }

  /** Settled with less and with more, released, and left to lapse. */
  async #holds(step: number, { ada, ben, club }: { ada: Buyer; ben: Buyer; club: Organization }): Promise<void> {
    if (step % 6 !== 3) return;
    const reserve = (userExternalId: string, more: object): Promise<Held> =>
      this.#recorder.send('service', 'reserve', { userExternalId, lines: tokensFor(70), ttlSeconds: 600, ...more });
    const less = await reserve(ada.externalId, {});
    const more = await reserve(ben.externalId, { organizationExternalId: club.externalId, feature: 'all_chatflows' });
    const released = await reserve(ada.externalId, { feature: 'basic_chatflows' });
    await reserve(ben.externalId, { lines: [...tokensFor(5), ...computeFor(5)] });
    const settle = (held: Held, credits: number, metadata?: string): Promise<Used> =>
      this.#recorder.send(
        'service',
        'consume',
        { reservationId: held.reservation.id, lines: tokensFor(credits) },
        metadata,
      );
    this.#note(await settle(less, 45, '{"hold":1983516295378495150}'));
    this.#note(await settle(more, 95));
    await this.#till.ask(this.#till.clients.service, 'mutation ($id: ID!) { releaseReservation(id: $id) { id } }', {
      id: released.reservation.id,
    });
  }

  async #refund(): Promise<void> {
    const [recordId] = this.#used.splice(Math.floor(this.#used.length / 3), 1);
    await this.#recorder.refund('operator', recordId as string);
  }

  /** More than everything there is; and some of it is taken back. */
  async #overage(paula: Buyer): Promise<void> {
    const available = await this.#availableTo(paula);
    const beyond = await this.#recorder.send<Used>('paula', 'consume', { lines: tokensFor(available + 7_000) });
    await this.#recorder.send<Used>('paula', 'consume', { lines: tokensFor(1_500) });
    await this.#recorder.refund('operator', beyond.records?.[0]?.id as string);
  }

  async #availableTo({ id, token }: Buyer): Promise<number> {
    const document = 'query ($id: ID!) { billingEntity(id: $id) { credits { available } } }';
    return (await this.#till.ask<{ credits: { available: number } }>(token, document, { id })).credits.available;
  }

  /** Bought credits are used and handed on, and then the money goes back: what is gone becomes owed. */
  async #clawback(carl: Buyer, ben: Buyer): Promise<void> {
    await this.#till.purchase(carl, 12_500);
    const [charge] = await this.#till.chargesOf(carl);
    await this.#recorder.send('operator', 'transfer', {
      fromBillingEntityId: carl.id,
      toBillingEntityId: ben.id,
      amount: 45_000,
    });
    await this.#recorder.send('carl', 'consume', { lines: tokensFor(4_000) });
    await this.#till.control.refund(charge?.id as string, 40);
    await this.#till.settled();
  }

  /** Everything is used before the money goes back. */
  async #owing(finn: Buyer): Promise<void> {
    await this.#till.purchase(finn, 12_500);
    const [charge] = await this.#till.chargesOf(finn);
    await this.#recorder.send('finn', 'consume', { lines: tokensFor(await this.#availableTo(finn)) });
    await this.#till.control.refund(charge?.id as string);
    await this.#till.settled();
  }

  async #leaves(club: Organization, { externalId: userExternalId }: Buyer): Promise<void> {
    const { errors } = await send(
      this.#till.app.url,
      club.owner,
      'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }',
      { input: { billingEntityId: club.id, userExternalId } },
    );
    expect(errors).toEqual([]);
  }
}

/** Every row of the tables of the application, but for those that name its migrations. */
async function dump(till: Till): Promise<Fixture['tables']> {
  const tables = await till.sql<{ name: string; columns: string[] }>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migration'
     group by 1 order by 1`,
  );
  const filled: { name: string; columns: string[]; rows: string }[] = [];
  for (const { name, columns } of tables) {
    const [read] = await till.sql<{ rows: string | null }>(
      `select json_agg(t)::text as rows from (select ${columns.map((column) => `"${column}"`).join(', ')} from ${name}) t`,
    );
    if (typeof read?.rows === 'string') filled.push({ name, columns, rows: read.rows });
  }
  return filled;
}

it('fills a database, and keeps it', async () => {
  const file = process.env['FIXTURE'];
  const release = process.env['RELEASE'];
  if (file === undefined || release === undefined) {
    throw new Error('FIXTURE and RELEASE are missing: run scripts/fill-release.mjs');
  }
  const till = await Till.open(new Date(BEGINS).toISOString());
  try {
    const lived = await new History(till).live();
    const accounts = await till.sql<{ id: string }>('select billing_entity_id as id from credit_account');
    for (const { id } of accounts) expect((await till.app.services.verification.verify(id)).problems).toEqual([]);
    const migrations = await till.sql<{ name: string }>('select name from schema_migration order by id');
    await writeFixture(file, {
      release,
      migrations: migrations.map(({ name }) => name),
      endedAt: till.clock.now().toISOString(),
      documents: DOCUMENTS,
      ...lived,
      tables: await dump(till),
    });
  } finally {
    await till.close();
  }
}, 1_800_000);

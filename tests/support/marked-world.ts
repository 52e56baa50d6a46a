/**
 * People and organizations whose money and words are recognisable: whatever an answer holds of them tells whose it is, and
 * what it takes to read it.
 */
import { stringify } from 'uuid';
import { may, type Operation, type Relation } from '../../src/billing-entities/authorization.ts';
import { parseApiKeyId } from '../../src/kernel/public-ids.ts';
import { type TestApp, tokenOf } from './app.ts';
import { asker, type Ask, Clients, tokensFor } from './organizations.ts';
import { raiseAlert } from './raised-alerts.ts';
import { queueDelivery } from './webhook-delivery.ts';

/** Everybody there is. Their order gives each a range of numbers of their own. */
export const ENTITIES = [
  'open', // a PUBLIC organization
  'openOwner',
  'passer', // used something in it once
  'openMember',
  'closed', // a PRIVATE organization
  'owner',
  'admin',
  'billing',
  'member',
  'suspended',
  'former', // was a member, and used its pool
  'stranger',
  'other', // a PRIVATE organization of others, suspended
  'otherOwner',
] as const;
export type EntityName = (typeof ENTITIES)[number];
export const ORGANIZATIONS: readonly EntityName[] = ['open', 'closed', 'other'];
const PEOPLE = ENTITIES.filter((name) => !ORGANIZATIONS.includes(name));

export interface Caller {
  readonly name: string;
  readonly token: string | null;
  /** The entity whose own token, or whose key, it is. */
  readonly as: EntityName | null;
  readonly kind: 'USER' | 'API_KEY' | 'SERVICE' | 'OPERATOR' | 'ANONYMOUS';
  /** The key that the caller is. */
  readonly key: EntityName | null;
}

/** What each caller is to each entity, where they are anything. */
const MEMBERSHIPS: Readonly<Partial<Record<EntityName, Readonly<Partial<Record<EntityName, Relation>>>>>> = {
  openOwner: { open: 'OWNER' },
  openMember: { open: 'MEMBER' },
  owner: { closed: 'OWNER' },
  admin: { closed: 'ADMIN' },
  billing: { closed: 'BILLING' },
  member: { closed: 'MEMBER' },
  suspended: { closed: 'SUSPENDED' },
  otherOwner: { other: 'OWNER' },
};

/** What the caller is to the entity, from how this world was made. */
function relationOf({ kind, as }: Caller, entity: EntityName): Relation {
  if (kind === 'SERVICE' || kind === 'OPERATOR') return kind;
  if (kind === 'API_KEY') return as === entity ? 'API_KEY' : 'STRANGER';
  if (as === null) return 'STRANGER';
  return as === entity ? 'SELF' : (MEMBERSHIPS[as]?.[entity] ?? 'STRANGER');
}

/** What may be found of somebody. */
export const KINDS = [
  'balance',
  'grant',
  'hold',
  'cap',
  'limit',
  'change',
  'audit',
  'suspension',
  'transfer',
  'use',
  'key',
  'subscription',
  'webhook',
  'alert',
  'preference',
] as const;
type Kind = (typeof KINDS)[number];

export interface Mark {
  readonly kind: Kind;
  /** Whose it is; of use: who paid, who used it, and where. */
  readonly of: readonly EntityName[];
}

const PRICE: Readonly<Record<Exclude<Kind, 'use' | 'key'>, readonly Operation[]>> = {
  balance: ['credits.read', 'ledger.read', 'auditLog.read'],
  grant: ['grants.read', 'draws.read', 'ledger.read', 'auditLog.read'],
  hold: ['reservations.read', 'ledger.read'],
  cap: ['subscription.read', 'auditLog.read'],
  limit: ['members.readAll', 'auditLog.read'],
  change: ['grants.read', 'ledger.read', 'auditLog.read'],
  audit: ['auditLog.read'],
  suspension: ['entity.read', 'auditLog.read'],
  transfer: ['grants.read', 'ledger.read', 'auditLog.read'],
  subscription: ['subscription.read'],
  webhook: ['webhooks.read', 'auditLog.read'],
  alert: ['alerts.readAll'],
  preference: ['alertPreferences.read'],
};

/** Whether the table lets the caller read what bears this mark. */
export function mayRead(caller: Caller, { kind, of }: Mark): boolean {
  const can = (entity: EntityName, operation: Operation): boolean => may(relationOf(caller, entity), operation);
  if (kind === 'use') {
    const [payer, user, place] = of as [EntityName, EntityName, EntityName];
    if ([payer, place].some((entity) => can(entity, 'usage.readAll'))) return true;
    return caller.as === user && caller.kind === 'USER' && [payer, place].some((entity) => can(entity, 'usage.read'));
  }
  if (kind === 'key') {
    const [owner] = of as [EntityName];
    // Services name keys with use, and a key knows itself.
    return can(owner, 'apiKeys.read') || caller.kind === 'SERVICE' || caller.key === owner;
  }
  if (kind === 'limit') {
    const [organization, user] = of as [EntityName, EntityName];
    if (caller.as === user && caller.kind === 'USER' && can(organization, 'members.read')) return true;
    return PRICE.limit.some((operation) => can(organization, operation));
  }
  return of.some((entity) => PRICE[kind].some((operation) => can(entity, operation)));
}

const TEXT = /mark:(\w+):(\w+(?:\.\w+)*)/g;
const word = (kind: Kind, ...of: readonly EntityName[]): string => `mark:${kind}:${of.join('.')}`;

/** An account's grants and balance lie in a range of its own, a hundred milliards wide. */
const RANGE = 1e11;
const baseOf = (name: EntityName): number => (ENTITIES.indexOf(name) + 1) * RANGE;
const LARGE = 1e9;
const SMALL = 2e9;
/** Ordinary use and its like change what is near a mark by no more. */
const SLACK = 2e8;
const LAST_FOUR = (name: EntityName): string => `Z${String(ENTITIES.indexOf(name)).padStart(2, '0')}q`;
/** Numbers that are met exactly. */
const EXACT = new Map<number, Mark>();

function exact(kind: Kind, value: number, ...of: EntityName[]): number {
  EXACT.set(value, { kind, of });
  return value;
}

/** Ids that are marks themselves. */
const BY_PREFIX = { key: 'key', alt: 'alert', apf: 'preference' } as const;

/** Every mark in an answer, each once. */
export function marksIn(answer: unknown, ownerOf: World['ownerOf']): readonly Mark[] {
  const found = new Map<string, Mark>();
  const note = (mark: Mark): void => void found.set(`${mark.kind} ${mark.of.join(' ')}`, mark);
  const number = (value: number): void => {
    const size = Math.abs(value);
    const known = EXACT.get(size);
    if (known !== undefined) note(known);
    const name = ENTITIES[Math.floor(size / RANGE) - 1];
    if (name === undefined) return;
    const rest = size % RANGE;
    if (Math.abs(rest - LARGE) < SLACK) note({ kind: 'grant', of: [name] });
    else if (Math.abs(rest - LARGE - SMALL) < SLACK) note({ kind: 'balance', of: [name] });
  };
  const visit = (value: unknown, key: string): void => {
    if (typeof value === 'number') number(value);
    else if (typeof value === 'string') {
      for (const [id, prefix] of value.matchAll(/\b(key|alt|apf)_[\w-]+/g)) {
        const owner = ownerOf(id);
        if (owner !== undefined) note({ kind: BY_PREFIX[prefix as keyof typeof BY_PREFIX], of: [owner] });
      }
      for (const [, kind, of] of value.matchAll(TEXT)) note({ kind: kind as Kind, of: of?.split('.') as EntityName[] });
      if (key === 'hint') {
        for (const name of PEOPLE) if (value.endsWith(LAST_FOUR(name))) note({ kind: 'key', of: [name] });
      }
      if (key === 'message') {
        for (const [digits] of value.matchAll(/\d[\d,]{8,20}/g)) number(Number(digits.replaceAll(',', '')));
      }
    } else if (Array.isArray(value)) for (const each of value) visit(each, key);
    else if (value !== null && typeof value === 'object') {
      for (const [name, each] of Object.entries(value)) visit(each, name.split('_').at(-1) as string);
    }
  };
  visit(answer, '');
  return [...found.values()];
}

/** What the walk asks about: everything of one entity that can be named. */
export interface Target {
  readonly name: EntityName;
  readonly id: string;
  readonly recordIds: readonly string[];
  readonly holdId: string;
  readonly keyId: string;
  readonly deliveryId: string;
  /** null: it pays nothing, so nothing was raised. */
  readonly alertId: string | null;
}

export interface World {
  readonly targets: Readonly<Record<EntityName, Target>>;
  readonly callers: readonly Caller[];
  readonly service: string;
  /** The owner of what this id names, which has a prefix; undefined: nobody of this world. */
  ownerOf(id: string): EntityName | undefined;
  /** Has somebody use so much that it is a record, in an organization or alone; gives the record's id. */
  use(who: EntityName, where: EntityName | null, apiKeyId?: string): Promise<string>;
}

/** Makes everybody, with what they own, over the API as it is. */
export async function makeWorld(app: TestApp): Promise<World> {
  const ask = asker(() => app.url);
  const clients = await Clients.open(ask);
  const { operator, service } = clients;
  const ids = {} as Record<EntityName, string>;
  const tokens = {} as Record<EntityName, string>;
  const keys = {} as Record<EntityName, { id: string; secret: string | null }>;
  const recordIds = Object.fromEntries(ENTITIES.map((name) => [name, [] as string[]])) as Record<EntityName, string[]>;
  const holdIds = {} as Record<EntityName, string>;
  const deliveryIds = {} as Record<EntityName, string>;

  for (const name of PEOPLE) {
    tokens[name] = await tokenOf(name, { name: `Dear ${name}` });
    ids[name] = (await ask<{ user: { id: string } }>(tokens[name], '{ viewer { user { id } } }')).user.id;
  }
  const owners = { open: 'openOwner', closed: 'owner', other: 'otherOwner' } as const;
  for (const [name, owner] of Object.entries(owners) as [EntityName, EntityName][]) {
    tokens[name] = tokens[owner];
    const visibility = name === 'open' ? 'PUBLIC' : 'PRIVATE';
    const input = { externalId: name, name: `Club ${name}`, ownerExternalId: owner, visibility };
    const create = 'mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id } }';
    ids[name] = (await ask<{ id: string }>(operator, create, { input })).id;
  }
  await join(clients, ids);
  for (const name of ENTITIES) {
    await endow({ ask, clients, app }, name, ids[name]);
    deliveryIds[name] = await queueDelivery(ask, operator, ids[name], word('webhook', name));
    keys[name] = await clients.createKey(tokens[name], ids[name], { name: word('key', name) });
  }
  const custom = {} as Record<EntityName, string>;
  for (const name of PEOPLE) {
    const secret = `sk-${'a1B2'.repeat(12)}${LAST_FOUR(name)}`;
    const terms = { name: word('key', name), type: 'CUSTOM', billingMode: 'FULL', secret };
    custom[name] = (await clients.createKey(tokens[name], ids[name], terms)).id;
  }

  async function use(who: EntityName, where: EntityName | null, apiKeyId?: string): Promise<string> {
    const payer = where === null || where === 'open' ? who : where;
    const input = {
      ...{ idempotencyKey: clients.next(), lines: tokensFor(10), userExternalId: who },
      metadata: { note: word('use', payer, who, where ?? payer) },
      ...(where !== null && { organizationExternalId: where }),
      ...(apiKeyId !== undefined && { apiKeyId }),
    };
    const consume =
      'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { ... on ConsumeCreditsSuccess { records { id } } } }';
    const { records } = await ask<{ records: { id: string }[] }>(service, consume, { input });
    const id = records[0]?.id as string;
    recordIds[payer].push(id);
    if (where === 'open') recordIds.open.push(id);
    return id;
  }
  for (const name of PEOPLE) {
    await use(name, null, custom[name]);
    holdIds[name] = await reserve(ask, clients, name, null);
  }
  for (const name of ['passer', 'openMember', 'openOwner'] as const) await use(name, 'open', custom[name]);
  const inPool = ['owner', 'admin', 'billing', 'member', 'former'] as const;
  for (const name of inPool) await use(name, 'closed', custom[name]);
  await use('otherOwner', 'other');
  // Nobody's but the pool's: through its own key.
  for (const name of ['closed', 'other'] as const) holdIds[name] = await reserve(ask, clients, name, keys[name].secret);
  // In a PUBLIC organization each user pays alone.
  holdIds.open = holdIds.openMember;
  await transfer(ask, clients, tokens.owner, ids);
  await depart(ask, clients, tokens.owner, ids);

  const alertIds: Partial<Record<EntityName, string>> = {};
  const users = { ...Object.fromEntries(PEOPLE.map((name) => [name, name])), closed: 'owner' };
  for (const [name, who] of Object.entries(users) as [EntityName, EntityName][]) {
    alertIds[name] = await raiseAlert(ask, {
      ...{ token: operator, billingEntityId: ids[name] },
      use: () => use(who, name === who ? null : name),
    });
  }

  const targets = Object.fromEntries(
    ENTITIES.map((name): [EntityName, Target] => [
      name,
      {
        ...{ name, id: ids[name], recordIds: recordIds[name], holdId: holdIds[name] },
        ...{ keyId: keys[name].id, deliveryId: deliveryIds[name], alertId: alertIds[name] ?? null },
      },
    ]),
  ) as Record<EntityName, Target>;
  const person = (name: EntityName): Caller => ({ name, token: tokens[name], as: name, kind: 'USER', key: null });
  const keyOf = (name: EntityName): Caller => {
    const { id, secret } = keys[name];
    if (parseApiKeyId(id).billingEntityId !== ids[name]) throw new Error(`${id} is not of ${name}`);
    return { name: `the key of ${name}`, token: secret, as: name, kind: 'API_KEY', key: name };
  };
  return {
    ...{ targets, service, use },
    ownerOf: (id) =>
      ENTITIES.find((name) => ids[name] === stringify(Buffer.from(id.slice(4), 'base64url').subarray(0, 16))),
    callers: [
      ...PEOPLE.map(person),
      ...(['open', 'closed', 'member'] as const).map(keyOf),
      { name: 'SERVICE', token: service, as: null, kind: 'SERVICE', key: null },
      { name: 'OPERATOR', token: operator, as: null, kind: 'OPERATOR', key: null },
      { name: 'nobody', token: null, as: null, kind: 'ANONYMOUS', key: null },
    ],
  };
}

/** Memberships, made by an operator so that they hold at once. */
async function join(clients: Clients, ids: Readonly<Record<EntityName, string>>): Promise<void> {
  const set = (organization: EntityName, user: EntityName, role: string, more = {}): Promise<void> =>
    clients.setMember(clients.operator, ids[organization], user, {
      role,
      reason: word('audit', organization),
      creditLimit: exact('limit', 7e8 + ENTITIES.indexOf(user), organization, user),
      ...more,
    });
  await set('open', 'openMember', 'MEMBER');
  await set('closed', 'admin', 'ADMIN');
  await set('closed', 'billing', 'BILLING');
  await set('closed', 'member', 'MEMBER');
  await set('closed', 'former', 'MEMBER');
  await set('closed', 'suspended', 'ADMIN', { status: 'SUSPENDED' });
}

/** Gives an entity grants, an overage policy, a subscription and a correction that are recognisably its own. */
async function endow(
  { ask, clients, app }: { ask: Ask; clients: Clients; app: TestApp },
  name: EntityName,
  billingEntityId: string,
): Promise<void> {
  const at = ENTITIES.indexOf(name);
  const grant = 'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { replayed } }';
  const input = { billingEntityId, source: 'PURCHASE', reason: word('grant', name) };
  await ask(clients.operator, grant, {
    // Drawn before all others, so that use tells of it.
    input: { ...input, idempotencyKey: clients.next(), amount: baseOf(name) + LARGE, priority: 10 },
  });
  const small = exact('grant', SMALL + at * 1e4, name);
  await ask(clients.operator, grant, {
    input: { ...input, idempotencyKey: clients.next(), amount: small, priority: 900 },
  });
  await ask(clients.operator, 'mutation ($input: AdjustCreditsInput!) { adjustCredits(input: $input) { replayed } }', {
    input: { billingEntityId, idempotencyKey: clients.next(), amount: 7, reason: word('change', name) },
  });
  await ask(clients.operator, 'mutation ($input: SetOveragePolicyInput!) { setOveragePolicy(input: $input) { cap } }', {
    input: { billingEntityId, enabled: true, cap: exact('cap', 6e8 + at, name) },
  });
  const period = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') };
  await app.services.subscriptions.follow(billingEntityId, {
    providerSubscription: {
      id: word('subscription', name),
      plan: 'PRO',
      quantity: 1,
      paymentStanding: 'INCOMPLETE',
      status: 'INCOMPLETE',
      graceEndsAt: null,
      anchor: period.start,
      next: { plan: 'PRO', quantity: 1 },
      period,
    },
    paidUnits: 0,
  });
}

/** Holds credits twice, each by a number of its own: what is held in all, which more people may read, is neither. */
async function reserve(ask: Ask, clients: Clients, name: EntityName, key: string | null): Promise<string> {
  await hold(ask, clients, { name, key, credits: exact('hold', 1e7 + ENTITIES.indexOf(name), name) });
  return hold(ask, clients, { name, key, credits: exact('hold', 2e7 + ENTITIES.indexOf(name), name) });
}

async function hold(
  ask: Ask,
  clients: Clients,
  { name, key, credits }: { name: EntityName; key: string | null; credits: number },
): Promise<string> {
  const input = {
    idempotencyKey: clients.next(),
    lines: tokensFor(credits),
    ttlSeconds: 86_400,
    ...(key === null && { userExternalId: name }),
  };
  const mutation =
    'mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) { ... on ReserveCreditsSuccess { reservation { id } } } }';
  const { reservation } = await ask<{ reservation: { id: string } }>(key ?? clients.service, mutation, { input });
  return reservation.id;
}

async function transfer(
  ask: Ask,
  clients: Clients,
  token: string,
  ids: Readonly<Record<EntityName, string>>,
): Promise<void> {
  await ask(token, 'mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) { __typename } }', {
    input: {
      idempotencyKey: clients.next(),
      fromBillingEntityId: ids.closed,
      toBillingEntityId: ids.member,
      amount: 777,
      reason: word('transfer', 'closed', 'member'),
    },
  });
}

async function depart(
  ask: Ask,
  clients: Clients,
  token: string,
  ids: Readonly<Record<EntityName, string>>,
): Promise<void> {
  await ask(token, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
    input: { billingEntityId: ids.closed, userExternalId: 'former' },
  });
  const suspend =
    'mutation ($input: BillingEntityInput!, $reason: String!) { suspendBillingEntity(input: $input, reason: $reason) { id } }';
  await ask(clients.operator, suspend, { input: { billingEntityId: ids.other }, reason: word('suspension', 'other') });
}

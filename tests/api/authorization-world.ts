/** Everybody who can ask, the two entities they ask about, and what they are answered. */
import type { GraphQLSchema } from 'graphql';
import { v7 as uuidv7 } from 'uuid';
import { type Relation } from '../../src/billing-entities/authorization.ts';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { loadConfig } from '../../src/config/config.ts';
import { contextFactory } from '../../src/graphql/request/context.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import {
  alertId,
  apiKeyId,
  parseApiKeyId,
  recordId,
  reservationId,
  webhookDeliveryId,
} from '../../src/kernel/public-ids.ts';
import { createLog } from '../../src/kernel/log.ts';
import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { asker } from '../support/organizations.ts';
import { raiseAlert } from '../support/raised-alerts.ts';
import { queueDelivery } from '../support/webhook-delivery.ts';

export type TargetKind = 'ORGANIZATION' | 'USER';

export interface Caller {
  /** What they are to the organization, and to the account of the one who is a plain member of it. */
  readonly to: Readonly<Record<TargetKind, Relation>>;
  /** Their `sub`, when they are a person. */
  readonly subject?: string;
  readonly scope?: string;
}

/** Everybody who can ask. */
export const CALLERS = {
  'another user': { subject: 'alone', to: { ORGANIZATION: 'STRANGER', USER: 'STRANGER' } },
  'a member of another organization': { subject: 'elsewhere', to: { ORGANIZATION: 'STRANGER', USER: 'STRANGER' } },
  'somebody invited': { subject: 'invited', to: { ORGANIZATION: 'INVITED', USER: 'STRANGER' } },
  MEMBER: { subject: 'member', to: { ORGANIZATION: 'MEMBER', USER: 'SELF' } },
  'a suspended ADMIN': { subject: 'suspended', to: { ORGANIZATION: 'SUSPENDED', USER: 'STRANGER' } },
  BILLING: { subject: 'billing', to: { ORGANIZATION: 'BILLING', USER: 'STRANGER' } },
  ADMIN: { subject: 'admin', to: { ORGANIZATION: 'ADMIN', USER: 'STRANGER' } },
  OWNER: { subject: 'owner', to: { ORGANIZATION: 'OWNER', USER: 'STRANGER' } },
  'an API key': { to: { ORGANIZATION: 'API_KEY', USER: 'STRANGER' } },
  SERVICE: { scope: 'billing:usage', to: { ORGANIZATION: 'SERVICE', USER: 'SERVICE' } },
  OPERATOR: { scope: 'billing:operator', to: { ORGANIZATION: 'OPERATOR', USER: 'OPERATOR' } },
} as const satisfies Readonly<Record<string, Caller>>;
export type CallerName = keyof typeof CALLERS;
export const CALLER_NAMES = Object.keys(CALLERS) as CallerName[];

/** What an operation is asked about: a real entity, or one that nobody has. */
export interface Target {
  readonly id: string;
  readonly externalId: string;
  readonly type: TargetKind;
  readonly recordId: string;
  readonly reservationId: string;
  readonly apiKeyId: string;
  readonly webhookDeliveryId: string;
  readonly alertId: string;
}

/** One that nobody has paid yet: it is there, and changes nothing. */
const SUBSCRIPTION = {
  providerSubscription: {
    id: 'sub_1',
    plan: 'PRO',
    quantity: 1,
    paymentStanding: 'INCOMPLETE',
    status: 'INCOMPLETE',
    graceEndsAt: null,
    anchor: new Date('2026-03-01T00:00:00Z'),
    next: { plan: 'PRO', quantity: 1 },
    period: { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') },
  },
  paidUnits: 0,
} as const;

export const LINES = 'lines: [{ resource: AI_TOKENS, quantity: 10 }]';
export const key = (): string => `idempotencyKey: "${uuidv7()}"`;

let bench: Bench;
let app: TestApp;
let operations: Operations;
export const tokens = new Map<CallerName, string>();

/** Ids of everybody by their external id. */
export const ids: Record<string, string> = {};
export const targets = {} as Record<TargetKind, Target>;

/** What nobody has, in every way in which it can be named. */
export function unknown(type: TargetKind): Target {
  const id = uuidv7();
  return {
    id,
    type,
    externalId: `nobody-${id}`,
    recordId: recordId(id, 1n, 0),
    reservationId: reservationId(id, uuidv7()),
    apiKeyId: apiKeyId(id, uuidv7()),
    webhookDeliveryId: webhookDeliveryId(id, uuidv7()),
    alertId: alertId(id, 1n),
  };
}

/** Boots the application and makes everybody. */
export async function openWorld(): Promise<{ readonly app: TestApp; readonly schema: GraphQLSchema }> {
  bench = await Bench.open();
  app = await bench.server();
  const schema = await buildTollgateSchema();
  const { limits } = loadConfig({}, 'local');
  const log = createLog({ level: 'silent' });
  operations = new Operations({ schema, limits, log, suggestions: false });
  for (const name of CALLER_NAMES) {
    const { subject, scope }: Caller = CALLERS[name];
    // The key is made with the organization that it acts for.
    if (name === 'an API key') continue;
    tokens.set(name, await tokenOf(subject ?? name, scope === undefined ? {} : { scope }));
    if (subject !== undefined) ids[subject] = await idOf(tokens.get(name) as string);
  }
  await populate();
  for (const { id } of Object.values(targets)) await app.services.subscriptions.follow(id, SUBSCRIPTION);
  return { app, schema };
}

export async function closeWorld(): Promise<void> {
  expect(app.services.live.openStreams).toBe(0);
  await app.stop();
  await bench.close();
}

async function idOf(token: string): Promise<string> {
  const { data } = await send(app.url, token, '{ viewer { user { id } } }');
  return (data as never as { viewer: { user: { id: string } } }).viewer.user.id;
}

export async function done<T>(caller: CallerName, query: string): Promise<T> {
  const { data, errors } = await send(app.url, tokens.get(caller) as string, query);
  expect(errors).toEqual([]);
  return Object.values(data as Record<string, T>)[0] as T;
}

/** Two organizations with their members, and use by two of them in the first and in their own accounts. */
async function populate(): Promise<void> {
  const create = (owner: CallerName, externalId: string): Promise<{ id: string }> =>
    done(owner, `mutation { createOrganization(input: { externalId: "${externalId}", name: "Acme" }) { id } }`);
  ids['acme'] = (await create('OWNER', 'acme')).id;
  await create('a member of another organization', 'other');
  for (const [subject, role, more] of [
    ['member', 'MEMBER', ''],
    ['billing', 'BILLING', ''],
    ['admin', 'ADMIN', ''],
    ['suspended', 'ADMIN', 'status: SUSPENDED'],
  ]) {
    const input = `billingEntityId: "${ids['acme']}", userExternalId: "${subject}", role: ${role} ${more}`;
    await done('OPERATOR', `mutation { setMember(input: { ${input} }) { id } }`);
  }
  await invite();
  const inOrganization = 'organizationExternalId: "acme"';
  const use = async (externalId: string, more = ''): Promise<string> => {
    const input = `${key()}, ${LINES}, userExternalId: "${externalId}" ${more}`;
    const consume = `mutation { consumeCredits(input: { ${input} }) { ... on ConsumeCreditsSuccess { records { id } } } }`;
    return (await done<{ records: [{ id: string }] }>('SERVICE', consume)).records[0].id;
  };
  const hold = async (more = ''): Promise<string> => {
    const input = `${key()}, ${LINES}, userExternalId: "member" ${more}`;
    const reserve = `mutation { reserveCredits(input: { ${input} }) { ... on ReserveCreditsSuccess { reservation { id } } } }`;
    return (await done<{ reservation: { id: string } }>('SERVICE', reserve)).reservation.id;
  };
  const makeKey = (caller: CallerName, id: string): Promise<{ secret: string; apiKey: { id: string } }> => {
    const input = `billingEntityId: "${id}", name: "a key", type: PLATFORM, provider: OPENAI`;
    return done(caller, `mutation { createApiKey(input: { ${input} }) { secret apiKey { id } } }`);
  };
  const delivery = (caller: CallerName, id: string | undefined): Promise<string> =>
    queueDelivery(
      asker(() => app.url),
      tokens.get(caller) as string,
      id as string,
    );
  const alert = (caller: CallerName, subject: string, more?: string): Promise<string> =>
    raiseAlert(
      asker(() => app.url),
      {
        token: tokens.get(caller) as string,
        billingEntityId: ids[more === undefined ? subject : 'acme'] as string,
        use: () => use(subject, more),
      },
    );
  for (const subject of USERS) inPool.set(subject, await use(subject, inOrganization));
  const custom = `billingEntityId: "${ids['member']}", name: "own", type: CUSTOM, provider: OPENAI, secret: "sk-${'a1B2'.repeat(12)}"`;
  await done('MEMBER', `mutation { createApiKey(input: { ${custom} }) { secret } }`);
  const bearer = await makeKey('OWNER', ids['acme']);
  tokens.set('an API key', bearer.secret);
  ids['bearer'] = bearer.apiKey.id;
  targets.USER = {
    id: ids['member'] as string,
    type: 'USER',
    externalId: 'member',
    recordId: await use('member'),
    reservationId: await hold(),
    apiKeyId: (await makeKey('MEMBER', ids['member'] as string)).apiKey.id,
    webhookDeliveryId: await delivery('MEMBER', ids['member']),
    alertId: await alert('MEMBER', 'member'),
  };
  targets.ORGANIZATION = {
    id: ids['acme'],
    type: 'ORGANIZATION',
    externalId: 'acme',
    recordId: inPool.get('admin') as string,
    reservationId: await hold(inOrganization),
    apiKeyId: (await makeKey('OWNER', ids['acme'])).apiKey.id,
    webhookDeliveryId: await delivery('OWNER', ids['acme']),
    alertId: await alert('OWNER', 'admin', inOrganization),
  };
}

/** Whoever answered is invited anew. */
export async function invite(): Promise<void> {
  const who = `billingEntityId: "${ids['acme']}", userExternalId: "invited"`;
  await done('OWNER', `mutation { removeMember(input: { ${who} }) }`);
  await done('OWNER', `mutation { setMember(input: { ${who}, role: OWNER }) { id } }`);
}

/** Who used something in the organization. */
export const USERS = ['admin', 'billing', 'member', 'owner'];

/** Ids of the records of what each used in the organization. */
export const inPool = new Map<string, string>();

/** Who the caller is, as the server would find out. */
function principalOf(name: CallerName): Principal {
  const { subject, scope }: Caller = CALLERS[name];
  const bearer = { subject: subject ?? name, expiresAt: new Date('2100-01-01') };
  if (name === 'an API key') {
    const { billingEntityId, id } = parseApiKeyId(ids['bearer'] as string);
    return { kind: 'API_KEY', ...bearer, billingEntityId, apiKeyId: id };
  }
  if (scope !== undefined) return { kind: scope === 'billing:usage' ? 'SERVICE' : 'OPERATOR', ...bearer };
  return { kind: 'USER', billingEntityId: ids[bearer.subject] as string, ...bearer };
}

/** The answer; of a subscription, whether it began. */
export async function answerOf(
  caller: CallerName | null,
  query: string,
): Promise<Pick<GraphqlAnswer, 'data' | 'errors'>> {
  if (!query.startsWith('subscription')) {
    const { data, errors } = await send(app.url, caller === null ? null : (tokens.get(caller) as string), query);
    return { data, errors: errors.map(({ message, extensions }) => ({ message, extensions })) };
  }
  const { operation } = operations.prepare({ query, variables: {} });
  const context = contextFactory(app.services)(caller === null ? null : principalOf(caller));
  const stream = await operations.subscribe(operation as NonNullable<typeof operation>, {}, () => context);
  if (!(Symbol.asyncIterator in stream)) {
    const errors = (stream.errors ?? []).map(({ message, extensions }) => ({ message, extensions }));
    return { data: null, errors };
  }
  // One that nobody has asked for an event is over at once.
  void stream.return?.();
  return { data: {}, errors: [] };
}

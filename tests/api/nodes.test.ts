/**
 * `node(id:)` asked by everybody, for everything that an operator finds anywhere: it gives what the caller's own lists give,
 * with the same values, and null for all else.
 */
import { type GraphQLSchema, isInterfaceType } from 'graphql';
import { v7 as uuidv7 } from 'uuid';
import {
  alertId,
  apiKeyId,
  auditLogEntryId,
  entryId,
  grantId,
  membershipId,
  recordId,
  reservationId,
} from '../../src/kernel/public-ids.ts';
import { send, type TestApp } from '../support/app.ts';
import {
  type CallerName,
  CALLER_NAMES,
  closeWorld,
  done,
  ids,
  LINES,
  key,
  openWorld,
  targets,
  tokens,
} from './authorization-world.ts';

/** Some fields of each node, among them what is masked for some. */
const FIELDS: Readonly<Record<string, string>> = {
  Alert: 'id type message available member { name } acknowledgedAt',
  ApiKey: 'id hint name status creditLimit usedThisPeriod billingEntity { name }',
  AuditLogEntry: 'id actor action subject createdAt',
  BillingEntity: 'id name externalId status credits { available } viewerPermissions overagePolicy { enabled }',
  CreditGrant: 'id source amount remaining',
  LedgerEntry: 'id sequence kind amount availableBefore reservation { id }',
  Membership: 'id role status creditLimit usedThisPeriod user { externalId }',
  Reservation: 'id status credits apiKey { id }',
  UsageRecord: 'id credits carriedAfter draws { credits } apiKey { id } ledgerEntry { id }',
};

interface Found {
  readonly id: string;
  readonly __typename: string;
}

let app: TestApp;
let schema: GraphQLSchema;
let everything: ReadonlyMap<string, Found>;
const entities: string[] = [];

beforeAll(async () => {
  ({ app, schema } = await openWorld());
  // The person of a PUBLIC organization pays alone: the record stands in two histories.
  const input = 'externalId: "open", name: "Open", visibility: PUBLIC, ownerExternalId: "owner"';
  await done('OPERATOR', `mutation { createOrganization(input: { ${input} }) { id } }`);
  const use = `${key()}, ${LINES}, userExternalId: "member", organizationExternalId: "open", apiKeyId: "${targets.USER.apiKeyId}"`;
  await done('SERVICE', `mutation { consumeCredits(input: { ${use} }) { __typename } }`);
  // Who has accepted keeps the id of the invitation, which was not made of their own.
  await done(
    'OWNER',
    `mutation { setMember(input: { billingEntityId: "${ids['acme']}", userExternalId: "late", role: MEMBER }) { id } }`,
  );
  const late = `billingEntityId: "${ids['acme']}", userExternalId: "late", role: MEMBER, status: ACTIVE`;
  await done('OPERATOR', `mutation { setMember(input: { ${late} }) { id } }`);
  await done(
    'OPERATOR',
    `mutation { suspendBillingEntity(input: { billingEntityId: "${await entityOf('late')}" }, reason: "r") { id } }`,
  );
  const all = await done<{ edges: { node: { id: string } }[] }>(
    'OPERATOR',
    '{ billingEntities(first: 100) { edges { node { id } } } }',
  );
  entities.push(...all.edges.map(({ node }) => node.id));
  everything = await listed('OPERATOR');
});

afterAll(closeWorld);

async function entityOf(externalId: string): Promise<string> {
  const ask = `{ billingEntityByExternalId(type: USER, externalId: "${externalId}") { id } }`;
  return (await done<{ id: string }>('OPERATOR', ask)).id;
}

async function ask<T>(caller: CallerName, query: string): Promise<T> {
  const { data, errors } = await send(app.url, tokens.get(caller) as string, query);
  expect(errors).toEqual([]);
  return data as T;
}

const of = (type: string): string => `__typename ${FIELDS[type]}`;
const page = (name: string, type: string, args = ''): string =>
  `${name}(first: 50 ${args}) { edges { node { ${of(type)} } } }`;

const LISTS = [
  page('grants', 'CreditGrant', 'activeOnly: false'),
  page('ledger', 'LedgerEntry'),
  page('usage', 'UsageRecord'),
  page('reservations', 'Reservation', 'statuses: [HELD, SETTLED, RELEASED, EXPIRED]'),
  page('apiKeys', 'ApiKey', 'includeRevoked: true'),
  page('members', 'Membership'),
  page('auditLog', 'AuditLogEntry'),
  page('alerts', 'Alert'),
];
const VIEWER = `{ viewer { user { ${of('BillingEntity')} } apiKey { ${of('ApiKey')} } memberships { ${of('Membership')} } } }`;

type Listed = Readonly<Record<string, { readonly edges: readonly { readonly node: Found }[] } | null>>;

/** Everything that the caller finds in lists and as themselves, by its id. */
async function listed(caller: CallerName): Promise<Map<string, Found>> {
  const { viewer } = await ask<{ viewer: { user: Found | null; apiKey: Found | null; memberships: Found[] } }>(
    caller,
    VIEWER,
  );
  const found = [viewer.user, viewer.apiKey, ...viewer.memberships];
  for (const id of entities) {
    const { entity, lists } = await ask<{ entity: Found | null; lists: Listed | null }>(
      caller,
      `{ entity: billingEntity(id: "${id}") { ${of('BillingEntity')} } lists: billingEntity(id: "${id}") { ${LISTS.join(' ')} } }`,
    );
    found.push(entity);
    for (const list of Object.values(lists ?? {})) found.push(...(list?.edges ?? []).map(({ node }) => node));
  }
  return new Map(found.flatMap((each) => (each === null ? [] : [[each.id, each] as const])));
}

/** What `node` gives for each of these, in their order. */
async function asNodes(caller: CallerName, things: readonly Found[]): Promise<(Found | null)[]> {
  const found: (Found | null)[] = [];
  for (let from = 0; from < things.length; from += 20) {
    const asked = things
      .slice(from, from + 20)
      .map(({ id, __typename: type }, at) => `n${at}: node(id: "${id}") { ... on ${type} { ${of(type)} } }`);
    found.push(...Object.values(await ask<Record<string, Found | null>>(caller, `{ ${asked.join(' ')} }`)));
  }
  return found;
}

it.each(CALLER_NAMES)('gives %s what they find in lists, and nothing else', async (caller) => {
  const readable = await listed(caller);
  const things = [...everything.values()];
  const expected = things.map(({ id }) => readable.get(id) ?? null);
  expect(await asNodes(caller, things)).toEqual(expected);
  // Nobody finds what an operator does not.
  expect([...readable.keys()].filter((id) => !everything.has(id))).toEqual([]);
});

it('is tried with each type that says it is a node, and with all that distinguishes callers', () => {
  const node = schema.getType('Node');
  if (!isInterfaceType(node)) throw new Error('there is no interface Node');
  const types = schema.getPossibleTypes(node).map(({ name }) => name);
  expect(Object.keys(FIELDS).toSorted()).toEqual(types.toSorted());
  const tried = new Set([...everything.values()].map(({ __typename }) => __typename));
  expect([...tried].toSorted()).toEqual(types.toSorted());
});

it('needs a token', async () => {
  const { errors } = await send(app.url, null, `{ node(id: "${targets.USER.id}") { id } }`);
  expect(errors.map(({ extensions }) => extensions['code'])).toEqual(['UNAUTHENTICATED']);
});

it('gives nothing for ids that name nothing, or that somebody put together', async () => {
  const [own, other] = [ids['member'] as string, ids['acme'] as string];
  const made = [other, uuidv7()].flatMap((id) => [
    grantId(own, id),
    entryId(own, -1n),
    entryId(own, 2n ** 62n),
    recordId(own, 1n, 200),
    recordId(id, 2n ** 62n, 0),
    reservationId(own, id),
    apiKeyId(own, id),
    membershipId(own, id),
    membershipId(other, id),
    auditLogEntryId(own, id),
    alertId(id, 2n ** 62n),
    alertId(own, -1n),
  ]);
  const real = targets.USER.apiKeyId;
  const garbage = [
    '',
    ' ',
    '0',
    'key_',
    'key_=',
    `${real}A`,
    ` ${real}`,
    real.slice(4),
    real.toUpperCase(),
    'x'.repeat(9_000),
  ];
  const swapped = ['grt_', 'ent_', 'use_', 'rsv_', 'mem_', 'aud_', 'tg_export_'].map(
    (prefix) => prefix + real.slice(4),
  );
  for (const id of [...made, ...garbage, ...swapped, '\u0000', '👻']) {
    for (const caller of ['MEMBER', 'OPERATOR'] as const) {
      const query = 'query ($id: ID!) { node(id: $id) { id } }';
      const { data, errors } = await send(app.url, tokens.get(caller) as string, query, { id });
      expect({ id, caller, data, errors }).toEqual({ id, caller, data: { node: null }, errors: [] });
    }
  }
});

it('answers a membership by the one id that it shows, before and after it is accepted', async () => {
  const { members } = await done<{
    members: { edges: { node: { id: string; user: { id: string; externalId: string } } }[] };
  }>(
    'OWNER',
    `{ billingEntity(id: "${ids['acme']}") { members(first: 100) { edges { node { id user { id externalId } } } } } }`,
  );
  const late = members.edges.find(({ node }) => node.user.externalId === 'late')?.node;
  const node = (id: string): Promise<unknown> =>
    ask('OWNER', `{ node(id: "${id}") { ... on Membership { status user { externalId } } } }`);
  expect(await node(late?.id as string)).toEqual({ node: { status: 'ACTIVE', user: { externalId: 'late' } } });
  expect(await node(membershipId(ids['acme'] as string, late?.user.id as string))).toEqual({ node: null });
});

/**
 * Who may do what, asked of the whole application: every operation of the schema that takes or leads to an id, and every
 * field of a billing entity, by every kind of caller. What is expected follows from the table in authorization.ts; an
 * operation or field without a row here fails the test.
 */
import type { GraphQLSchema } from 'graphql';
import { may, permissionsOf } from '../../src/billing-entities/authorization.ts';
import { type GraphqlAnswer, send, type TestApp } from '../support/app.ts';
import {
  answerOf,
  type Caller,
  type CallerName,
  CALLER_NAMES,
  CALLERS,
  closeWorld,
  done,
  inPool,
  openWorld,
  type Target,
  type TargetKind,
  targets,
  tokens,
  unknown,
  USERS,
} from './authorization-world.ts';
import { FIELDS, NEVER_NULL, OFTEN_NULL, type Row, ROWS, type Verdict } from './authorization-rows.ts';

let app: TestApp;
let schema: GraphQLSchema;

beforeAll(async () => {
  ({ app, schema } = await openWorld());
});

afterAll(closeWorld);

const codesOf = ({ errors }: Pick<GraphqlAnswer, 'errors'>): unknown[] =>
  errors.map(({ extensions }) => extensions['code']);

function expected({ needs, but, butThere }: Row, caller: CallerName, kind: TargetKind): Verdict {
  const exception = (kind === 'USER' ? but : butThere)?.[caller];
  if (exception !== undefined) return exception;
  if (needs === 'nothing' || needs === 'a token') return 'allowed';
  if (needs === 'to be an operator') return caller === 'OPERATOR' ? 'allowed' : 'FORBIDDEN';
  if (needs === 'to be a service') return caller === 'SERVICE' ? 'allowed' : 'FORBIDDEN';
  const relation = CALLERS[caller].to[kind];
  if (may(relation, needs)) return 'allowed';
  return may(relation, 'entity.read') ? 'FORBIDDEN' : 'unseen';
}

const REFUSED_FOR_WHO_ASKS = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'INTERNAL_SERVER_ERROR'];

describe.each(Object.entries(ROWS))('%s', (_name, row) => {
  const kinds = row.on === undefined ? (['ORGANIZATION', 'USER'] as const) : [row.on];

  it('needs a token, unless it is for anybody', async () => {
    for (const kind of kinds) {
      const answer = await answerOf(null, row.ask(targets[kind], 'another user'));
      expect(codesOf(answer)).toEqual(row.needs === 'nothing' ? [] : ['UNAUTHENTICATED']);
    }
  });

  it.each(CALLER_NAMES)('asked by %s is what the table says', async (caller) => {
    for (const kind of kinds) {
      const verdict = expected(row, caller, kind);
      const answer = await answerOf(caller, row.ask(targets[kind], caller));
      await row.after?.();
      switch (verdict) {
        case 'allowed':
          expect({
            kind,
            codes: codesOf(answer).filter((code) => REFUSED_FOR_WHO_ASKS.includes(code as string)),
          }).toEqual({
            kind,
            codes: [],
          });
          expect(Object.values(answer.data ?? { refused: 1 })).not.toContain(null);
          break;
        case 'FORBIDDEN':
          expect({ kind, codes: codesOf(answer) }).toEqual({ kind, codes: ['FORBIDDEN'] });
          break;
        case 'unseen':
          expect({ kind, answer }).toEqual({ kind, answer: await answerOf(caller, row.ask(unknown(kind), caller)) });
          expect(Object.values(answer.data ?? {}).filter((value) => value !== null)).toEqual([]);
      }
    }
  });
});

describe('the fields of a billing entity', () => {
  interface Entity extends Record<string, unknown> {
    viewerPermissions: string[];
    usage: { edges: { node: { user: { externalId: string }; ledgerEntry: unknown } }[] };
    usageSummary: { user: { externalId: string } }[];
    members: { edges: { node: { user: { externalId: string } } }[] } | null;
  }

  async function read(caller: CallerName, { id, recordId: record, apiKeyId: apiKey }: Target): Promise<Entity | null> {
    const fields = Object.entries(FIELDS).map(
      ([name, { ask }]) => ask?.replace('RECORD', record).replace('KEY', apiKey) ?? name,
    );
    const { data, errors } = await send(
      app.url,
      tokens.get(caller) as string,
      `{ billingEntity(id: "${id}") { ${fields.join(' ')} } }`,
    );
    expect(errors).toEqual([]);
    return (data as never as { billingEntity: Entity | null }).billingEntity;
  }

  it.each(CALLER_NAMES)('are to %s what the table says, and null ones spoil no others', async (caller) => {
    for (const kind of ['ORGANIZATION', 'USER'] as const) {
      const relation = CALLERS[caller].to[kind];
      const entity = await read(caller, targets[kind]);
      if (!may(relation, 'entity.read')) {
        expect({ kind, entity }).toEqual({ kind, entity: null });
        continue;
      }
      const nulls = Object.keys(FIELDS).filter((name) => entity?.[name] === null && !OFTEN_NULL.includes(name));
      const unreadable = Object.entries(FIELDS).filter(
        ([name, { needs, on = kind }]) =>
          !NEVER_NULL.includes(name) && !OFTEN_NULL.includes(name) && (on !== kind || !may(relation, needs)),
      );
      expect({ kind, nulls: nulls.toSorted() }).toEqual({ kind, nulls: unreadable.map(([name]) => name).toSorted() });
      expect(entity?.viewerPermissions).toEqual(permissionsOf(relation));
    }
  });

  it.each(CALLER_NAMES)('of records, sums and members hold for %s everybody’s, or only their own', async (caller) => {
    const { to, subject }: Caller = CALLERS[caller];
    const entity = await read(caller, targets.ORGANIZATION);
    if (entity === null) return;
    const whose = (all: readonly { user: { externalId: string } }[]): string[] =>
      [...new Set(all.map(({ user }) => user.externalId))].toSorted();
    // The key reads what ran on it, which the operations above reported for the plain member.
    const own = caller === 'an API key' ? 'member' : subject;
    const used = may(to.ORGANIZATION, 'usage.readAll') ? USERS : USERS.filter((each) => each === own);
    expect(whose(entity.usage.edges.map(({ node }) => node))).toEqual(used);
    expect(whose(entity.usageSummary)).toEqual(used);
    const members = entity.members && whose(entity.members.edges.map(({ node }) => node));
    const all = ['admin', 'billing', 'invited', 'member', 'owner', 'suspended'];
    expect(members === null).toBe(!may(to.ORGANIZATION, 'members.read'));
    if (members === null) return;

    expect(members.filter((each) => each !== 'extra')).toEqual(
      may(to.ORGANIZATION, 'members.readAll') ? all : [subject],
    );
  });

  it('show a plain member their own record, in pages and files alike, and no other', async () => {
    const record = async (caller: CallerName, of: string): Promise<unknown> => {
      const query = `{ billingEntity(id: "${targets.ORGANIZATION.id}") { usageRecord(id: "${inPool.get(of)}") { id } } }`;
      return (await done<{ usageRecord: unknown }>(caller, query)).usageRecord;
    };
    expect(await record('MEMBER', 'member')).not.toBeNull();
    expect(await record('MEMBER', 'admin')).toBeNull();
    expect(await record('BILLING', 'member')).not.toBeNull();

    const file = async (caller: CallerName): Promise<string[]> => {
      const input = `billingEntityId: "${targets.ORGANIZATION.id}", kind: USAGE`;
      const { url } = await done<{ url: string }>(caller, `mutation { createExport(input: { ${input} }) { url } }`);
      const local = Object.assign(new URL(url), { host: new URL(app.url).host });
      const lines = (await (await fetch(local)).text()).trim().split('\r\n').slice(1);
      return USERS.filter((subject) => lines.some((line) => line.includes(`,${subject},`)));
    };
    expect(await file('OWNER')).toEqual(USERS);
    expect(await file('MEMBER')).toEqual(['member']);
    expect(await file('a suspended ADMIN')).toEqual([]);
  });

  it('are all in the table', () => {
    const type = schema.getType('BillingEntity');
    if (type === undefined || !('getFields' in type)) throw new Error('there is no BillingEntity');
    expect(Object.keys(FIELDS).toSorted()).toEqual(Object.keys(type.getFields()).toSorted());
  });
});

it('every operation is in the table', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const all = roots.flatMap((root) => Object.keys(root?.getFields() ?? {}).map((field) => `${root?.name}.${field}`));
  const asked = new Set(Object.keys(ROWS).map((name) => name.split(' ')[0] ?? ''));
  expect([...asked].toSorted()).toEqual(all.toSorted());
});

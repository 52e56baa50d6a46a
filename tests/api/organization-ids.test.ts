/** Under which external ids organizations are made, by whom, and how an id comes to whom it belongs. */
import pg from 'pg';
import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';

const CREATE = `mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id externalId } }`;
const FIND = `query ($externalId: String!) { billingEntityByExternalId(type: ORGANIZATION, externalId: $externalId) { id credits { available } } }`;
const CONSUME = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  __typename ... on ConsumeCreditsSuccess { records { billingEntity { id } } } ... on UsageRefused { reason } } }`;
const MOVE = `mutation ($input: SetOrganizationExternalIdInput!) { setOrganizationExternalId(input: $input) { id externalId } }`;

let bench: Bench;

/** Two processes of one installation, and a third that leaves ids open. */
let app: TestApp;
let other: TestApp;
let open: TestApp;
let service: string;
let operator: string;
let statements: string[] = [];
let keys = 0;
const query = pg.Client.prototype.query;

beforeAll(async () => {
  bench = await Bench.open();
  const env = { ORGANIZATION_IDS: 'claimed', AUTH_ORGANIZATION_CLAIM: 'https://id.example/orgs' };
  app = await bench.server({ env });
  other = await bench.server({ env });
  open = await bench.server();
  service = await tokenOf('platform', { scope: 'billing:usage' });
  operator = await tokenOf('root', { scope: 'billing:operator' });
  pg.Client.prototype.query = function noted(this: pg.Client, ...args: unknown[]): unknown {
    const [statement] = args as [string | { text: string }];
    statements.push(typeof statement === 'string' ? statement : statement.text);
    return Reflect.apply(query, this, args);
  } as typeof query;
});

afterAll(async () => {
  pg.Client.prototype.query = query;
  await bench.close();
});

const create = (token: string, input: object, url = app.url): Promise<GraphqlAnswer> =>
  send(url, token, CREATE, { input: { name: 'Acme', ...input } });

const vouched = (subject: string, orgs: unknown): Promise<string> =>
  tokenOf(subject, { claims: { 'https://id.example/orgs': orgs } });

const outcome = ({ data, errors }: GraphqlAnswer): unknown =>
  errors[0]?.extensions['code'] ?? Object.values(data ?? {})[0];

async function made(token: string, input: object, url = app.url): Promise<{ id: string; externalId: string }> {
  const answer = await create(token, input, url);
  expect(answer.errors).toEqual([]);
  return outcome(answer) as { id: string; externalId: string };
}

/** Use by this person in the organization that is called so. */
async function use(url: string, userExternalId: string, organizationExternalId: string): Promise<unknown> {
  const lines = [{ resource: 'AI_TOKENS', quantity: 10 }];
  const input = { idempotencyKey: `use-${(keys += 1)}`, lines, userExternalId, organizationExternalId };
  const answer = await send(url, service, CONSUME, { input });
  const result = outcome(answer) as { records?: [{ billingEntity: { id: string } }] };
  return result.records?.[0].billingEntity.id ?? result;
}

describe('an external id of an organization', () => {
  it('is FORBIDDEN to whose token does not name it, taken or not, and nothing is looked up to say so', async () => {
    await made(service, { externalId: 'taken' });
    const [eve, claimsOthers] = await Promise.all([tokenOf('eve'), vouched('eve-2', ['hers', 'Taken', ' taken'])]);
    for (const token of [eve, claimsOthers]) {
      await send(app.url, token, '{ viewer { kind } }');
      const answers: GraphqlAnswer[] = [];
      for (const externalId of ['taken', 'free', 'takEn', 'hers ']) {
        statements = [];
        answers.push(await create(token, { externalId }));
        expect(statements.filter((text) => /entity_key|\bbilling_entity\b/.test(text))).toEqual([]);
      }
      expect(outcome(answers[0] as GraphqlAnswer)).toBe('FORBIDDEN');
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    }
    for (const externalId of ['free', 'takEn']) {
      expect((await send(app.url, operator, FIND, { externalId })).data).toEqual({ billingEntityByExternalId: null });
    }
  });

  it.each([
    ['a text', 'vouched-1', 'vouched-1'],
    [
      'one of a list',
      'vouched-2',
      ['x', 7, null, { id: 'vouched-2' }, 'vouched-2', 'a\0b', '\ud800', 'y'.repeat(5_00)],
    ],
  ])('is its administrator’s whose token names it as %s', async (_how, externalId, claim) => {
    const token = await vouched(`admin-of-${externalId}`, claim);
    const { id } = await made(token, { externalId });
    expect(outcome(await send(app.url, token, FIND, { externalId }))).toMatchObject({
      id,
      credits: { available: 10_000 },
    });
    // A token that is remembered goes on to claim what it claimed.
    expect(outcome(await create(token, { externalId }))).toBe('CONFLICT');
    expect(outcome(await create(token, { externalId: `${externalId}-not` }))).toBe('FORBIDDEN');
  });

  it('is what services and operators say', async () => {
    expect(await made(service, { externalId: 'by-service' })).toMatchObject({ externalId: 'by-service' });
    expect(await made(operator, { externalId: 'by-operator' })).toMatchObject({ externalId: 'by-operator' });
  });

  it('is anybody’s where the installation leaves ids open', async () => {
    const token = await tokenOf('free-rider');
    expect(await made(token, { externalId: 'first-come' }, open.url)).toMatchObject({ externalId: 'first-come' });
    expect(outcome(await create(token, { externalId: 'first-come' }, open.url))).toBe('CONFLICT');
  });
});

describe('an id of ours', () => {
  it('is made where none is named, another each time, and names the organization as any does', async () => {
    const token = await tokenOf('own');
    const organizations = [await made(token, {}), await made(token, {}), await made(token, {}, open.url)];
    expect(new Set(organizations.map(({ externalId }) => externalId)).size).toBe(3);
    const balances: number[] = [];
    for (const { id, externalId } of organizations) {
      const found = outcome(await send(other.url, token, FIND, { externalId })) as { credits: { available: number } };
      expect(found).toMatchObject({ id });
      balances.push(found.credits.available);
    }
    // The trial is one, as for organizations of any name.
    expect(balances).toEqual([10_000, 0, 0]);
    const [{ id, externalId }] = organizations as [{ id: string; externalId: string }];
    expect(await use(app.url, 'own', externalId)).toBe(id);
    const secret = `mutation ($o: String!) { providerSecret(input: { provider: OPENAI, userExternalId: "own", organizationExternalId: $o }) { secret } }`;
    expect(await send(app.url, service, secret, { o: externalId })).toMatchObject({
      data: { providerSecret: null },
      errors: [],
    });
    for (const by of [service, operator]) {
      expect((await made(by, {})).externalId).not.toBe((await made(by, {})).externalId);
    }
  });

  it('is named by nobody who makes an organization, whoever vouches for it', async () => {
    const { externalId } = await made(await tokenOf('mine'), {});
    const prefix = externalId.slice(0, externalId.indexOf(':') + 1);
    for (const name of [externalId, `${prefix}x`, prefix, `${prefix.toUpperCase()}x`]) {
      expect(outcome(await create(await tokenOf('eve'), { externalId: name }))).toBe('FORBIDDEN');
      expect(outcome(await create(await vouched('eve-3', [name]), { externalId: name }))).toBe('BAD_USER_INPUT');
      expect(outcome(await create(await tokenOf('eve'), { externalId: name }, open.url))).toBe('BAD_USER_INPUT');
      expect(outcome(await create(service, { externalId: name }))).toBe('BAD_USER_INPUT');
      expect(outcome(await create(operator, { externalId: name }))).toBe('BAD_USER_INPUT');
    }
    expect(outcome(await create(service, { externalId: null }))).toBe('BAD_USER_INPUT');
    // One that had such a name before is found by it.
    const { id } = await made(service, { externalId: 'of-before' });
    const admin = new pg.Client({ connectionString: bench.database.adminUrl });
    await admin.connect();
    await admin.query(`update entity_key set key = $1 where namespace = 'ORGANIZATION' and key = 'of-before'`, [
      `${prefix}old`,
    ]);
    await admin.query(`update billing_entity set external_id = $1 where billing_entity_id = $2`, [`${prefix}old`, id]);
    await admin.end();
    expect(outcome(await send(app.url, operator, FIND, { externalId: `${prefix}old` }))).toMatchObject({ id });
  });
});

describe('an id that somebody claimed before', () => {
  it('is taken from them by an operator, and names the rightful organization from the answer on, on every process', async () => {
    const squatter = await tokenOf('squatter');
    const { id: squatted } = await made(squatter, { externalId: 'victim' }, open.url);
    // Both processes have learnt whom it names.
    for (const { url } of [app, other]) expect(await use(url, 'squatter', 'victim')).toBe(squatted);

    const move = (token: string, input: object): Promise<GraphqlAnswer> =>
      send(app.url, token, MOVE, { input: { billingEntityId: squatted, reason: 'it is not theirs', ...input } });
    expect(outcome(await move(squatter, {}))).toBe('FORBIDDEN');
    expect(outcome(await move(service, {}))).toBe('FORBIDDEN');
    expect(outcome(await move(await tokenOf('stranger'), {}))).toBe('NOT_FOUND');
    expect(outcome(await move(operator, { externalId: 'taken' }))).toBe('CONFLICT');
    expect(outcome(await move(operator, { externalId: '' }))).toBe('BAD_USER_INPUT');
    expect(outcome(await move(operator, { externalId: 'squatted-once', reason: ' ' }))).toBe('BAD_USER_INPUT');
    const moved = outcome(await move(operator, {})) as { id: string; externalId: string };
    expect(moved).toMatchObject({ id: squatted });
    expect(moved.externalId).not.toBe('victim');
    // Nobody has it now, and no process goes on to charge whom it named.
    for (const { url } of [other, app]) expect(await use(url, 'squatter', 'victim')).toBe('NOT_FOUND');

    const rightful = await vouched('rightful', 'victim');
    const { id } = await made(rightful, { externalId: 'victim' });
    for (const { url } of [other, app]) {
      expect(await use(url, 'rightful', 'victim')).toBe(id);
      expect(await use(url, 'squatter', 'victim')).toBe('NOT_FOUND');
      expect(await use(url, 'squatter', moved.externalId)).toBe(squatted);
    }
    expect(outcome(await send(app.url, rightful, FIND, { externalId: 'victim' }))).toMatchObject({
      id,
      credits: { available: 9_998 },
    });
    expect(outcome(await send(app.url, squatter, FIND, { externalId: moved.externalId }))).toMatchObject({
      id: squatted,
    });
    const audit = `{ billingEntity(id: "${squatted}") { auditLog(filter: { actions: ["organization.setExternalId"] }) { edges { node { actor subject before after reason } } } } }`;
    expect(outcome(await send(app.url, operator, audit))).toEqual({
      auditLog: {
        edges: [
          {
            node: {
              actor: 'operator:root',
              subject: `organization:${moved.externalId}`,
              before: { externalId: 'victim' },
              after: { externalId: moved.externalId },
              reason: 'it is not theirs',
            },
          },
        ],
      },
    });
  });
});

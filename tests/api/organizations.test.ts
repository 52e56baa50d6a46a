import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';

let bench: Bench;
let app: TestApp;
let owner: string;
let member: string;
let acme: string;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  [owner, member] = await Promise.all([tokenOf('owner', { name: 'Olga' }), tokenOf('member', { name: 'Mia' })]);
  const create = `mutation { createOrganization(input: { externalId: "acme", name: "Acme" }) { id } }`;
  acme = ((await send(app.url, owner, create)).data as never as { createOrganization: { id: string } })
    .createOrganization.id;
});

afterAll(() => bench.close());

const codes = ({ errors }: GraphqlAnswer): unknown[] => errors.map(({ extensions }) => extensions['code']);

describe('an organization over the API', () => {
  it('is made PRIVATE with the trial, and found by its members in every way', async () => {
    const terms = `billingEntityId: "${acme}", userExternalId: "member", role: MEMBER, creditLimit: 500, reason: "joined"`;
    const made = await send(
      app.url,
      owner,
      `mutation { setMember(input: { ${terms} }) { id role status creditLimit } }`,
    );
    expect(made).toMatchObject({
      errors: [],
      data: {
        setMember: {
          id: expect.stringMatching(/^mem_/) as string,
          role: 'MEMBER',
          status: 'INVITED',
          creditLimit: 500,
        },
      },
    });
    const accept = `mutation { acceptInvitation(billingEntityId: "${acme}") { role status creditLimit } }`;
    expect((await send(app.url, member, accept)).data).toEqual({
      acceptInvitation: { role: 'MEMBER', status: 'ACTIVE', creditLimit: 500 },
    });
    const seen = await send(
      app.url,
      member,
      `{ viewer { memberships { id role organization { id visibility credits { available } members { edges { node {
          user { name } usedThisPeriod drawnThisPeriod joinedAt } } } auditLog { edges { cursor } } } user { externalId name } } }
        billingEntityByExternalId(type: ORGANIZATION, externalId: "acme") { id type name } }`,
    );
    const node = {
      user: { name: 'member' },
      usedThisPeriod: 0,
      drawnThisPeriod: 0,
      joinedAt: expect.any(String) as string,
    };
    expect(seen).toMatchObject({
      errors: [],
      data: {
        viewer: {
          memberships: [
            {
              role: 'MEMBER',
              organization: {
                id: acme,
                visibility: 'PRIVATE',
                credits: { available: 10_000 },
                members: { edges: [{ node: { ...node, user: { name: 'Mia' } } }] },
                auditLog: null,
              },
              user: { externalId: 'member', name: 'Mia' },
            },
          ],
        },
        billingEntityByExternalId: { id: acme, type: 'ORGANIZATION', name: 'Acme' },
      },
    });
    expect(
      (await send(app.url, await tokenOf('root', { scope: 'billing:operator' }), '{ viewer { memberships { id } } }'))
        .data,
    ).toEqual({
      viewer: { memberships: [] },
    });
  });

  it('keeps what is absent; null is refused where there is nothing to clear', async () => {
    const update = (change: string) =>
      send(
        app.url,
        owner,
        `mutation { updateOrganization(input: { billingEntityId: "${acme}" ${change} }) { name visibility } }`,
      );
    expect((await update('visibility: PUBLIC')).data).toEqual({
      updateOrganization: { name: 'Acme', visibility: 'PUBLIC' },
    });
    expect((await update('name: "Acme Ltd"')).data).toEqual({
      updateOrganization: { name: 'Acme Ltd', visibility: 'PUBLIC' },
    });
    expect((await update('')).data).toEqual({ updateOrganization: { name: 'Acme Ltd', visibility: 'PUBLIC' } });
    for (const wrong of ['name: null', 'visibility: null', 'name: " "']) {
      expect(codes(await update(wrong))).toEqual(['BAD_USER_INPUT']);
    }
    const set = (terms: string) =>
      send(
        app.url,
        owner,
        `mutation { setMember(input: { billingEntityId: "${acme}", userExternalId: "member", role: MEMBER ${terms} }) { creditLimit status } }`,
      );
    expect((await set('status: SUSPENDED')).data).toEqual({ setMember: { creditLimit: 500, status: 'SUSPENDED' } });
    expect((await set('creditLimit: null')).data).toEqual({ setMember: { creditLimit: null, status: 'SUSPENDED' } });
    for (const wrong of ['status: null', 'creditLimit: -1', 'reason: ""']) {
      expect(codes(await set(wrong))).toEqual(['BAD_USER_INPUT']);
    }
  });

  it('says in its audit log who did what, with before and after', async () => {
    const answer = await send(
      app.url,
      owner,
      `query ($id: ID!, $after: String) { billingEntity(id: $id) {
        auditLog(first: 1, after: $after, filter: { actions: ["member.set"], actors: ["user:owner"] }) {
          edges { node { id actor action subject before after reason } } pageInfo { hasNextPage } } } }`,
      { id: acme },
    );
    expect(answer).toMatchObject({
      errors: [],
      data: {
        billingEntity: {
          auditLog: {
            edges: [
              {
                node: {
                  id: expect.stringMatching(/^aud_/) as string,
                  actor: 'user:owner',
                  action: 'member.set',
                  subject: 'user:member',
                  before: { role: 'MEMBER', status: 'SUSPENDED', creditLimit: 500 },
                  after: { role: 'MEMBER', status: 'SUSPENDED', creditLimit: null },
                  reason: null,
                },
              },
            ],
            pageInfo: { hasNextPage: true },
          },
        },
      },
    });
  });

  it('lets a member go, for whom it does not exist from then on', async () => {
    const leave = `mutation { removeMember(input: { billingEntityId: "${acme}", userExternalId: "member" }) }`;
    expect((await send(app.url, member, leave)).data).toEqual({ removeMember: true });
    expect(codes(await send(app.url, member, leave))).toEqual(['NOT_FOUND']);
    const seen = await send(app.url, member, `{ viewer { memberships { id } } billingEntity(id: "${acme}") { id } }`);
    expect(seen.data).toEqual({ viewer: { memberships: [] }, billingEntity: null });
    expect(codes(await send(app.url, owner, leave.replace('"member"', '"owner"')))).toEqual(['CONFLICT']);
  });
});

/** What the EntityManager sends: every statement on rows of an entity names that entity, so that a distributed database asks one shard. */
import pg from 'pg';
import { Installation, OPERATOR } from '../support/installation.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

it('every statement of members, invitations, organizations, keys and webhooks names its billing entity', async () => {
  const sent = await statementsOf(administer);
  const ofRows = sent.filter((text) =>
    /"(membership|user_organization|billing_entity|api_key|webhook_\w+)"/.test(text),
  );
  expect(ofRows.length).toBeGreaterThan(25);
  const names = /"billing_entity_id" (=|in) |insert into "\w+" \([^)]*"billing_entity_id"/;
  expect(ofRows.filter((text) => !names.test(text))).toEqual([]);
});

/** The text of every statement that any connection sends meanwhile. */
async function statementsOf(work: () => Promise<void>): Promise<string[]> {
  const sent: string[] = [];
  const prototype = pg.Client.prototype as unknown as { query: (...values: unknown[]) => unknown };
  const { query } = prototype;
  prototype.query = function (this: unknown, ...values: unknown[]) {
    const [first] = values as [string | { readonly text?: string }];
    sent.push(typeof first === 'string' ? first : (first.text ?? ''));
    return query.apply(this, values);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return sent;
}

async function administer(): Promise<void> {
  const { organizations, members, invitations, apiKeys, entities } = installation.one;
  const { webhookEndpoints, webhookDeliveries, webhookSender } = installation.one;
  const [owner, guest] = [await installation.person(0n), await installation.person(0n)];
  const named = { externalId: null, name: 'Acme', visibility: 'PRIVATE', ownerExternalId: null } as const;
  const { billingEntityId } = await organizations.create(owner.principal, named);
  await organizations.update(owner.principal, { billingEntityId, name: 'Acme again', visibility: 'PUBLIC' });
  await organizations.setExternalId(OPERATOR, { billingEntityId, externalId: null, reason: 'it is taken' });
  const who = { billingEntityId, userExternalId: guest.externalId };
  await members.set(owner.principal, { ...who, role: 'OWNER', reason: null });
  await invitations.ofPrincipal(guest.principal);
  await invitations.accept(guest.principal, billingEntityId);
  await members.ofUser(guest.id);
  await members.set(owner.principal, { ...who, role: 'MEMBER', reason: null });
  await members.remove(owner.principal, who);
  await entities.suspend({ billingEntityId, actor: 'operator:root', reason: 'unpaid' });
  await entities.reinstate({ billingEntityId, actor: 'operator:root', reason: null });
  const { apiKey } = await apiKeys.create(owner.principal, billingEntityId, {
    ...{ name: 'ours', type: 'PLATFORM', provider: 'OPENAI', billingMode: null, secret: null },
    ...{ creditLimit: null, expiresAt: null },
  });
  await apiKeys.update(owner.principal, apiKey, { creditLimit: 5n });
  await apiKeys.rotate(owner.principal, apiKey, { secret: null, overlapSeconds: 60 });
  await apiKeys.revoke(owner.principal, apiKey);
  // Nobody listens there.
  await webhookEndpoints.set(owner.principal, billingEntityId, 'http://127.0.0.1:9/');
  await webhookEndpoints.rotate(owner.principal, billingEntityId);
  await webhookDeliveries.test(owner.principal, billingEntityId);
  await webhookSender.run();
  const { edges } = await webhookDeliveries.list(billingEntityId, { first: 1, after: null });
  for (const { node } of edges) await webhookDeliveries.resend(owner.principal, node);
  await webhookEndpoints.set(owner.principal, billingEntityId, null);
}

import type { Browser } from 'playwright-core';
import { type Person, Visitor } from './visitor.ts';

export interface Organization {
  readonly id: string;
  readonly externalId: string;
  readonly name: string;
}

interface Given {
  readonly name: string;
  readonly owner: Person;
  readonly members?: readonly Person[];
  /** Credits that can be moved. */
  readonly bought?: number;
}

/** An organization of these people with credits, made by an operator, so that no test meets another's. */
export async function makeOrganization(
  browser: Browser,
  { name, owner, members = [], bought = 20_000 }: Given,
): Promise<Organization> {
  const operator = await Visitor.signIn(browser, 'operator');
  const externalId = name.toLowerCase().replaceAll(' ', '-');
  const { data } = await operator.api<{ data: { createOrganization: { id: string } } }>(
    `mutation { createOrganization(input: { name: "${name}", externalId: "${externalId}", ownerExternalId: "demo-${owner}" }) { id } }`,
  );
  const { id } = data.createOrganization;
  const given = `billingEntityId: "${id}", amount: ${bought}, source: PURCHASE, reason: "for a test", idempotencyKey: "${externalId}"`;
  await operator.api(`mutation { grantCredits(input: { ${given} }) { balance { available } } }`);
  for (const member of members) {
    await operator.api(
      `mutation { setMember(input: { billingEntityId: "${id}", userExternalId: "demo-${member}", role: MEMBER, status: ACTIVE }) { id } }`,
    );
  }
  await operator.leave();
  return { id, externalId, name };
}

/** The demo's own organization, as one of its people sees it. */
export async function demoOrganizationId(visitor: Visitor): Promise<string> {
  const { data } = await visitor.api<{
    data: { viewer: { memberships: { organization: { id: string; externalId: string } }[] } };
  }>('{ viewer { memberships { organization { id externalId } } } }');
  const found = data.viewer.memberships.find(({ organization }) => organization.externalId === 'acme-research');
  if (found === undefined) throw new Error('They do not belong to the organization of the demo.');
  return found.organization.id;
}

/** Uses tokens in an organization, as the visitor. Answers what was charged, or the reason of the refusal. */
export async function useIn(
  visitor: Visitor,
  { externalId }: Organization,
  { tokens, model }: { tokens: number; model: string },
): Promise<{ credits?: number; reason?: string }> {
  const line = `{ resource: AI_TOKENS, quantity: ${tokens}, model: ${JSON.stringify(model)} }`;
  const input = `organizationExternalId: "${externalId}", idempotencyKey: "${model}-${tokens}", lines: [${line}]`;
  const { data } = await visitor.api<{ data: { consumeCredits: { credits?: number; reason?: string } } }>(
    `mutation { consumeCredits(input: { ${input} }) { ... on ConsumeCreditsSuccess { credits } ... on UsageRefused { reason } } }`,
  );
  return data.consumeCredits;
}

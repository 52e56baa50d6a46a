import type { AccountFragment } from '../../gql/graphql.ts';

/** The call that would fill an empty page: it uses a few credits of this very account. */
export function consumeCall(
  { type, externalId }: Pick<AccountFragment, 'type' | 'externalId'>,
  origin: string,
): string {
  const payer = `${type === 'USER' ? 'userExternalId' : 'organizationExternalId'}: "${externalId}"`;
  const query = `mutation { consumeCredits(input: { ${payer}, idempotencyKey: "first-call", lines: [{ resource: AI_TOKENS, quantity: 1965 }] }) { ... on ConsumeCreditsSuccess { credits balance { available } } ... on UsageRefused { reason message } } }`;
  const body = JSON.stringify({ query });
  return [
    `curl ${origin}/graphql \\`,
    `  -H 'content-type: application/json' \\`,
    `  -H "authorization: Bearer $TOKEN" \\`,
    `  -d '${body.replaceAll("'", "'\\''")}'`,
  ].join('\n');
}

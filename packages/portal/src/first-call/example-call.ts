/** The call that would fill an empty page: it uses a few credits of this very account. Pure, so that tests can read it. */
import type { AccountFragment } from '../gql/graphql.ts';

type Payer = Pick<AccountFragment, 'type' | 'externalId'>;

const DOCUMENT = `mutation ConsumeCredits($input: ConsumeCreditsInput!) {
  consumeCredits(input: $input) {
    ... on ConsumeCreditsSuccess { credits balance { available } }
    ... on UsageRefused { reason message required available resetsAt }
  }
}`;

interface Call {
  readonly query: string;
  readonly variables: { readonly input: Readonly<Record<string, unknown>> };
}

/** What is sent. The key is this example's own: sent again, it charges nothing more. */
function callOf({ type, externalId }: Payer): Call {
  const payer = { [type === 'USER' ? 'userExternalId' : 'organizationExternalId']: externalId };
  const lines = [{ resource: 'AI_TOKENS', quantity: 1_965 }];
  return { query: DOCUMENT, variables: { input: { ...payer, idempotencyKey: 'first-call', lines } } };
}

/** For a shell, with the token in its environment. */
export function curlCall(payer: Payer, origin: string): string {
  const { query, variables } = callOf(payer);
  const body = JSON.stringify({ query: query.replaceAll(/\s+/g, ' '), variables });
  return [
    `curl ${origin}/graphql \\`,
    `  -H 'content-type: application/json' \\`,
    `  -H "authorization: Bearer $TOLLGATE_TOKEN" \\`,
    `  -d '${body.replaceAll("'", "'\\''")}'`,
  ].join('\n');
}

/** For Node.js, Bun or Deno, without any package. */
export function typeScriptCall(payer: Payer, origin: string): string {
  const { query, variables } = callOf(payer);
  return `const query = \`${query}\`;
const variables = ${JSON.stringify(variables, null, 2)};

const response = await fetch('${origin}/graphql', {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    authorization: \`Bearer \${process.env.TOLLGATE_TOKEN}\`,
  },
  body: JSON.stringify({ query, variables }),
});
const { data, errors } = await response.json();
console.log(data?.consumeCredits ?? errors);`;
}

/** GraphiQL with the call in a tab. It stands in the fragment, which is sent to no server. */
export function graphiqlLink(payer: Payer): string {
  const { query, variables } = callOf(payer);
  const fragment = new URLSearchParams({ query, variables: JSON.stringify(variables, null, 2) });
  return `/graphiql#${fragment}`;
}

/** The call as GraphiQL shows it. */
export function graphiqlCall(payer: Payer): string {
  const { query, variables } = callOf(payer);
  return `${query}\n\n# Variables\n${JSON.stringify(variables, null, 2)}`;
}

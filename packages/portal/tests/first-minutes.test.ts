import { execFileSync } from 'node:child_process';
import { costOf, lineFor, SIZES } from '../src/pages/balance/demo-use.ts';
import { curlCall, graphiqlCall, graphiqlLink, typeScriptCall } from '../src/first-call/example-call.ts';

const ORIGIN = 'http://localhost:4000';
const RATES = [
  { resource: 'AI_TOKENS', units: 1_000, credits: 100 },
  { resource: 'COMPUTE', units: 60_000, credits: 50 },
] as const;

interface Body {
  readonly query: string;
  readonly variables: { readonly input: Record<string, unknown> };
}

/** Ids that an identity provider may give, with all that shells and programs read in their own way. */
const IDS = ['demo-user', `o'hara "x" $HOME \`id\` \\ \${y}`, 'ü #&?%20', "''"];

describe.each(IDS)('the first call for %s', (externalId) => {
  const payer = { type: 'USER', externalId } as const;

  test('is taken by a shell as it was meant', () => {
    const script = `curl() { for each in "$@"; do printf '%s\\0' "$each"; done; }\n${curlCall(payer, ORIGIN)}`;
    const env = { TOLLGATE_TOKEN: 'tg_secret', HOME: '/nowhere' };
    const [url, ...rest] = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env }).split('\0');
    expect(url).toBe(`${ORIGIN}/graphql`);
    expect(rest).toContain('authorization: Bearer tg_secret');
    const body = JSON.parse(rest[rest.indexOf('-d') + 1] ?? '') as Body;
    expect(body.variables.input['userExternalId']).toBe(externalId);
    expect(body.query).toMatch(/^mutation ConsumeCredits\(\$input: ConsumeCreditsInput!\) \{ consumeCredits/);
  });

  test('runs as a program', async () => {
    const sent: { url: string; body: Body; authorization: string }[] = [];
    const fetch = (url: string, { body, headers }: { body: string; headers: { authorization: string } }) => {
      sent.push({ url, body: JSON.parse(body) as Body, authorization: headers.authorization });
      return Promise.resolve({ json: () => Promise.resolve({ data: { consumeCredits: { credits: 196 } } }) });
    };
    const shown: unknown[] = [];
    const log = { log: (value: unknown) => shown.push(value) };
    const run = new AsyncFunction('fetch', 'process', 'console', typeScriptCall(payer, ORIGIN));
    await run(fetch, { env: { TOLLGATE_TOKEN: 'tg_secret' } }, log);
    expect(sent[0]).toMatchObject({ url: `${ORIGIN}/graphql`, authorization: 'Bearer tg_secret' });
    expect(sent[0]?.body.variables.input['userExternalId']).toBe(externalId);
    expect(shown).toEqual([{ credits: 196 }]);
  });

  test('is handed to GraphiQL in the fragment, which no server sees', () => {
    const url = new URL(graphiqlLink(payer), ORIGIN);
    expect([url.pathname, url.search]).toEqual(['/graphiql', '']);
    const handed = new URLSearchParams(url.hash.slice(1));
    const { input } = JSON.parse(handed.get('variables') ?? '') as Body['variables'];
    expect(input['userExternalId']).toBe(externalId);
    expect(graphiqlCall(payer)).toContain(handed.get('query'));
  });
});

test('an organization is named as one', () => {
  expect(curlCall({ type: 'ORGANIZATION', externalId: 'acme' }, ORIGIN)).toContain('"organizationExternalId":"acme"');
});

test('the buttons of the demo say what the rates make of them', () => {
  expect(SIZES.map((line) => costOf(line, RATES))).toEqual([100, 2_500, 50]);
  expect(costOf({ resource: 'AI_TOKENS', quantity: 9 }, RATES)).toBe(0);
  expect(costOf({ resource: 'COMPUTE', quantity: 60_000 }, [])).toBe(0);
});

test('as many tokens are used as cost what was wanted', () => {
  for (const credits of [1, 7, 9_999, 510_000]) expect(costOf(lineFor(credits, RATES), RATES)).toBe(credits);
});

/** Runs a text as the body of an async function. */
const AsyncFunction = (async () => {}).constructor as new (
  ...texts: string[]
) => (...given: unknown[]) => Promise<void>;

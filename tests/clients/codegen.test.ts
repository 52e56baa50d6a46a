/** graphql-codegen's client preset with the guide's settings: what it makes of our schema compiles where types are strict. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Guide } from './guide.ts';

const run = promisify(execFile);
let guide: Guide;

/** Written by an application. Each assignment is a claim about the type of a scalar or of a nullable field. */
const SOURCE = `
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';
import { graphql } from './gql';

export const History = graphql(\`
  query History($id: ID!, $filter: UsageFilter, $plan: BillingEntityType!) {
    billingEntity(id: $id) { id status credits { available } plan { code }
      usage(filter: $filter) { edges { node { quantity metadata occurredAt } } } }
    billingEntityByExternalId(type: $plan, externalId: "x") { id }
    node(id: $id) { id ... on CreditGrant { remaining } }
  }
\`);
export const Consume = graphql(\`
  mutation Consume($input: ConsumeCreditsInput!) {
    consumeCredits(input: $input) {
      __typename
      ... on ConsumeCreditsSuccess { credits }
      ... on UsageRefused { reason }
    }
  }
\`);

type Is<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Entity = NonNullable<ResultOf<typeof History>['billingEntity']>;
type Record_ = Entity['usage']['edges'][number]['node'];
export const claims: [
  Is<Entity['credits']['available'], number>,
  Is<Entity['plan']['code'], string>,
  Is<Record_['quantity'], number>,
  Is<Record_['occurredAt'], string>,
  Is<Record_['metadata'], Record<string, unknown> | null>,
  Is<Entity['id'], string>,
] = [true, true, true, true, true, true];

export const variables: VariablesOf<typeof Consume> = {
  input: { idempotencyKey: 'k', lines: [{ resource: 'AI_TOKENS', quantity: 1000 }], metadata: { job: 1 } },
};
export function told(answer: ResultOf<typeof Consume>['consumeCredits']): string {
  if (answer.__typename === 'ConsumeCreditsSuccess') return String(answer.credits + 1);
  if (answer.__typename === 'UsageRefused') return answer.reason;
  return 'something new';
}
`;

beforeAll(async () => {
  guide = await Guide.open();
  await mkdir(join(guide.folder, 'src'));
  await copyFile('schema/schema.graphql', join(guide.folder, 'schema.graphql'));
  await writeFile(join(guide.folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(guide.folder, 'src/app.ts'), SOURCE);
  const cli = resolve('node_modules/@graphql-codegen/cli/cjs/bin.js');
  await run(process.execPath, [cli, '--config', 'codegen.mjs'], { cwd: guide.folder });
});

afterAll(() => guide.close());

/** The compiler's complaints about the application; none: empty. */
async function compile(): Promise<string> {
  const options =
    '--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --skipLibCheck --types node';
  const target = '--module esnext --moduleResolution bundler --target es2023';
  const args = [resolve('node_modules/typescript/bin/tsc'), ...`${options} ${target}`.split(' '), 'src/app.ts'];
  return run(process.execPath, args, { cwd: guide.folder }).then(
    () => '',
    (error: { stdout?: string; message: string }) => error.stdout ?? error.message,
  );
}

it('compiles, with the types that the guide says', async () => {
  expect(await compile()).toBe('');
});

it('would say so where a type is another', async () => {
  await writeFile(join(guide.folder, 'src/app.ts'), SOURCE.replace("['available'], number>", "['available'], bigint>"));
  expect(await compile()).toContain("Type 'true' is not assignable to type 'never'");
});

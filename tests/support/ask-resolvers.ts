import type { ExecutionResult, GraphQLSchema } from 'graphql';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { loadConfig } from '../../src/config/config.ts';
import { contextFactory } from '../../src/graphql/request/context.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { buildTollgateSchema } from '../../src/graphql/schema.ts';
import { createLog } from '../../src/kernel/log.ts';
import { fakeDomain } from './fake-domain.ts';

export const schema: GraphQLSchema = await buildTollgateSchema();

const options = {
  schema,
  limits: loadConfig({}, 'local').limits,
  log: createLog({ level: 'silent' }),
  suggestions: false,
};
const operations = new Operations(options);

/** What came of it: the answer, and what the domain was asked on the way. */
export interface Asked {
  readonly result: { readonly data: unknown; readonly codes: unknown[] };
  readonly calls: ReturnType<typeof fakeDomain>['calls'];
}

/** Asks the resolvers over a fake domain. */
export async function ask(
  principal: Principal | null,
  query: string,
  {
    variables = {},
    answers = {},
  }: { variables?: Record<string, unknown>; answers?: Parameters<typeof fakeDomain>[0] } = {},
): Promise<Asked> {
  const { services, calls } = fakeDomain(answers);
  const { operation, errors } = operations.prepare({ query, variables });
  if (operation === null) throw new Error(errors.map(String).join('; '));
  const makeContext = (): object => contextFactory(services)(principal);
  let result: ExecutionResult;
  if (operation.kind === 'subscription') {
    const stream = await operations.subscribe(operation, variables, makeContext);
    result = Symbol.asyncIterator in stream ? ((await stream.next()).value as ExecutionResult) : stream;
  } else {
    result = await operations.execute(operation, variables, makeContext());
  }
  const codes = (result.errors ?? []).map(({ extensions }) => extensions['code']);
  return { result: { data: JSON.parse(JSON.stringify(result.data ?? null)) as unknown, codes }, calls };
}

/** Which calls of the domain it came to. */
export const names = ({ calls }: Asked): string[] => calls.map(({ name }) => name);
/** What the domain was given in this call. */
export const argsOf = ({ calls }: Asked, name: string): readonly unknown[] | undefined =>
  calls.find((call) => call.name === name)?.args;

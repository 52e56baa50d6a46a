/**
 * The road of all operations beside plain graphql-js, over documents made at random: whatever is remembered of a document,
 * and however often it was asked, the answer is the one that the specification's own executor gives.
 */
import fc from 'fast-check';
import {
  execute,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  subscribe,
  validate,
  visit,
} from 'graphql';
import { loadConfig } from '../../src/config/config.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { createLog } from '../../src/kernel/log.ts';
import { Gate, type SampleContext, sampleSchema } from '../support/sample-schema.ts';
import { SampleStreams } from '../support/sample-streams.ts';
import { makeDocument, type MadeDocument, type Run } from './documents.ts';

const schema = sampleSchema;
/** What waits, counts across runs, never ends, or has limits of its own. */
const WITHOUT = new Set([
  'Query.gate',
  'Query.refuse',
  'Household.pets',
  'Mutation.increment',
  'Mutation.feedBatch',
  ...Object.keys(schema.getSubscriptionType()?.getFields() ?? {})
    .filter((name) => name !== 'visits')
    .map((name) => `Subscription.${name}`),
]);
const wide = Object.fromEntries(
  ['TOKENS', 'DEPTH', 'ALIASES', 'ROOT_FIELDS', 'FIELDS', 'DIRECTIVES'].map((name) => [`DOCUMENT_${name}`, '10000']),
);
const { limits } = loadConfig({ ...wide, DOCUMENT_DEPTH: '100', OPERATION_COST: '100000000' }, 'local');
const operations = new Operations({ schema, limits, log: createLog({ level: 'silent' }), suggestions: true });
const DOCUMENTS = 200;

interface Answered {
  readonly results: readonly unknown[];
  readonly trace: readonly string[];
}

/** As the road of both HTTP and WebSocket answers. */
async function onTheRoad({ source: query }: MadeDocument, run: Run): Promise<Answered> {
  const { trace, context } = contextOf();
  const { operation, errors } = operations.prepare({ query, ...run });
  if (operation === null) return { results: [seen({ errors })], trace };
  const result =
    operation.kind === 'subscription'
      ? await operations.subscribe(operation, run.variables, () => context)
      : await operations.execute(operation, run.variables, context);
  return { results: await allOf(result), trace };
}

/** As graphql-js answers that never saw the document before. */
async function plainly({ source }: MadeDocument, { operationName, kind, variables }: Run): Promise<Answered> {
  const { trace, context } = contextOf();
  const request = { schema, document: parse(source), operationName, variableValues: variables, contextValue: context };
  const result = kind === 'subscription' ? await subscribe(request) : await execute(request);
  return { results: await allOf(result as ExecutionResult), trace };
}

function contextOf(): { trace: string[]; context: SampleContext } {
  const trace: string[] = [];
  return { trace, context: { principal: null, gate: new Gate(), streams: new SampleStreams(), trace } };
}

async function allOf(result: ExecutionResult | AsyncIterable<ExecutionResult>): Promise<unknown[]> {
  if (!(Symbol.asyncIterator in result)) return [seen(result)];
  const events: unknown[] = [];
  for await (const event of result) events.push(seen(event));
  return events;
}

/** Everything but the words of errors that are masked. Errors have no order among themselves. */
function seen({ data, errors }: ExecutionResult): unknown {
  const places = (errors ?? []).map(({ path, locations, ...error }) =>
    JSON.stringify({ path, locations, words: data === undefined ? (error as GraphQLError).message : null }),
  );
  return {
    ...(data !== undefined && { data: JSON.stringify(data) }),
    ...(errors && { errors: places.toSorted() }),
  };
}

/** How often each thing came up that could go wrong. */
class Coverage {
  readonly #counts = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  readonly #ways = new Set<string>();

  note(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  run({ source }: MadeDocument, run: Run, { results, trace }: Answered): void {
    this.note(run.kind);
    const key = `${source} ${run.operationName}`;
    const times = (this.#asked.get(key) ?? 0) + 1;
    this.#asked.set(key, times);
    if (times === 3) this.note('asked a third time');
    if (trace.length > 2) this.note('several mutations in series');
    for (const result of results as readonly { data?: string; errors?: readonly string[] }[]) {
      if (result.data === undefined) this.note('refused variables');
      else if (result.errors === undefined) this.note('without errors');
      else this.note(result.data === 'null' ? 'null up to the root' : 'null bubbled or a field failed');
      if (run.kind === 'subscription' && result.data !== undefined) this.note('events');
    }
    const way = `${key} ${JSON.stringify(run.variables)}`;
    if (!this.#ways.has(way)) this.#parts(source, run);
    this.#ways.add(way);
  }

  #parts(source: string, { operationName, variables }: Run): void {
    const { definitions } = parse(source);
    const defined = new Map<string, boolean>();
    const count = definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length;
    if (count > 1) this.note('several operations');
    const look = (node: OperationDefinitionNode | FragmentDefinitionNode): void => {
      visit(node, {
        VariableDefinition: ({ variable, defaultValue }) => {
          defined.set(variable.name.value, defaultValue !== undefined);
          return false;
        },
        Directive: ({ name, arguments: [argument] = [] }, _key, _parent, _path, ancestors) => {
          const on = (ancestors.at(-1) as { kind: string }).kind;
          const isLiteral = argument?.value.kind === Kind.BOOLEAN;
          this.note(`@${name.value} ${isLiteral ? 'literal' : 'variable'} on ${on}`);
        },
        Field: ({ alias }) => (alias === undefined ? undefined : this.note('alias')),
        FragmentSpread: ({ name }) => {
          const fragment = definitions.find(
            (each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === name.value,
          );
          look(fragment as FragmentDefinitionNode);
        },
        Variable: ({ name: { value: name } }, _key, _parent, _path, ancestors) => {
          const kinds = new Set(ancestors.map((each) => (each as { kind?: string }).kind));
          const where = kinds.has(Kind.OBJECT) ? 'in an object' : kinds.has(Kind.LIST) ? 'in a list' : 'as an argument';
          const how =
            name in variables
              ? variables[name] === null
                ? 'null'
                : 'given'
              : defined.get(name) === true
                ? 'defaulted'
                : 'absent';
          this.note(`variable ${how} ${where}`);
        },
      });
    };
    for (const node of definitions) {
      if (node.kind === Kind.OPERATION_DEFINITION && node.name?.value === operationName) look(node);
    }
  }
}

describe('every generated document', () => {
  const coverage = new Coverage();

  it('is answered as plain graphql-js answers it, however often and in whatever turn it is asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(9_999)), async (numbers) => {
        const made = makeDocument((most) => (numbers.next().value as number) % (most + 1), schema, WITHOUT);
        const invalid = validate(schema, parse(made.source));
        if (invalid.length > 0) throw new Error(`${String(invalid[0])}\n${made.source}`);
        coverage.note('documents');
        // Each of its runs, and all of them again: what was remembered meanwhile must not show.
        for (const run of [...made.runs, ...made.runs.toReversed()]) {
          const expected = await plainly(made, run);
          const answered = await onTheRoad(made, run);
          if (JSON.stringify(answered) !== JSON.stringify(expected)) {
            const what = { run, answered, expected };
            throw new Error(`${made.source}\n${JSON.stringify(what, null, 1)}`);
          }
          coverage.run(made, run, answered);
        }
      }),
      { numRuns: DOCUMENTS, seed: 20_260_310, endOnFailure: true },
    );
  }, 300_000);

  const parts = ['Field', 'InlineFragment', 'FragmentSpread'];
  const ways = ['literal', 'variable'];
  const directives = ['@include', '@skip'].flatMap((name) =>
    ways.flatMap((way) => parts.map((part) => `${name} ${way} on ${part}`)),
  );
  const places = ['as an argument', 'in an object', 'in a list'];
  const variables = ['absent', 'null', 'defaulted', 'given'].flatMap((how) =>
    places.map((where) => `variable ${how} ${where}`),
  );
  it.each([
    ...directives,
    ...variables,
    'alias',
    'query',
    'mutation',
    'events',
    'several operations',
    'several mutations in series',
    'asked a third time',
    'refused variables',
    'without errors',
    'null up to the root',
    'null bubbled or a field failed',
  ])('comes up with: %s', (what) => {
    expect(coverage.of('documents')).toBeGreaterThanOrEqual(DOCUMENTS);
    expect(coverage.of(what)).toBeGreaterThanOrEqual(15);
  });
});

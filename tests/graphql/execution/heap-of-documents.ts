/** Measures what remembered documents hold, of kinds that have many tokens in few bytes, each more than the bound if all were kept. */
import { buildSchema } from 'graphql';
import { loadConfig } from '../../../src/config/config.ts';
import { Operations } from '../../../src/graphql/execution/operations.ts';
import { createLog } from '../../../src/kernel/log.ts';
import { heapAfter } from '../../support/heap.ts';

const BOUND = 1_048_576;
const COUNT = 200;
const { limits } = loadConfig({}, 'local');
const schema = buildSchema('type Query { me: Query, sum(of: [Int!]): Int }');

const KINDS: Readonly<Record<string, (index: number) => string>> = {
  'of many fields': (index) => `{ me { ${'sum '.repeat(60)} } } # ${index}`,
  'of many values': (index) => `{ sum(of: [${'1 '.repeat(1_000)}]) } # ${index}`,
  'that are wrong in their many fields': (index) => `{ me { ${'a '.repeat(15)} } } # ${index}`,
  'that are wrong in one field of many values': (index) => `{ a(of: [${'1 '.repeat(1_000)}]) } # ${index}`,
  'of too many tokens': (index) => `{ ${'a '.repeat(4_100)} } # ${index}`,
  'that cannot be read': (index) => `{ ${'a '.repeat(900)} ${index} } }`,
  'that are small': (index) => `{ me { sum } } # ${index}`,
};

const remembering = Object.entries(KINDS).map(([kind, documentOf]) => ({
  kind,
  documentOf,
  operations: new Operations({
    schema,
    limits: { ...limits, documentCacheBytes: BOUND },
    log: createLog({ level: 'silent' }),
    suggestions: false,
  }),
}));
const results: { kind: string; held: number; knowsTheLast: boolean }[] = [];
for (const { kind, documentOf, operations } of remembering) {
  operations.prepare({ query: documentOf(0) });
  const held = await heapAfter(() => {
    for (let index = 1; index <= COUNT; index += 1) operations.prepare({ query: documentOf(index) });
  });
  const last = operations.prepare({ query: documentOf(COUNT + 1) });
  const again = operations.prepare({ query: documentOf(COUNT + 1) });
  results.push({ kind, held, knowsTheLast: again.operation === last.operation && again.errors === last.errors });
}
process.stdout.write(JSON.stringify({ bound: BOUND, results }));

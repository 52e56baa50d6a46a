import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLError,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLInterfaceType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
  Kind,
} from 'graphql';
import type { Principal } from '../../src/billing-entities/principal.ts';
import type { OnWatch } from '../../src/graphql/request/context.ts';
import { aBatch, itemsOfPage } from '../../src/graphql/execution/price.ts';
import { Refusal } from '../../src/kernel/refusal.ts';
import type { RefusalCode } from '../../src/kernel/refusal.ts';
import type { SampleStreams } from './sample-streams.ts';

/** What the sample's resolvers work with. */
export interface SampleContext {
  readonly principal: Principal | null;
  /** `gate` waits until it is opened. */
  readonly gate: Gate;
  /** The sources of `told`. */
  readonly streams: SampleStreams;
  readonly onWatch?: OnWatch | undefined;
  /** Where `step` notes when each of its runs begins and ends. */
  readonly trace?: string[];
}

/** Something to wait at, for tests that need an operation to be in flight. */
export class Gate {
  entered = 0;
  #open!: () => void;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));

  open(): void {
    this.#open();
  }

  async pass(): Promise<void> {
    this.entered += 1;
    await this.#opened;
  }
}

const required = GraphQLNonNull;
const later = <T>(value: T): Promise<T> => Promise.resolve(value);

const big = new GraphQLScalarType<bigint, number>({
  name: 'Big',
  serialize: (value) => Number(value),
  parseValue(value) {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw new GraphQLError('Big must be a whole number within ±(2^53−1)');
    }
    return BigInt(value);
  },
  parseLiteral(node) {
    if (node.kind !== Kind.INT || !Number.isSafeInteger(Number(node.value))) {
      throw new GraphQLError('Big must be a whole number within ±(2^53−1)');
    }
    return BigInt(node.value);
  },
});

const colour = new GraphQLEnumType({ name: 'Colour', values: { RED: { value: 'red' }, BLUE: { value: 'blue' } } });

const named = new GraphQLInterfaceType({
  name: 'Named',
  fields: { name: { type: new required(GraphQLString) } },
  resolveType: (value: { __typename: string }) => value.__typename,
});

const cat: GraphQLObjectType = new GraphQLObjectType<Record<string, unknown>>({
  name: 'Cat',
  interfaces: [named],
  fields: () => ({
    name: { type: new required(GraphQLString) },
    lives: { type: new required(big) },
    colour: { type: colour },
    friend: { type: named, resolve: (source) => later(source['friend'] ?? null) },
    broken: { type: new required(GraphQLString), resolve: () => null },
    faulty: {
      type: GraphQLString,
      async resolve() {
        throw new Error('the password is hunter2');
      },
    },
  }),
});

const dog: GraphQLObjectType = new GraphQLObjectType({
  name: 'Dog',
  interfaces: [named],
  fields: () => ({
    name: { type: new required(GraphQLString) },
    barks: { type: new required(GraphQLInt), resolve: () => later(3) },
  }),
});

const pet = new GraphQLUnionType({
  name: 'Pet',
  types: [cat, dog],
  resolveType: (value: { __typename: string }) => value.__typename,
});

const petConnection: GraphQLObjectType = new GraphQLObjectType({
  name: 'PetConnection',
  fields: () => ({
    edges: {
      extensions: { price: itemsOfPage },
      type: new required(
        new GraphQLList(
          new required(new GraphQLObjectType({ name: 'PetEdge', fields: { node: { type: new required(household) } } })),
        ),
      ),
    },
  }),
});

const pageArguments = { first: { type: new required(GraphQLInt), defaultValue: 20 } };
const page = (size: number): unknown => ({ edges: Array.from({ length: size }, () => ({ node: {} })) });

/** Whatever inputs can be made of, with and without defaults. */
const mirrorInput: GraphQLInputObjectType = new GraphQLInputObjectType({
  name: 'MirrorInput',
  fields: () => ({
    text: { type: GraphQLString },
    limit: { type: big },
    times: { type: new required(GraphQLInt), defaultValue: 5 },
    colour: { type: colour, defaultValue: 'blue' },
    flags: { type: new required(new GraphQLList(new required(GraphQLBoolean))), defaultValue: [true] },
    numbers: { type: new GraphQLList(GraphQLInt) },
    grid: { type: new GraphQLList(new GraphQLList(new required(GraphQLInt))) },
    inner: { type: mirrorInput },
    inners: { type: new GraphQLList(new required(mirrorInput)) },
  }),
});

/** Says what a resolver was given: what is absent is absent, and what is null is null. */
const mirror = {
  type: new required(GraphQLString),
  args: {
    input: { type: mirrorInput },
    inputs: { type: new GraphQLList(mirrorInput) },
    flag: { type: new required(GraphQLBoolean), defaultValue: true },
    number: { type: GraphQLInt, defaultValue: 3 },
    text: { type: GraphQLString },
  },
  resolve: (_source: unknown, args: Record<string, unknown>) => shown(args),
};

function shown(args: Record<string, unknown>): string {
  return JSON.stringify(args, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

const household: GraphQLObjectType = new GraphQLObjectType({
  name: 'Household',
  fields: () => ({
    self: { type: household, resolve: () => ({}) },
    mirror,
    others: { type: new required(new GraphQLList(household)), resolve: () => [{}, later(null), {}] },
    strict: { type: new GraphQLList(new required(household)), resolve: () => [{}, {}] },
    guest: { type: new required(pet), resolve: () => later(tom) },
    missing: { type: new required(GraphQLString), resolve: () => later(null) },
    refused: {
      type: GraphQLString,
      async resolve() {
        throw new Refusal('NOT_FOUND', 'not at home');
      },
    },
    text: { type: GraphQLString, resolve: () => 'text' },
    pets: {
      type: new required(petConnection),
      args: pageArguments,
      resolve: (_source, { first }: { first: number }) => page(first),
    },
  }),
});

const tom = { __typename: 'Cat', name: 'Tom', lives: 9n, colour: 'blue', friend: { __typename: 'Dog', name: 'Rex' } };

const feedInput = new GraphQLInputObjectType({
  name: 'FeedInput',
  fields: {
    name: { type: new required(GraphQLString) },
    grams: { type: new required(big) },
    colour: { type: colour, defaultValue: 'red' },
    notes: { type: new GraphQLList(new required(GraphQLString)) },
    next: {
      type: new GraphQLInputObjectType({ name: 'NextInput', fields: { times: { type: GraphQLInt, defaultValue: 2 } } }),
    },
  },
});

const fed = new GraphQLObjectType({
  name: 'Fed',
  fields: {
    summary: { type: new required(GraphQLString) },
    pet: { type: new required(pet), resolve: () => later(tom) },
  },
});
const refusedFeeding = new GraphQLObjectType({
  name: 'RefusedFeeding',
  fields: { reason: { type: new required(GraphQLString) } },
});
const feeding = new GraphQLUnionType({
  name: 'Feeding',
  types: [fed, refusedFeeding],
  resolveType: (value: { __typename: string }) => value.__typename,
});

interface FeedArguments {
  name: string;
  grams: bigint;
  colour: string | null;
  notes?: string[] | null;
  next?: { times?: number | null } | null;
}

function feed(input: FeedArguments): unknown {
  if (input.grams < 1n) return { __typename: 'RefusedFeeding', reason: 'nothing to eat' };
  const { name, grams, notes, next } = input;
  return {
    __typename: 'Fed',
    summary: JSON.stringify([name, String(grams), input.colour, notes ?? null, next ?? null, 'notes' in input]),
  };
}

let serial = 0;

/** Every kind of thing that operations can meet: unions, interfaces, own scalars, pages, failures, events. */
export const sampleSchema = new GraphQLSchema({
  types: [cat, dog],
  query: new GraphQLObjectType<unknown, SampleContext>({
    name: 'Query',
    fields: {
      hello: { type: new required(GraphQLString), resolve: () => 'world' },
      long: {
        type: new required(GraphQLString),
        args: { bytes: { type: new required(GraphQLInt) } },
        resolve: (_root, { bytes }: { bytes: number }) => 'x'.repeat(bytes),
      },
      whoami: {
        type: GraphQLString,
        resolve: (_root, _args, { principal }) => principal && `${principal.kind} ${principal.subject}`,
      },
      household: { type: new required(household), resolve: () => ({}) },
      pet: { type: pet, resolve: () => later(tom) },
      pets: {
        type: new required(new GraphQLList(pet)),
        resolve: () => [tom, null, { __typename: 'Dog', name: 'Rex' }, { __typename: 'Ghost' }],
      },
      strictPets: { type: new GraphQLList(new required(cat)), resolve: () => [tom, later(null)] },
      echo: {
        type: new required(GraphQLString),
        args: {
          input: { type: new required(feedInput) },
          big: { type: big, defaultValue: 7n },
          list: { type: new GraphQLList(big) },
        },
        resolve: (_root, args: Record<string, unknown>) => shown(args),
      },
      mirror,
      add: {
        type: GraphQLInt,
        args: { number: { type: new required(GraphQLInt) } },
        resolve: (_root, { number }: { number: number }) => number + 1,
      },
      refuse: {
        type: GraphQLString,
        args: { code: { type: new required(GraphQLString) } },
        async resolve(_root, { code }: { code: RefusalCode }) {
          throw new Refusal(code, `refused: ${code}`, code === 'RATE_LIMITED' ? { retryAfterMs: 1500 } : {});
        },
      },
      boom: {
        type: new required(GraphQLString),
        resolve() {
          throw new Error('connection to postgres://tollgate:hunter2@db failed', {
            cause: new Error('Bearer abc.def.ghi'),
          });
        },
      },
      gate: {
        type: GraphQLString,
        async resolve(_root, _args, { gate }) {
          await gate.pass();
          return 'passed';
        },
      },
    },
  }),
  mutation: new GraphQLObjectType<unknown, SampleContext>({
    name: 'Mutation',
    fields: {
      feed: {
        type: new required(feeding),
        args: { input: { type: new required(feedInput) } },
        resolve: (_root, { input }: { input: FeedArguments }) => later(feed(input)),
      },
      feedBatch: {
        extensions: { price: aBatch({ argument: 'inputs', most: 1_000 }) },
        type: new required(new GraphQLList(new required(feeding))),
        args: { inputs: { type: new required(new GraphQLList(new required(feedInput))) } },
        resolve: (_root, { inputs }: { inputs: FeedArguments[] }) => later(inputs.map(feed)),
      },
      // Overlapping runs would read the same number.
      increment: {
        type: new required(GraphQLInt),
        async resolve() {
          const before = serial;
          await new Promise((resolve) => setImmediate(resolve));
          serial = before + 1;
          return serial;
        },
      },
      fail: {
        type: GraphQLString,
        async resolve() {
          throw new Refusal('CONFLICT', 'not now');
        },
      },
      mirror,
      // What overlaps would begin before its forerunner ended.
      step: {
        type: household,
        args: { text: { type: GraphQLString }, input: { type: mirrorInput } },
        async resolve(_root, args: Record<string, unknown>, { trace }) {
          trace?.push(`begin ${shown(args)}`);
          await new Promise((resolve) => setImmediate(resolve));
          trace?.push('end');
          return {};
        },
      },
    },
  }),
  subscription: new GraphQLObjectType<unknown, SampleContext>({
    name: 'Subscription',
    fields: {
      count: {
        type: new required(GraphQLInt),
        args: { to: { type: new required(GraphQLInt) } },
        async *subscribe(_root, { to }: { to: number }) {
          for (let number = 1; number <= to; number += 1) yield { count: number };
        },
      },
      told: {
        type: new required(GraphQLString),
        args: { name: { type: new required(GraphQLString) } },
        subscribe(_root, { name }: { name: string }, { streams, onWatch }) {
          onWatch?.({ billingEntityId: name, rights: ['credits.read'], suspendedSince: null });
          return streams.start(name);
        },
      },
      visits: {
        type: household,
        args: { text: { type: GraphQLString }, input: { type: mirrorInput } },
        async *subscribe() {
          yield { visits: {} };
          yield { visits: null };
          yield { visits: {} };
        },
      },
      silence: {
        type: GraphQLString,
        // As a careless source is: it does not end before its next event, which never comes.
        async *subscribe() {
          await new Promise(() => {});
          yield { silence: '' };
        },
      },
      flood: {
        type: new required(GraphQLString),
        async *subscribe() {
          const flood = 'x'.repeat(100_000);
          for (;;) yield { flood };
        },
      },
      forbidden: {
        type: GraphQLString,
        subscribe() {
          throw new Refusal('NOT_FOUND', 'no such thing');
        },
      },
      revoked: {
        type: GraphQLInt,
        async *subscribe() {
          yield { revoked: 1 };
          throw new Refusal('FORBIDDEN', 'no longer');
        },
      },
      faulty: {
        type: GraphQLInt,
        async *subscribe() {
          yield { faulty: 1 };
          throw new Error('the password is hunter2');
        },
      },
    },
  }),
});

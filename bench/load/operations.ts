import type { ConsumeOperation, LoadSpec } from './spec.ts';

/** Makes request bodies and reads the answers. */
export interface Operation {
  /** The next request's body. */
  next(): string;
  /** Credits that the answer says were charged. @throws when the answer is not a success. */
  acknowledge(answer: string): number;
}

/** Units in each consumption, and what they cost: 1000 tokens are 100 credits. */
const tokensPerConsumption = 10;
const creditsPerConsumption = 1;

const outcome =
  '{ __typename ... on ConsumeCreditsSuccess { credits balance { available used version } } ... on UsageRefused { reason message } ... on UsageRejected { code message } }';
const batchOutcome =
  '{ __typename ... on ConsumeCreditsSuccess { credits } ... on UsageRefused { reason message } ... on UsageRejected { code message } }';

/** The documents travel with each request, as most clients send them. */
const consumeDocument = `mutation Consume($input: ConsumeCreditsInput!) { consumeCredits(input: $input) ${outcome} }`;
const batchDocument = `mutation ConsumeBatch($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) ${batchOutcome} }`;

interface ConsumeAnswer {
  readonly errors?: readonly unknown[];
  readonly data?: { readonly consumeCredits?: Outcome; readonly consumeCreditsBatch?: readonly Outcome[] } | null;
}
interface Outcome {
  readonly __typename: string;
  readonly credits?: number;
}

/** The operation that a load repeats. */
export function createOperation(operation: LoadSpec['operation']): Operation {
  if (operation.kind === 'consume') return createConsumption(operation);
  return {
    next: () => operation.body,
    acknowledge: (answer) => {
      if (!answer.includes(operation.expected)) throw new Error(`Unexpected answer: ${answer.slice(0, 300)}`);
      return 0;
    },
  };
}

function createConsumption({ keyPrefix, userPrefix, userCount, batchSize, also }: ConsumeOperation): Operation {
  let lastKey = 0;
  const draw = randomIndexes(userCount);
  const named = Object.entries(also)
    .map(([name, value]) => `,"${name}":"${value}"`)
    .join('');

  // Written as text, not by JSON.stringify: prefixes are plain, and the generator shares the cores with what it measures.
  const input = (): string =>
    `{"idempotencyKey":"${keyPrefix}-${++lastKey}","userExternalId":"${userPrefix}${draw()}","lines":[{"resource":"AI_TOKENS","quantity":${tokensPerConsumption}}]${named}}`;
  const single = `{"query":${JSON.stringify(consumeDocument)},"variables":{"input":`;
  const batch = `{"query":${JSON.stringify(batchDocument)},"variables":{"inputs":[`;

  return {
    next: () =>
      batchSize === 1 ? `${single}${input()}}}` : `${batch}${Array.from({ length: batchSize }, input).join(',')}]}}`,
    acknowledge: (text) => {
      const answer = JSON.parse(text) as ConsumeAnswer;
      const outcomes = batchSize === 1 ? [answer.data?.consumeCredits] : (answer.data?.consumeCreditsBatch ?? []);
      let credits = 0;
      for (const one of outcomes) if (one?.__typename === 'ConsumeCreditsSuccess') credits += one.credits ?? 0;
      if (
        answer.errors !== undefined ||
        outcomes.length !== batchSize ||
        credits !== batchSize * creditsPerConsumption
      ) {
        throw new Unsuccessful(`Not all was charged: ${text.slice(0, 300)}`, credits);
      }
      return credits;
    },
  };
}

/** An answer that was not what it should be; part of a batch may have been charged all the same. */
export class Unsuccessful extends Error {
  readonly acknowledgedCredits: number;
  constructor(message: string, acknowledgedCredits: number) {
    super(message);
    this.acknowledgedCredits = acknowledgedCredits;
  }
}

/** Indexes below `count`, evenly spread and the same in every run (a linear congruential generator). */
function randomIndexes(count: number): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

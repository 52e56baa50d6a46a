import type { ExecutionResult } from 'graphql';
import { SharedResults } from '../../../src/graphql/execution/shared-results.ts';

const operation = {};

/** Counts how often it is executed. */
function execution(answer: () => ExecutionResult | Promise<ExecutionResult> = () => ({ data: {} })) {
  let count = 0;
  return {
    execute: () => {
      count += 1;
      return answer();
    },
    count: () => count,
  };
}

describe('shared results', () => {
  test('a thousand subscriptions that ask the same of one event share one execution and one result', () => {
    const shared = new SharedResults();
    const { execute, count } = execution();
    const event = {};
    const results = Array.from({ length: 1_000 }, () =>
      shared.for({ operation, variables: { id: 'a' } })(event, execute),
    );
    expect(new Set(results).size).toBe(1);
    expect(count()).toBe(1);
  });

  test('another event, operation or variable is another question', () => {
    const shared = new SharedResults();
    const { execute, count } = execution();
    const event = {};
    void shared.for({ operation, variables: { id: 'a' } })(event, execute);
    void shared.for({ operation, variables: { id: 'a' } })({}, execute);
    void shared.for({ operation, variables: { id: 'b' } })(event, execute);
    void shared.for({ operation, variables: null })(event, execute);
    void shared.for({ operation: {}, variables: { id: 'a' } })(event, execute);
    expect(count()).toBe(5);
    void shared.for({ operation, variables: {} })(event, execute);
    expect(count()).toBe(5);
  });

  test('whoever asks while the first execution runs gets its result', async () => {
    const shared = new SharedResults();
    const running = Promise.withResolvers<ExecutionResult>();
    const { execute, count } = execution(() => running.promise);
    const event = {};
    const ask = shared.for({ operation, variables: null });
    const early = [ask(event, execute), ask(event, execute)];
    const result = { data: {} };
    running.resolve(result);
    for (const answer of early) expect(await answer).toBe(result);
    expect(ask(event, execute)).toBe(result);
    expect(count()).toBe(1);
  });

  test('an execution that fails is not remembered', async () => {
    const shared = new SharedResults();
    const ask = shared.for({ operation, variables: null });
    const event = {};
    await expect(ask(event, () => Promise.reject(new Error('database away')))).rejects.toThrow('database away');
    expect(ask(event, () => ({ data: {} }))).toEqual({ data: {} });
    const throwing = (): ExecutionResult => {
      throw new Error('bug');
    };
    expect(() => ask({}, throwing)).toThrow('bug');
  });
});

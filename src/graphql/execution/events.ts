import type { ExecutionResult, GraphQLError } from 'graphql';

/**
 * The results of a subscription's events, one at a time. Not an async generator, whose `return` would wait for an event
 * that may never come: this one ends at once, and tells the source to end without waiting for it.
 */
export function mapEvents(
  source: AsyncIterable<unknown>,
  resolve: (event: unknown) => Promise<ExecutionResult> | ExecutionResult,
  present: (error: unknown) => GraphQLError,
): AsyncIterableIterator<ExecutionResult, undefined> {
  const events = source[Symbol.asyncIterator]();
  const ended: IteratorReturnResult<undefined> = { value: undefined, done: true };
  let isEnded = false;
  let giveUp: ((result: IteratorReturnResult<undefined>) => void) | null = null;

  async function following(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const event = await events.next();
    if (event.done === true || isEnded) return ended;
    return { value: await resolve(event.value), done: false };
  }

  function end(): void {
    if (isEnded) return;
    isEnded = true;
    giveUp?.(ended);
    // The listener has gone: there is nobody to tell if the source fails now.
    void Promise.resolve(events.return?.()).catch(() => {});
  }

  return {
    next() {
      if (isEnded) return Promise.resolve(ended);
      return new Promise((settle, fail) => {
        giveUp = settle;
        following().then(
          (result) => {
            giveUp = null;
            if (result.done === true) isEnded = true;
            settle(result);
          },
          (error: unknown) => {
            giveUp = null;
            if (isEnded) return;
            isEnded = true;
            fail(present(error));
          },
        );
      });
    },
    return() {
      end();
      return Promise.resolve(ended);
    },
    throw(error: unknown) {
      end();
      return Promise.reject(present(error));
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

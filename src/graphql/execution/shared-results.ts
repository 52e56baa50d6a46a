import type { ExecutionResult } from 'graphql';

type MaybePromise<T> = T | Promise<T>;

/** Subscriptions ask the same question when their operations and variables are equal. */
export interface Question {
  /** The prepared operation; one object for all who sent the same document and operation name. */
  readonly operation: object;
  readonly variables: Record<string, unknown> | null | undefined;
}

/**
 * One execution for all subscribers who ask the same of the same event, and one result object for all of them, so
 * that the road to the client can recognise it and serialise it once. The results live as long as their event.
 *
 * Only for fields whose result does not depend on who asks. Two subscribers share where the very same event object
 * reaches both, as the streams of an account's balance see to.
 */
export class SharedResults {
  readonly #byEvent = new WeakMap<object, Map<object, Map<string, MaybePromise<ExecutionResult>>>>();

  /** For one subscription: answers an event with the shared result, or executes it if it is the first to need it. */
  for({
    operation,
    variables,
  }: Question): (event: object, execute: () => MaybePromise<ExecutionResult>) => MaybePromise<ExecutionResult> {
    const variablesText = textOf(variables ?? {});
    if (variablesText === null) return (_event, execute) => execute();
    return (event, execute) => {
      const results = entryOf(entryOf(this.#byEvent, event), operation);
      const known = results.get(variablesText);
      if (known !== undefined) return known;
      const result = execute();
      results.set(variablesText, result);
      if (result instanceof Promise) {
        result.then(
          (settled) => results.set(variablesText, settled),
          // The next one may have more luck.
          () => results.delete(variablesText),
        );
      }
      return result;
    };
  }
}

/** The variables as JSON; null when they nest too deeply for that, so that nobody shares them. */
function textOf(variables: object): string | null {
  try {
    return JSON.stringify(variables);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The map under this key, made when there is none. */
function entryOf<Key extends object, K, V>(
  maps: { get(key: Key): Map<K, V> | undefined; set(key: Key, map: Map<K, V>): unknown },
  key: Key,
): Map<K, V> {
  let map = maps.get(key);
  if (map === undefined) {
    map = new Map();
    maps.set(key, map);
  }
  return map;
}

import type { Exchange } from '../../src/api.ts';
import type { Fields } from '../../src/parameters.ts';
import type * as SdkContract from './sdk-contract.ts';

/** Reading the declarations takes seconds, and on a busy machine many of them. */
export const CONTRACT_TIMEOUT_MS = 180_000;

/**
 * The SDK's declarations. The test environment keeps them outside of the realms of the test files: each file would read them
 * anew, and that takes longer than many a file.
 */
declare const sdkContract: () => typeof SdkContract;

/**
 * Where calls and answers differ from what the installed SDK declares: unknown or missing parameters and fields, wrong
 * kinds, words that are not in an enum. One line for each difference; each only once.
 */
export function contractViolations(exchanges: readonly Exchange[]): string[] {
  return [...sdkContract().contractViolations(exchanges)];
}

/** The same for webhooks: the object that an event carries. `customer.subscription.updated` carries a Subscription. */
export function objectViolations(object: unknown): string[] {
  return [...sdkContract().objectViolations(object)];
}

/** Parameters that a route accepts and the SDK's method does not have. */
export function unknownParameters(route: { method: string; path: string; fields: Fields }): string[] {
  return [...sdkContract().unknownParameters(route)];
}

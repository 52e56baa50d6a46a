import { type Fields, list, required, text, type Values } from './parameters.ts';
import type { Sandbox } from './sandbox.ts';

/** One call of the API: where it lives, what it takes and what it does. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With `:id` in the places of ids. */
  readonly path: string;
  readonly fields: Fields;
  readonly handle: (sandbox: Sandbox, parameters: never, ids: Ids) => object;
}

/** Ids of the address, in order. */
export type Ids = readonly [string, string];

const expand = list(required(text));

/** Declares a call. Every one takes `expand`, which is done after it and for all alike. */
export function route<F extends Fields>(
  method: Route['method'],
  path: string,
  fields: F,
  handle: (sandbox: Sandbox, parameters: Values<F>, ids: Ids) => object,
): Route {
  return { method, path, fields: { ...fields, expand }, handle };
}

export interface Match {
  readonly route: Route;
  readonly ids: Ids;
}

/** Finds the call that an address means. Literal segments win over ids: `/invoices/create_preview` is no invoice. */
export class Router {
  readonly #routes: readonly { readonly route: Route; readonly pattern: RegExp }[];

  constructor(routes: readonly Route[]) {
    const idsIn = ({ path }: Route): number => path.split(':').length;
    this.#routes = routes
      .toSorted((a, b) => idsIn(a) - idsIn(b))
      .map((route) => ({
        route,
        pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/:\w+/g, '([^/]+)')}$`),
      }));
  }

  match(method: string, path: string): Match | null {
    for (const { route, pattern } of this.#routes) {
      const found = route.method === method ? pattern.exec(path) : null;
      if (found === null) continue;
      const [first = '', second = ''] = found.slice(1).map((id) => decodeURIComponent(id));
      return { route, ids: [first, second] };
    }
    return null;
  }
}

/** What is served where: for 404 and 405, and for what a preflight is told. */
export class Paths {
  readonly #exact = new Map<string, readonly string[]>();
  readonly #below: { readonly prefix: string; readonly methods: readonly string[] }[] = [];

  /** A route was made. `*` alone is nothing that is served. */
  add(url: string, method: string | readonly string[]): void {
    const methods = typeof method === 'string' ? [method] : method;
    if (url === '*') return;
    if (url.endsWith('/*')) this.#below.push({ prefix: url.slice(0, -1), methods });
    else this.#exact.set(url, methods);
  }

  /** The methods that may be used; none: there is nothing at this path. */
  methodsAt(path: string): readonly string[] {
    return this.#exact.get(path) ?? this.#below.find(({ prefix }) => path.startsWith(prefix))?.methods ?? [];
  }
}

/** A request's address without its query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

/** What follows the question mark; empty without one. */
export function searchOf(url: string): string {
  return url.slice(pathOf(url).length + 1);
}

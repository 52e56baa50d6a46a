/** The methods of each path, for 404 and 405 and for preflights. */
export class Paths {
  readonly #exact = new Map<string, readonly string[]>();
  readonly #below: { readonly prefix: string; readonly methods: readonly string[] }[] = [];

  /** Notes a new route. The routes `*` and `/*` answer what no other route does, and serve no path. */
  add(url: string, method: string | readonly string[]): void {
    const methods = typeof method === 'string' ? [method] : method;
    if (url === '*' || url === '/*') return;
    if (url.endsWith('/*')) this.#below.push({ prefix: url.slice(0, -1), methods });
    else this.#exact.set(url, methods);
  }

  /** The methods of this path; none: it does not exist. */
  methodsAt(path: string): readonly string[] {
    return this.#exact.get(path) ?? this.#below.find(({ prefix }) => path.startsWith(prefix))?.methods ?? [];
  }
}

/** A request's address without its query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

/** The query, without its question mark; empty when there is none. */
export function searchOf(url: string): string {
  return url.slice(pathOf(url).length + 1);
}

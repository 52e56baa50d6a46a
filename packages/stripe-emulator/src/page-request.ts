/** A visit of a hosted page; `form` is what was submitted, null for a mere look. */
export interface PageRequest {
  readonly url: URL;
  readonly form: URLSearchParams | null;
}

/** A page to show, or where to go instead. */
export type PageAnswer = { readonly body: string } | { readonly redirect: string };

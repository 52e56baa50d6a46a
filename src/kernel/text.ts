/**
 * Text that PostgreSQL keeps as it is: no NUL, which would cut a statement short, and no half of a surrogate pair, two
 * different ones of which would become the same text.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

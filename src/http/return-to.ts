/** Where somebody goes after signing in: they come from a link, which anybody may have made. */

/** A path of this site is at most so long. */
const MOST_LENGTH = 2_048;
const BASE = 'http://portal.invalid';

/**
 * The path within this site that `text` names, with its query and fragment, as browsers will read it; `/` where it names none,
 * or might lead to another site.
 */
export function returnPathOf(text: string | null): string {
  if (text === null || text.length > MOST_LENGTH || !text.startsWith('/')) return '/';
  // Browsers read a backslash as a slash, and drop tabs and line breaks wherever they stand.
  if (text.includes('\\') || hasControls(text)) return '/';
  const url = URL.parse(text, BASE);
  if (url === null || url.origin !== BASE) return '/';
  const path = `${url.pathname}${url.search}${url.hash}`;
  // It may have grown, for what a header cannot hold is encoded.
  return path.length <= MOST_LENGTH && staysHere(url.pathname) ? path : '/';
}

/** `/.//evil.example` has become `//evil.example` by now. A proxy may decode a path before it looks at it, more than once too. */
function staysHere(path: string): boolean {
  if (/^\/[/\\]/.test(path) || hasControls(path)) return false;
  const decoded = path.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decoded === path || staysHere(decoded);
}

function hasControls(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f]/.test(text);
}

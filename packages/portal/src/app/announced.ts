import { type RefObject, useEffect } from 'react';

/** The page that was shown last, in whichever frame: another account or the operator's own pages have a frame of their own. */
let shown: string | null = null;

/** Names the document after the page, and after a navigation gives its heading the focus, so that screen readers say where one is. */
export function useAnnounced(
  heading: RefObject<HTMLElement | null>,
  { page, title }: { readonly page: string; readonly title: string },
): void {
  useEffect(() => {
    document.title = title;
    if (shown !== null && shown !== page) heading.current?.focus();
    shown = page;
  }, [heading, page, title]);
}

import { Link } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { text } from '../text.ts';
import { Icon } from '../ui/Icon.tsx';
import { useCurrent } from '../account/current.tsx';
import { type PageLink, PAGES } from './pages.ts';

const MoreMenu = lazy(() => import('./MoreMenu.tsx').then((it) => ({ default: it.MoreMenu })));
const IN_BAR = 4;

/** The pages at the left, from 900 px. */
export function Rail(): ReactNode {
  return (
    <nav aria-label={text.pages.all}>
      <ul className="plain-list">
        {usePages().map((page) => (
          <li key={page.to}>
            <PageTo page={page} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The pages at the bottom of a phone: the first four, and «More». */
export function Bar(): ReactNode {
  const pages = usePages();
  return (
    <nav className="bar" aria-label={text.pages.all}>
      {pages.slice(0, IN_BAR).map((page) => (
        <PageTo key={page.to} page={page} />
      ))}
      <Suspense fallback={<span />}>
        <MoreMenu pages={pages.slice(IN_BAR)} />
      </Suspense>
    </nav>
  );
}

function PageTo({ page: { to, title, icon } }: { readonly page: PageLink }): ReactNode {
  return (
    <Link to={to} className="nav-link" activeOptions={{ exact: to === '/', includeSearch: false }}>
      <Icon name={icon} />
      {title}
    </Link>
  );
}

function usePages(): readonly PageLink[] {
  const current = useCurrent();
  return PAGES.filter(({ isFor }) => isFor?.(current) ?? true);
}

import { Outlet } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useRef } from 'react';
import type { ViewerQuery } from '../gql/graphql.ts';
import { text } from '../text.ts';
import { useAnnounced } from './announced.ts';

const PersonMenu = lazy(() => import('./PersonMenu.tsx').then((it) => ({ default: it.PersonMenu })));

/** The frame of an operator who has not chosen an account yet: there is nothing for a rail to lead to. */
export function OperatorFrame({ viewer }: { readonly viewer: ViewerQuery['viewer'] }): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useAnnounced(heading, { page: 'operator', title: text.documentTitle(text.operator.title, text.operator.all) });
  return (
    <div className="content">
      <a className="skip" href="#page">
        {text.skip}
      </a>
      <header className="top">
        <h1 ref={heading} tabIndex={-1}>
          {text.operator.title}
        </h1>
        <Suspense fallback={<span className="person-place" />}>
          <PersonMenu viewer={viewer} />
        </Suspense>
      </header>
      <main id="page">
        <Outlet />
      </main>
    </div>
  );
}

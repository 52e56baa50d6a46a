import { Outlet, useMatches } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useRef } from 'react';
import { useLive } from '../live/LiveProvider.tsx';
import { text } from '../text.ts';
import { Banner } from '../ui/Banner.tsx';
import { Toasts } from '../ui/Toasts.tsx';
import { useCurrent } from '../account/current.tsx';
import { useAnnounced } from './announced.ts';
import { ConnectionNote } from './ConnectionNote.tsx';
import { Invitations } from './Invitations.tsx';
import { Bar, Rail } from './Navigation.tsx';

// Menus and dialogs are half of the kit's weight, and nobody opens one before the page is drawn.
const AccountSwitcher = lazy(() => import('./AccountSwitcher.tsx').then((it) => ({ default: it.AccountSwitcher })));
const PersonMenu = lazy(() => import('./PersonMenu.tsx').then((it) => ({ default: it.PersonMenu })));

/** Rail, top and page. After a navigation the heading takes the focus, so that screen readers say where one is. */
export function Frame(): ReactNode {
  const { account, viewer, asOperator } = useCurrent();
  const { raised, dismiss } = useLive();
  const match = useMatches().at(-1);
  const isOwn = account.id === viewer.user?.id;
  const title = match?.staticData.title ?? text.errors.notFound;
  const heading = useRef<HTMLHeadingElement>(null);
  useAnnounced(heading, {
    page: `${match?.pathname ?? ''} ${account.id}`,
    title: text.documentTitle(title, account.name),
  });

  return (
    <div className="frame">
      <a className="skip" href="#page">
        {text.skip}
      </a>
      <div className="rail">
        <Switcher name={account.name} />
        <Rail />
      </div>
      <div className="content">
        <header className="top">
          <h1 ref={heading} tabIndex={-1}>
            {title} <span className="top-account">{account.name}</span>
          </h1>
          <ConnectionNote />
          <div className="top-switcher">
            <Switcher name={account.name} />
          </div>
          <Suspense fallback={<span className="person-place" />}>
            <PersonMenu viewer={viewer} />
          </Suspense>
        </header>
        <main id="page">
          {asOperator && <Banner tone="neutral">{text.asOperator(account.name)}</Banner>}
          {isOwn && <Invitations />}
          <Outlet />
        </main>
      </div>
      <Bar />
      <Toasts toasts={raised.map(({ id, message }) => ({ id, message }))} onClose={dismiss} />
    </div>
  );
}

/** The name stands where the switcher will, in the same size. */
function Switcher({ name }: { readonly name: string }): ReactNode {
  return (
    <Suspense fallback={<span className="switcher">{name}</span>}>
      <AccountSwitcher />
    </Suspense>
  );
}

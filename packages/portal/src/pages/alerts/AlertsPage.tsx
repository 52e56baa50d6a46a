import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { text } from '../../text.ts';
import './alerts.css';
import { History } from './History.tsx';
import type { AlertsTab } from './search.ts';
import { PreferencesOfAccount, WebhookOfAccount } from './Settings.tsx';

const route = getRouteApi('/alerts');
const TABS: readonly AlertsTab[] = ['history', 'preferences', 'webhook'];

/** What was told, what will be told, and where. Each tab has an address. */
export function AlertsPage(): ReactNode {
  const { tab = 'history' } = route.useSearch();
  return (
    <>
      <nav className="tabs" aria-label={text.pages.alerts}>
        {TABS.map((one) => (
          <Link key={one} to="/alerts" search={one === 'history' ? {} : { tab: one }} activeOptions={{ exact: true }}>
            {text.alerts.tabs[one]}
          </Link>
        ))}
      </nav>
      {tab === 'history' && <History />}
      {tab === 'preferences' && <PreferencesOfAccount />}
      {tab === 'webhook' && <WebhookOfAccount />}
    </>
  );
}

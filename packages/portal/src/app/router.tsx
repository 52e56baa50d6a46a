import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from '@tanstack/react-router';
import { text } from '../text.ts';
import { readAlertsSearch } from '../pages/alerts/search.ts';
import { readComponentsSearch } from '../pages/components/search.ts';
import { readKeysSearch } from '../pages/api-keys/search.ts';
import { readLedgerSearch } from '../pages/ledger/search.ts';
import { readAuditLogSearch } from '../pages/audit-log/search.ts';
import { readMembersSearch } from '../pages/members/search.ts';
import { readSubscriptionSearch } from '../pages/subscription/search.ts';
import { readOperatorSearch } from '../pages/operator/search.ts';
import { readUsageSearch } from '../pages/usage/search.ts';
import { NotFound, PageFailed } from './Failed.tsx';
import { Shell } from './Shell.tsx';

/** Search parameters of every page: the account that it is about; absent: the person's own. */
interface RootSearch {
  readonly account?: string | undefined;
}

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** The page's title, for its heading and the document. */
    readonly title?: string;
  }
  interface Register {
    readonly router: AppRouter;
  }
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: PageFailed,
  validateSearch: (search: Record<string, unknown>): RootSearch =>
    typeof search['account'] === 'string' ? { account: search['account'] } : {},
  search: { middlewares: [retainSearchParams<RootSearch>(['account'])] },
});

const routes = [
  createRoute({
    getParentRoute: () => root,
    path: '/',
    staticData: { title: text.pages.balance },
    component: lazyRouteComponent(() => import('../pages/balance/BalancePage.tsx'), 'BalancePage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/usage',
    staticData: { title: text.pages.usage },
    validateSearch: readUsageSearch,
    component: lazyRouteComponent(() => import('../pages/usage/UsagePage.tsx'), 'UsagePage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/ledger',
    staticData: { title: text.pages.ledger },
    validateSearch: readLedgerSearch,
    component: lazyRouteComponent(() => import('../pages/ledger/LedgerPage.tsx'), 'LedgerPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/subscription',
    staticData: { title: text.pages.subscription },
    validateSearch: readSubscriptionSearch,
    component: lazyRouteComponent(() => import('../pages/subscription/SubscriptionPage.tsx'), 'SubscriptionPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/api-keys',
    staticData: { title: text.pages.apiKeys },
    validateSearch: readKeysSearch,
    component: lazyRouteComponent(() => import('../pages/api-keys/ApiKeysPage.tsx'), 'ApiKeysPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/alerts',
    staticData: { title: text.pages.alerts },
    validateSearch: readAlertsSearch,
    component: lazyRouteComponent(() => import('../pages/alerts/AlertsPage.tsx'), 'AlertsPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/members',
    staticData: { title: text.pages.members },
    validateSearch: readMembersSearch,
    component: lazyRouteComponent(() => import('../pages/members/MembersPage.tsx'), 'MembersPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/audit-log',
    staticData: { title: text.pages.auditLog },
    validateSearch: readAuditLogSearch,
    component: lazyRouteComponent(() => import('../pages/audit-log/AuditLogPage.tsx'), 'AuditLogPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/operator',
    staticData: { title: text.operator.title },
    validateSearch: readOperatorSearch,
    component: lazyRouteComponent(() => import('../pages/operator/OperatorPage.tsx'), 'OperatorPage'),
  }),
] as const;

/** Shows every component in each of its states, to those who build pages. */
const components = createRoute({
  getParentRoute: () => root,
  path: '/components',
  staticData: { title: text.pages.components },
  validateSearch: readComponentsSearch,
  component: lazyRouteComponent(() => import('../pages/components/ComponentsPage.tsx'), 'ComponentsPage'),
});

/**
 * Makes the router. A page's code is loaded when a link to it is hovered, focused or followed.
 * @param installation In local mode it has `/components`; elsewhere there is nothing at that address.
 */
export function createAppRouter(installation: { readonly localMode: boolean }): AppRouter {
  return makeRouter(installation);
}

function makeRouter({ localMode }: { readonly localMode: boolean }) {
  const children = [...routes, ...(localMode ? [components] : [])] as const;
  return createRouter({ routeTree: root.addChildren(children), defaultPreload: 'intent', scrollRestoration: true });
}

type AppRouter = ReturnType<typeof makeRouter>;

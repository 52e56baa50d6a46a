import type { IconName } from '../ui/Icon.tsx';
import { text } from '../text.ts';
import type { Current } from '../account/current.tsx';

/** A page in the navigation. */
export interface PageLink {
  readonly to:
    | '/'
    | '/usage'
    | '/ledger'
    | '/subscription'
    | '/api-keys'
    | '/alerts'
    | '/members'
    | '/audit-log'
    | '/operator';
  readonly title: string;
  readonly icon: IconName;
  /** Left out where the account or the person has no such page. Absent: everybody has it. */
  readonly isFor?: (current: Current) => boolean;
}

/** The pages in their order. The first four stand in the bar of a phone, the others behind «More». */
export const PAGES: readonly PageLink[] = [
  { to: '/', title: text.pages.balance, icon: 'balance' },
  { to: '/usage', title: text.pages.usage, icon: 'usage' },
  { to: '/ledger', title: text.pages.ledger, icon: 'ledger' },
  { to: '/subscription', title: text.pages.subscription, icon: 'plan' },
  { to: '/api-keys', title: text.pages.apiKeys, icon: 'key' },
  { to: '/alerts', title: text.pages.alerts, icon: 'bell' },
  {
    to: '/members',
    title: text.pages.members,
    icon: 'people',
    isFor: ({ account }) => account.type === 'ORGANIZATION',
  },
  { to: '/audit-log', title: text.pages.auditLog, icon: 'book' },
  { to: '/operator', title: text.operator.title, icon: 'gate', isFor: ({ isOperator }) => isOperator },
];

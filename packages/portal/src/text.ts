/** Every word of the portal. Sentences that a person would say; credits are «credits»; no blame. */
import { alerts } from './text/alerts.ts';
import { auditLog } from './text/audit-log.ts';
import { balance } from './text/balance.ts';
import { alertTypes, entryKinds, grantSources, keyStatuses } from './text/enums.ts';
import { firstMinutes } from './text/first-minutes.ts';
import { forms, secret } from './text/forms.ts';
import { keys } from './text/keys.ts';
import { ledger } from './text/ledger.ts';
import { members } from './text/members.ts';
import { operator } from './text/operator.ts';
import { organizations } from './text/organizations.ts';
import { receipt } from './text/receipt.ts';
import { refusals } from './text/refusals.ts';
import { subscription } from './text/subscription.ts';
import { usage } from './text/usage.ts';

export const text = {
  product: 'Tollgate',
  close: 'Close',
  cancel: 'Cancel',
  save: 'Save',
  saved: 'Saved.',
  reload: 'Load the page anew',
  loading: 'Loading',
  tryAgain: 'Try again',
  loadMore: 'Load more',
  nothingMore: 'That is all.',
  skip: 'To the page',
  none: 'None',
  never: 'Never',
  copied: 'Copied.',
  copyFailed: 'The browser did not allow it: select the text and copy it.',
  copy: (what: string) => `Copy ${what}`,
  exampleCall: 'example call',
  sortable: 'sort',
  credits: (figures: string, value: number) => `${figures} ${value === 1 ? 'credit' : 'credits'}`,
  creditsWord: (value: number) => (value === 1 ? 'credit' : 'credits'),
  closeNamed: (what: string) => `Close: ${what}`,
  documentTitle: (page: string, account: string) => `${page} · ${account} · Tollgate`,
  asOperator: (name: string) => `You see ${name} as an operator. What you change here is written to the audit log.`,
  notAllowed: (name: string) =>
    `Your role in ${name} does not include this. An owner or administrator can do it, or change your role.`,

  pages: {
    all: 'Pages',
    more: 'More',
    balance: 'Balance',
    usage: 'Usage',
    ledger: 'Ledger',
    subscription: 'Subscription',
    apiKeys: 'API keys',
    alerts: 'Alerts',
    members: 'Members',
    auditLog: 'Audit log',
    components: 'Components',
  },
  account: {
    switch: (name: string) => `Account: ${name}. Switch`,
    own: 'Your own',
    organization: 'Organization',
    search: 'Find an account',
    searchHint: 'A part of its name, or its external id.',
    found: 'Accounts found',
    none: 'No account has that name or id.',
  },
  person: {
    menu: (name: string) => `${name}: theme, dates, sign out`,
    signedInAs: (name: string) => `Signed in as ${name}`,
    theme: 'Theme',
    themes: { system: 'Theme of the system', light: 'Light', dark: 'Dark' },
    utc: 'Dates in UTC',
    signOut: 'Sign out',
    stillIn: 'You are still signed in',
    stillInHint: 'The server cannot be reached, so nobody could end the session. Sign out again in a moment.',
  },
  connection: { lost: 'Reconnecting. Figures are as of' },
  errors: {
    unreachable: 'The server cannot be reached. Check your connection and try again.',
    down: 'Tollgate cannot be reached',
    downHint: 'Your credits are safe. Try again in a moment.',
    page: 'This page could not be shown.',
    notFound: 'There is no such page',
    toBalance: 'To the balance',
    noAccount: 'There is no such account, or you may not see it.',
    ownAccount: 'Nobody has opened an account for you yet.',
  },
  chart: {
    role: 'bar chart',
    nothing: 'Nothing was used in this span.',
    hint: 'Point at a bar, or use the arrow keys, to read its value.',
  },

  grantSources,
  entryKinds,
  alertTypes,
  keyStatuses,
  forms,
  secret,

  balance,
  usage,
  receipt,
  ledger,
  subscription,
  keys,
  alerts,
  members,
  organizations,
  auditLog,
  operator,
  firstMinutes,
  refusals,
} as const;

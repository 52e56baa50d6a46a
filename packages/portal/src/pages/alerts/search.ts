const TABS = ['history', 'preferences', 'webhook'] as const;

export type AlertsTab = (typeof TABS)[number];

/** The search parameters of the page of alerts; absent: the history. */
export interface AlertsSearch {
  readonly tab?: AlertsTab;
}

export function readAlertsSearch({ tab }: Record<string, unknown>): AlertsSearch {
  const known = TABS.find((name) => name === tab);
  return known === undefined ? {} : { tab: known };
}

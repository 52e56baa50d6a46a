/** The tables of alerts, as the ledger's SQL writes and reads them. See `tables.ts`. */
import { canonicalJson } from '../../kernel/canonical-json.ts';
import type { AlertPreference } from '../rules/alert-preferences.ts';
import { type AlertState, NO_ALERTS } from '../rules/alert-state.ts';
import type { Alert, AlertPreferenceChange } from '../rules/alerts.ts';
import { AlertPreferenceChangeRow as ChangeDescription, AlertRow as AlertDescription } from './alert-tables.entity.ts';
import { only, type StoredRow, tableOf } from './table.ts';
import type { AlertPreferenceJson, AlertStateJson } from './tables.entity.ts';

const ALERT = tableOf<Alert>()(AlertDescription, {
  alias: 'n',
  write: { channels: ({ channels }) => `{${channels.join(',')}}` },
  read: ({ channels }) => ({ channels }),
});
export type AlertRow = StoredRow<typeof AlertDescription>;
export const ALERT_COLUMNS = ALERT.columns;
export const ALERT_WRITTEN = ALERT.written;
/** The columns of an alert that nobody has been told of. */
export const UNDELIVERED_WRITTEN = only(ALERT_WRITTEN, ['billing_entity_id', 'number', 'created_at']);
export const alertChecksum = ALERT.checksumOf;
export const toAlert = ALERT.toRow;

const CHANGE = tableOf<AlertPreferenceChange>()(ChangeDescription, {
  alias: 'p',
  write: { preferences: ({ preferences }) => spellPreferences(preferences) },
  read: ({ preferences }) => ({ preferences: toAlertPreferences(preferences) }),
});
export type PreferenceChangeRow = StoredRow<typeof ChangeDescription>;
export const PREFERENCE_CHANGE_COLUMNS = CHANGE.columns;
export const PREFERENCE_CHANGE_WRITTEN = CHANGE.written;
export const preferenceChangeChecksum = CHANGE.checksumOf;
export const toPreferenceChange = CHANGE.toRow;

/** Reads preferences as JSON carries them. */
export function toAlertPreferences(json: readonly AlertPreferenceJson[]): AlertPreference[] {
  return json.map((each) => ({ ...each, remaining: each.remaining === null ? null : BigInt(each.remaining) }));
}

/** Spells preferences as JSON carries them. */
export function spellPreferences(preferences: readonly AlertPreference[]): string {
  return canonicalJson(
    preferences.map((each) => ({ ...each, remaining: each.remaining === null ? null : Number(each.remaining) })),
  );
}

/** Reads what an account remembers of its alerts. null: nothing. */
export function toAlertState(json: AlertStateJson | null): AlertState {
  if (json === null) return NO_ALERTS;
  const { raised, changes, isExhausted, overageStartedIn, capReachedIn } = json;
  return {
    raised: BigInt(raised),
    changes: BigInt(changes),
    isExhausted,
    overageStartedIn: overageStartedIn === null ? null : new Date(overageStartedIn),
    capReachedIn: capReachedIn === null ? null : new Date(capReachedIn),
  };
}

/** Spells what an account remembers of its alerts. null: nothing, as most accounts do. */
export function spellAlertState({ raised, changes, ...rest }: AlertState): string | null {
  if (raised === 0n && changes === 0n) return null;
  return canonicalJson({ ...rest, raised: Number(raised), changes: Number(changes) });
}

/** The preferences of an entity's alerts, and the addresses that they are mailed to: read, and set together. */
import { actorOf } from '../billing-entities/access.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Database } from '../db/database.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';
import { type AlertPreference, effectivePreferences, findWrong } from '../ledger/rules/alert-preferences.ts';
import { toAlertPreferences } from '../ledger/store/alert-tables.ts';
import type { AlertAddresses } from './mail/addresses.ts';

export interface PreferencesToSet {
  readonly billingEntityId: string;
  readonly preferences: readonly AlertPreference[];
  /** The addresses that alerts are mailed to; null: they stay as they are. */
  readonly emails: readonly string[] | null;
  readonly principal: Principal;
}

interface Options {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly addresses: AlertAddresses;
}

export class AlertPreferences {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The preferences of each of these entities in their order, with the defaults of what they leave open. */
  async lists(billingEntityIds: readonly string[]): Promise<(readonly AlertPreference[])[]> {
    const { rows } = await this.#options.database.query<PreferencesRow>(
      `select a.billing_entity_id, a.alert_preferences from credit_account a where a.billing_entity_id = any($1::uuid[])`,
      [billingEntityIds],
    );
    const stored = new Map(rows.map((row) => [row.billing_entity_id, row.alert_preferences]));
    return billingEntityIds.map((id) => {
      const json = stored.get(id) ?? null;
      return effectivePreferences(json === null ? null : toAlertPreferences(json));
    });
  }

  /**
   * Replaces the preferences, and the addresses where they are named. Both are checked before either is written. The
   * addresses are written first, since they may still be refused; where the ledger then is away, the caller is told
   * UNAVAILABLE, and the same call again ends in the same state.
   * @throws Refusal BAD_USER_INPUT, RATE_LIMITED (too many new addresses in a day), UNAVAILABLE
   */
  async set(change: PreferencesToSet): Promise<readonly AlertPreference[]> {
    const { billingEntityId, preferences, emails, principal } = change;
    const { addresses, ledger } = this.#options;
    const wrong = findWrong(preferences);
    if (wrong !== null) throw Refusal.ofField(['preferences', ...wrong.path].join('.'), wrong.message);
    if (emails !== null) await addresses.set({ billingEntityId, emails, principal });
    unlessRejected(
      await ledger.submit({
        kind: 'alertPreferences',
        ...{ billingEntityId, preferences },
        actor: actorOf(principal),
        idempotency: null,
        audited: true,
      }),
    );
    return effectivePreferences(preferences);
  }
}

interface PreferencesRow {
  readonly billing_entity_id: string;
  readonly alert_preferences: Parameters<typeof toAlertPreferences>[0] | null;
}

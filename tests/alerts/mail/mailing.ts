/** An installation that mails, and news for it. */
import { randomUUID } from 'node:crypto';
import type { AlertToMail } from '../../../src/alerts/mail/alert-to-mail.ts';
import type { MailSettings } from '../../../src/alerts/mail/mail.ts';
import { type AlertPreference, EVENT_TYPES } from '../../../src/ledger/rules/alert-preferences.ts';
import { openRows } from '../../../src/persistence/orm.ts';
import { Database } from '../../../src/db/database.ts';
import type { Rows } from '../../../src/db/rows.ts';
import type { DomainServices, ServicesOptions } from '../../../src/services.ts';
import { Installation, OPERATOR, type Person } from '../../support/installation.ts';

export const FROM = { name: 'Acme AI', address: 'billing@acme.example' };
/** A conversation that hangs ends soon, so that tests of hanging servers do. Nothing else comes near it. */
export const SOON = { connectMs: 3_000, greetingMs: 3_000, silenceMs: 3_000 };

/** Preferences by which nothing is raised: no thresholds, and none of the types without one. */
const SILENCE: readonly AlertPreference[] = EVENT_TYPES.map((type) => ({
  ...{ type, perMille: null, remaining: null, channels: [] },
  enabled: false,
}));

export class Mailing {
  readonly installation: Installation;
  readonly rows: Rows;
  #people = 0;
  #alerts = 0n;

  private constructor(installation: Installation, rows: Rows) {
    this.installation = installation;
    this.rows = rows;
  }

  static async open(
    settings: Partial<MailSettings> & Pick<MailSettings, 'smtpUrl'>,
    overrides: Partial<ServicesOptions> = {},
  ): Promise<Mailing> {
    const installation = await Installation.open({ mail: { from: FROM, ...settings }, ...overrides });
    const database = new Database(installation.database.url, { max: 4, onIdleError: () => undefined });
    installation.bench.onClose(() => database.end());
    return new Mailing(installation, await openRows(database));
  }

  get one(): DomainServices {
    return this.installation.one;
  }

  get two(): DomainServices {
    return this.installation.two;
  }

  close(): Promise<void> {
    return this.installation.close();
  }

  /** Somebody with 5 000 credits whose token vouches for an address. The ledger raises nothing about them: tests do. */
  async person(email?: string): Promise<Person & { readonly email: string }> {
    const number = (this.#people += 1);
    const externalId = `mailed-${number}`;
    const id = await this.one.entities.ensureUser({ externalId, name: null, withTrial: false });
    const principal = {
      kind: 'USER',
      subject: externalId,
      billingEntityId: id,
      expiresAt: new Date('2100-01-01'),
    } as const;
    await this.one.alertPreferences.set({ billingEntityId: id, preferences: SILENCE, emails: null, principal });
    await this.installation.grant(id, 5_000n);
    const address = email ?? `person${number}@example.com`;
    await this.one.mail.tokenEmails.note(id, { address, verified: true });
    return { id, externalId, principal: { ...principal, email: address }, email: address };
  }

  /** An organization with these people in it. */
  async organization(
    members: readonly { readonly person: Person; readonly role: 'OWNER' | 'ADMIN' | 'BILLING' | 'MEMBER' }[],
    name = 'Initech',
  ): Promise<string> {
    const { billingEntityId } = await this.one.organizations.create(OPERATOR, {
      externalId: `org-${randomUUID()}`,
      name,
      visibility: 'PRIVATE',
      ownerExternalId: null,
    });
    for (const { person, role } of members) {
      await this.one.members.set(OPERATOR, {
        billingEntityId,
        userExternalId: person.externalId,
        role,
        reason: null,
      });
    }
    return billingEntityId;
  }

  alert(billingEntityId: string, changes: Partial<AlertToMail> = {}): AlertToMail {
    return {
      billingEntityId,
      id: `alert-${(this.#alerts += 1n)}`,
      number: this.#alerts,
      entityName: 'Initech',
      type: 'WARNING',
      level: 0.8,
      remaining: null,
      usedRatio: 0.8,
      available: 1_234n,
      member: null,
      message: '80 % of the credits are used.',
      at: this.installation.clock.now(),
      ...changes,
    };
  }

  /** Has an alert mailed, as the dispatcher does: in a transaction of its own. */
  async raise(billingEntityId: string, changes: Partial<AlertToMail> = {}): Promise<AlertToMail> {
    const alert = this.alert(billingEntityId, changes);
    await this.rows.transaction((transaction) => this.one.mail.mails.enqueue(alert, transaction));
    return alert;
  }

  forwardMinutes(minutes: number): void {
    this.installation.clock.forwardMs(minutes * 60_000);
  }

  /** What became of the entity's mails, oldest first. */
  async mails(billingEntityId: string): Promise<Record<string, unknown>[]> {
    const { rows } = await this.installation.admin.query<Record<string, unknown>>(
      `select kind, recipient, attempts, sent_at is not null as sent, failed_at is not null as failed, failure, content
       from mail where billing_entity_id = $1 order by created_at, id`,
      [billingEntityId],
    );
    return rows;
  }
}

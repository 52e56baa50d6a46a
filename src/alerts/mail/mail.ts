/** Composes e-mail. */
import type { Exclusive } from '../../db/advisory-lock.ts';
import type { Database } from '../../db/database.ts';
import type { Rows } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { AlertAddresses } from './addresses.ts';
import { AlertMails } from './alert-mails.ts';
import { Confirmations } from './confirmations.ts';
import type { Outlook } from './content.ts';
import { MailLinks } from './links.ts';
import { Outbox } from './outbox.ts';
import { MailSender } from './sender.ts';
import { TokenEmails } from './token-emails.ts';
import { outboxTransport, type Sender, type SmtpTimeouts, SmtpTransport } from './transport.ts';

export interface MailSettings {
  /** The server that takes mails. It may hold a password: never logged. null: they are kept to be looked at. */
  readonly smtpUrl: string | null;
  readonly from: Sender;
  readonly timeouts?: SmtpTimeouts;
  /** The longest that one conversation with the server may take. */
  readonly conversationMs?: number;
}

interface Options {
  /** null: no mail is sent. */
  readonly settings: MailSettings | null;
  /** Keys of this installation; links are signed by keys that are derived from them. Newest first. */
  readonly linkKeys: readonly Uint8Array[];
  readonly publicUrl: () => URL;
  readonly outlook: (billingEntityId: string) => Promise<Outlook | null>;
  readonly database: Database;
  readonly rows: Rows;
  readonly exclusive: Exclusive;
  readonly clock: Clock;
  readonly log: Log;
}

export type MailServices = ReturnType<typeof openMail>;

/** The pause between two looks at mails that wait. */
const INTERVAL_MS = 5_000;

// The type is what is returned; writing it out would say everything twice.
// oxlint-disable-next-line typescript/explicit-module-boundary-types
export function openMail({ settings, linkKeys, ...options }: Options) {
  const { rows, database, clock } = options;
  const installation = settings === null ? 'Tollgate' : settings.from.name;
  const links = new MailLinks({ keys: linkKeys, publicUrl: options.publicUrl, clock });
  const confirmations = settings && new Confirmations({ links, clock, installation });
  const mails = new AlertMails({ ...options, links, installation, isOn: settings !== null });
  const transport =
    settings &&
    (settings.smtpUrl === null ? outboxTransport : new SmtpTransport({ ...settings, url: settings.smtpUrl }));
  return {
    addresses: new AlertAddresses({ rows, clock, confirmations }),
    installation,
    links,
    mails,
    /** null: mails leave, or there are none. */
    outbox: settings !== null && settings.smtpUrl === null ? new Outbox(rows) : null,
    sender: new MailSender({
      ...options,
      mails,
      transport,
      intervalMs: INTERVAL_MS,
      conversationMs: settings?.conversationMs,
    }),
    tokenEmails: new TokenEmails({ database, clock }),
  };
}

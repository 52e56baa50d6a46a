/** The road on which mails leave: an SMTP server, or nothing but the outbox of local mode. */
import { createTransport, type Transporter } from 'nodemailer';
import type { SentMessageInfo } from 'nodemailer/lib/smtp-transport';
import type { MailAddress } from './address.ts';
import type { StoredContent } from './mail.entity.ts';

/** The sender of every mail. */
export interface Sender extends Pick<MailAddress, 'address'> {
  /** The installation's name, which is also what mails call it. */
  readonly name: string;
}

/** One mail for one recipient, the same over all tries. */
export interface MailToSend {
  /** Makes the Message-ID, by which a server that took it before can tell. */
  readonly id: string;
  readonly recipient: string;
  readonly content: StoredContent;
  readonly createdAt: Date;
}

export interface MailTransport {
  /** True where sent mails are kept whole, to be looked at. */
  readonly keepsContent: boolean;
  /**
   * Resolves when the server has taken the mail.
   * @throws SendFailure
   */
  send(mail: MailToSend, signal: AbortSignal): Promise<void>;
}

/** A mail was not taken, or it is not known if it was. The message is a code, without words of the server's. */
export class SendFailure extends Error {
  override readonly name = 'SendFailure';
  /** True where trying again is of no use: the server refuses this recipient, or this mail, for good. */
  readonly isFinal: boolean;
  /** True where no other mail would fare better. */
  readonly isServerAway: boolean;

  constructor(code: string, { isFinal, isServerAway }: Pick<SendFailure, 'isFinal' | 'isServerAway'>) {
    super(code);
    this.isFinal = isFinal;
    this.isServerAway = isServerAway;
  }
}

/** The longest waits of a conversation, in milliseconds. */
export interface SmtpTimeouts {
  readonly connectMs: number;
  readonly greetingMs: number;
  /** Without a byte from the server. */
  readonly silenceMs: number;
}

const TIMEOUTS: SmtpTimeouts = { connectMs: 10_000, greetingMs: 10_000, silenceMs: 30_000 };

/** Local mode without a server: a mail is sent by being kept. */
export const outboxTransport: MailTransport = { keepsContent: true, send: () => Promise.resolve() };

export class SmtpTransport implements MailTransport {
  readonly keepsContent = false;
  readonly #from: Sender;
  readonly #transporter: Transporter<SentMessageInfo>;

  constructor({ url, from, timeouts = TIMEOUTS }: { url: string; from: Sender; timeouts?: SmtpTimeouts | undefined }) {
    this.#from = from;
    // No pool: its connections try a mail again by themselves, and only we know what was taken.
    this.#transporter = createTransport({
      url,
      connectionTimeout: timeouts.connectMs,
      dnsTimeout: timeouts.connectMs,
      greetingTimeout: timeouts.greetingMs,
      socketTimeout: timeouts.silenceMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async send({ id, recipient, content, createdAt }: MailToSend, signal: AbortSignal): Promise<void> {
    const { name, address } = this.#from;
    try {
      await this.#transporter.sendMail({
        signal,
        from: { name, address },
        to: { name: '', address: recipient },
        messageId: `<${id}@${address.slice(address.lastIndexOf('@') + 1)}>`,
        date: createdAt,
        subject: content.subject,
        text: content.text,
        html: content.html,
        textEncoding: 'quoted-printable',
        headers: {
          'Auto-Submitted': 'auto-generated',
          // RFC 8058. A line that is folded is not understood everywhere.
          'List-Unsubscribe': { prepared: true, foldLines: false, value: `<${content.unsubscribeUrl}>` },
          'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        },
      });
    } catch (error) {
      throw failureOf(error);
    }
  }
}

interface SmtpError {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly responseCode?: unknown;
  readonly permanent?: unknown;
}

/**
 * A server that refuses the recipient or the mail with 5xx means it. What it refuses before that (a login, a sender) is for
 * the operator to mend, and the mail waits for it.
 */
function failureOf(error: unknown): SendFailure {
  const { code, command, responseCode, permanent } = error as SmtpError;
  const status = typeof responseCode === 'number' ? String(responseCode) : null;
  const stage = typeof command === 'string' && /^[A-Z ]{1,20}$/.test(command) ? command : null;
  const isOfMail = status !== null && (stage === 'RCPT TO' || stage === 'DATA');
  const words = [typeof code === 'string' ? code : 'failed', status, stage].filter((word) => word !== null);
  return new SendFailure(words.join(' '), { isFinal: isOfMail && permanent === true, isServerAway: !isOfMail });
}

/** Sent mails, as local mode shows them where no SMTP server takes them. */
import type { Rows } from '../../db/rows.ts';
import { type Mail, MailRow } from './mail.entity.ts';

const SHOWN = 100;

/** A mail as it would have been sent. */
export interface KeptMail extends Pick<Mail, 'billingEntityId' | 'id' | 'recipient' | 'createdAt'> {
  readonly content: NonNullable<Mail['content']>;
}

export class Outbox {
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** The newest mails of all entities. */
  async list(): Promise<KeptMail[]> {
    const mails = await this.#rows.read((em) =>
      em.find(
        MailRow,
        { sentAt: { $ne: null }, content: { $ne: null } },
        { orderBy: { createdAt: 'desc', id: 'desc' }, limit: SHOWN },
      ),
    );
    return mails.filter(isKept);
  }

  /** One of them; null: there is none with these ids. */
  async find({ billingEntityId, id }: Pick<Mail, 'billingEntityId' | 'id'>): Promise<KeptMail | null> {
    const mail = await this.#rows.read((em) => em.findOne(MailRow, { billingEntityId, id, sentAt: { $ne: null } }));
    return mail !== null && isKept(mail) ? mail : null;
  }
}

function isKept(mail: Mail): mail is Mail & KeptMail {
  return mail.content !== null;
}

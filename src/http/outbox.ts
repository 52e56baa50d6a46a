/** `/outbox`: mails that local mode did not send, since no server takes them. Production never has it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { validate } from 'uuid';
import type { KeptMail } from '../alerts/mail/outbox.ts';
import { answer } from './answers.ts';
import { searchOf } from './paths.ts';
import { answerPage, escapeText, registerPageHeaders } from './plain-page.ts';
import type { Route } from './route.ts';

interface Options {
  readonly outbox: {
    list(): Promise<KeptMail[]>;
    find(key: Pick<KeptMail, 'billingEntityId' | 'id'>): Promise<KeptMail | null>;
  };
}

/** What a mail may do in its frame: show itself, and open its links in windows of their own. */
const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox';
const MAIL_POLICY = `sandbox ${SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`;

export function createOutboxRoutes({ outbox }: Options): Route {
  const find = async (request: FastifyRequest): Promise<KeptMail | null> => {
    const query = new URLSearchParams(searchOf(request.url));
    const [billingEntityId, id] = [query.get('entity') ?? '', query.get('id') ?? ''];
    return validate(billingEntityId) && validate(id) ? outbox.find({ billingEntityId, id }) : null;
  };
  return async (app) => {
    await registerPageHeaders(app, { frames: true });
    app.get('/outbox', async (_, reply) => answerList(reply, await outbox.list()));
    app.get('/outbox/mail', async (request, reply) => {
      const mail = await find(request);
      return mail === null ? answerNone(reply) : answerMail(reply, mail);
    });
    app.get('/outbox/html', async (request, reply) => {
      const mail = await find(request);
      if (mail === null) return answerNone(reply);
      void reply.header('content-security-policy', MAIL_POLICY).header('x-frame-options', 'SAMEORIGIN');
      return answer(reply, 200, 'text/html; charset=utf-8', withLinksOutside(mail.content.html));
    });
  };
}

function answerList(reply: FastifyReply, mails: readonly KeptMail[]): FastifyReply {
  const rows = mails.map(
    (mail) =>
      `<tr><td>${when(mail)}</td><td>${escapeText(mail.recipient)}</td><td><a href="outbox/mail?${queryOf(mail)}"><bdi>${escapeText(mail.content.subject)}</bdi></a></td></tr>`,
  );
  const body =
    rows.length === 0
      ? '<p>Nothing was sent yet. Alerts and confirmations appear here, because SMTP_URL is not set.</p>'
      : `<table><thead><tr><th scope="col">Sent</th><th scope="col">To</th><th scope="col">Subject</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>`;
  return answerPage(reply, 200, { title: 'Outbox', body });
}

function answerMail(reply: FastifyReply, mail: KeptMail): FastifyReply {
  const { subject, text, unsubscribeUrl } = mail.content;
  const body = `<p><a href="../outbox">All mails</a></p>
<p>${when(mail)} to ${escapeText(mail.recipient)}. <a href="${escapeText(unsubscribeUrl)}" rel="noreferrer">List-Unsubscribe</a></p>
<h2>As HTML</h2>
<iframe sandbox="${SANDBOX}" title="The mail as HTML" src="html?${queryOf(mail)}"></iframe>
<h2>As text</h2>
<pre>${escapeText(text)}</pre>`;
  return answerPage(reply, 200, { title: subject, body });
}

function answerNone(reply: FastifyReply): FastifyReply {
  return answerPage(reply, 404, { title: 'There is no such mail', body: '<p><a href="../outbox">All mails</a></p>' });
}

function queryOf({ billingEntityId, id }: KeptMail): string {
  return `entity=${billingEntityId}&amp;id=${id}`;
}

function when({ createdAt }: KeptMail): string {
  const iso = createdAt.toISOString();
  return `<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

/** Links would open within the frame, where their pages do not work. */
function withLinksOutside(html: string): string {
  return html.replaceAll('<a href=', '<a target="_blank" rel="noopener noreferrer" href=');
}

/**
 * Pages that links in mails lead to. A GET changes nothing, so that whoever looks at links before people do (scanners,
 * previews) neither confirms nor unsubscribes; a POST does, and needs nothing but the link's token: mail programs send it by
 * themselves (RFC 8058), without cookies or a form of ours.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { maskedAddress } from '../alerts/mail/address.ts';
import type { AlertAddress } from '../alerts/mail/addresses.ts';
import type { AddressRef, LinkPurpose } from '../alerts/mail/links.ts';
import { readBody } from './bodies.ts';
import { searchOf } from './paths.ts';
import { answerPage, escapeText, registerPageHeaders } from './plain-page.ts';
import type { Route } from './route.ts';

interface Options {
  readonly addresses: {
    find(ref: AddressRef): Promise<AlertAddress | null>;
    unsubscribe(ref: AddressRef): Promise<boolean>;
    confirm(ref: AddressRef): Promise<boolean>;
  };
  readonly links: {
    read(purpose: LinkPurpose, token: string): AddressRef | null;
    confirmToken(ref: AddressRef): string;
  };
  /** The name of an entity, for people. */
  readonly nameOf: (billingEntityId: string) => Promise<string>;
}

/** What a mail program posts is 26 bytes long. */
const MOST_BYTES = 4_096;

export function createMailPages(options: Options): Route {
  return async (app) => {
    await registerPageHeaders(app);
    // The body is read and not looked at: the address says what is meant, whatever form the body has.
    app.addContentTypeParser('*', (_request: FastifyRequest, payload: IncomingMessage) =>
      readBody(payload, MOST_BYTES),
    );
    for (const url of ['/unsubscribe', '/mail-preferences']) {
      app.get(url, (request, reply) => showPreferences(request, reply, options));
      app.post(url, (request, reply) => unsubscribe(request, reply, options));
    }
    app.get('/confirm-email', (request, reply) => askToConfirm(request, reply, options));
    app.post('/confirm-email', (request, reply) => confirm(request, reply, options));
  };
}

async function showPreferences(request: FastifyRequest, reply: FastifyReply, options: Options): Promise<FastifyReply> {
  const known = await addressOf('unsubscribe', request, options);
  if (known === null) return answerUnknown(reply);
  const { ref, address, name } = known;
  if (address.state === 'UNSUBSCRIBED') return answerUnsubscribed(reply, ref, address, name, options);
  const body = `<p>Alerts about ${strong(name)} are mailed to ${strong(maskedAddress(address.address))}.</p>
${button('Unsubscribe')}
<p>What alerts there are, and to whom they go, is set by who looks after the account.</p>`;
  return answerPage(reply, 200, { title: 'E-mail preferences', body });
}

async function unsubscribe(request: FastifyRequest, reply: FastifyReply, options: Options): Promise<FastifyReply> {
  const known = await addressOf('unsubscribe', request, options);
  if (known === null || !(await options.addresses.unsubscribe(known.ref))) return answerUnknown(reply);
  return answerUnsubscribed(reply, known.ref, known.address, known.name, options);
}

function answerUnsubscribed(
  reply: FastifyReply,
  ref: AddressRef,
  { address }: AlertAddress,
  name: string,
  { links }: Options,
): FastifyReply {
  const action = `confirm-email?token=${encodeURIComponent(links.confirmToken(ref))}`;
  const body = `<p>No alerts about ${strong(name)} are mailed to ${strong(maskedAddress(address))} any more. Nobody but you can change that.</p>
${button('Receive them again', action)}`;
  return answerPage(reply, 200, { title: 'You are unsubscribed', body });
}

async function askToConfirm(request: FastifyRequest, reply: FastifyReply, options: Options): Promise<FastifyReply> {
  const known = await addressOf('confirm', request, options);
  if (known === null) return answerUnknown(reply);
  const { address, name } = known;
  const body = `<p>Shall alerts about the credits of ${strong(name)} be mailed to ${strong(maskedAddress(address.address))}?</p>
${button('Yes, send them')}
<p>If you do not know what this is about, close this page: nothing will be sent.</p>`;
  return answerPage(reply, 200, { title: 'Confirm your address', body });
}

async function confirm(request: FastifyRequest, reply: FastifyReply, options: Options): Promise<FastifyReply> {
  const known = await addressOf('confirm', request, options);
  if (known === null || !(await options.addresses.confirm(known.ref))) return answerUnknown(reply);
  const body = `<p>Alerts about ${strong(known.name)} are mailed to ${strong(maskedAddress(known.address.address))}. Each of them has a link that ends it.</p>`;
  return answerPage(reply, 200, { title: 'Your address is confirmed', body });
}

/** The address that the request's token names; null: the token is none for this purpose, or its address was forgotten. */
async function addressOf(
  purpose: LinkPurpose,
  request: FastifyRequest,
  { links, addresses, nameOf }: Options,
): Promise<{ ref: AddressRef; address: AlertAddress; name: string } | null> {
  const ref = links.read(purpose, new URLSearchParams(searchOf(request.url)).get('token') ?? '');
  const address = ref && (await addresses.find(ref));
  return ref && address && { ref, address, name: await nameOf(ref.billingEntityId) };
}

/** All links that do not work get the same answer, so that it tells nothing about existing ones. */
function answerUnknown(reply: FastifyReply): FastifyReply {
  const body = '<p>It has expired, or never was. A newer mail has a link that works.</p>';
  return answerPage(reply, 404, { title: 'This link does not work', body });
}

function strong(text: string): string {
  return `<strong><bdi>${escapeText(text)}</bdi></strong>`;
}

/** Without `action` it posts to the page's own address. */
function button(text: string, action?: string): string {
  const where = action === undefined ? '' : ` action="${escapeText(action)}"`;
  return `<form method="post"${where}><button type="submit">${escapeText(text)}</button></form>`;
}

import type { ServerResponse } from 'node:http';
import { checkoutPage } from './checkout-page.ts';
import { StripeFailure } from './errors.ts';
import { homePage } from './home-page.ts';
import { html, isSafe, page } from './html.ts';
import { invoicePage, invoicePrint } from './invoice-page.ts';
import type { PageAnswer, PageRequest } from './page-request.ts';
import { portalPage } from './portal-page.ts';
import type { Sandbox } from './sandbox.ts';
import { catchUp } from './timeline.ts';

/** Serves the hosted pages; false: it is none of them. */
export function servePage(sandbox: Sandbox, response: ServerResponse, { url, form }: PageRequest): boolean {
  const match = /^\/(?:(c\/pay|p\/session|i)\/([^/]+)(\/pdf)?)?$/.exec(url.pathname);
  if (match === null) return false;
  const [, place = null, id = '', print] = match;
  catchUp(sandbox);
  try {
    const answer = answerOf(sandbox, place, { id, print: print !== undefined, url, form });
    if ('body' in answer) {
      sendPage(response, 200, answer.body);
      return true;
    }
    const { redirect } = answer;
    const isOwn = redirect.startsWith('/');
    if (isOwn || isSafe(redirect)) response.writeHead(303, { location: redirect }).end();
    else sendPage(response, 200, page({ title: 'Done', body: html`<section><p>It is paid.</p></section>` }));
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
    sendPage(
      response,
      error.status,
      page({ title: 'Not found', body: html`<section><p>${error.message}</p></section>` }),
    );
  }
  return true;
}

function answerOf(
  sandbox: Sandbox,
  place: string | null,
  { id, print, url, form }: PageRequest & { id: string; print: boolean },
): PageAnswer {
  if (place === null) return homePage(sandbox, form);
  if (place === 'c/pay') return checkoutPage(sandbox, id, { url, form });
  if (place === 'p/session') return portalPage(sandbox, id, { url, form });
  return print ? invoicePrint(sandbox, id) : invoicePage(sandbox, id, { url, form });
}

function sendPage(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    // Under a stricter one browsers would not say that a form of this page comes from it.
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

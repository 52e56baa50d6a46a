import { collect } from './collection.ts';
import { cardChoice, cardOutcome } from './checkout-page.ts';
import { customerOf } from './customers.ts';
import { describeCard, giveCard } from './default-cards.ts';
import { formatDay, type Html, html, notice, page } from './html.ts';
import { invoiceOf } from './invoice-routes.ts';
import { formatMoney } from './money.ts';
import type { PageAnswer, PageRequest } from './page-request.ts';
import { failAuthentication, intentOf } from './payments.ts';
import type { Sandbox } from './sandbox.ts';
import type { Invoice } from './wire.ts';

/** The hosted invoice page: look at it, pay it, confirm by 3-D Secure. */
export function invoicePage(sandbox: Sandbox, id: string, { form, url }: PageRequest): PageAnswer {
  const invoice = invoiceOf(sandbox, id);
  const back = url.searchParams.get('back');
  if (form === null || invoice.status !== 'open') return { body: pageOf(sandbox, invoice, { back, problem: null }) };
  switch (form.get('step')) {
    case 'confirm':
      collect(sandbox, invoice, { authenticated: true });
      break;
    case 'refuse': {
      const intent = intentOf(sandbox, invoice.id);
      if (intent !== null) failAuthentication(sandbox, intent);
      sandbox.onChange();
      break;
    }
    case null:
    default: {
      const customer = customerOf(sandbox, invoice.customer ?? '');
      const method = giveCard(sandbox, customer, cardOutcome(form.get('card')));
      collect(sandbox, invoice, { method });
    }
  }
  return { body: pageOf(sandbox, invoice, { back, problem: problemOf(sandbox, invoice) }) };
}

/** The page behind `invoice_pdf`. A page that prints well does what a PDF would. */
export function invoicePrint(sandbox: Sandbox, id: string): PageAnswer {
  const invoice = invoiceOf(sandbox, id);
  return { body: page({ title: `Invoice ${invoice.number ?? 'draft'}`, body: linesTable(invoice) }) };
}

function problemOf(sandbox: Sandbox, invoice: Invoice): string | null {
  if (invoice.status !== 'open') return null;
  return intentOf(sandbox, invoice.id)?.last_payment_error?.message ?? null;
}

function pageOf(
  sandbox: Sandbox,
  invoice: Invoice,
  { back, problem }: { back: string | null; problem: string | null },
): string {
  const intent = intentOf(sandbox, invoice.id);
  const customer = customerOf(sandbox, invoice.customer ?? '');
  const isWaiting = invoice.status === 'open' && intent?.status === 'requires_action';
  const action = `/i/${invoice.id}${back === null ? '' : `?back=${encodeURIComponent(back)}`}`;
  return page({
    title: `Invoice ${invoice.number ?? 'draft'}`,
    back: back === null ? null : { href: back, label: 'Go back' },
    body: html`${notice(problem)}${linesTable(invoice)}
      ${invoice.status === 'paid' && html`<section role="status"><p>Paid on ${formatDay(invoice.status_transitions.paid_at ?? 0)}.</p></section>`}
      ${
        isWaiting &&
        html`<section aria-labelledby="bank">
          <h2 id="bank">Your bank wants to know that it is you</h2>
          <div class="row">
            <form method="post" action="${action}">
              <input type="hidden" name="step" value="confirm" /><button type="submit">Confirm</button>
            </form>
            <form method="post" action="${action}">
              <input type="hidden" name="step" value="refuse" /><button type="submit" class="quiet">
                Fail authentication
              </button>
            </form>
          </div>
        </section>`
      }
      ${
        invoice.status === 'open' &&
        !isWaiting &&
        html`<section aria-labelledby="pay">
          <h2 id="pay">Pay this invoice</h2>
          <p>${describeCard(sandbox, customer) ?? 'There is no card yet.'}</p>
          <form method="post" action="${action}">
            ${cardChoice('accepted')}<button type="submit">
              Pay ${formatMoney(invoice.amount_remaining, invoice.currency)}
            </button>
          </form>
        </section>`
      }
      <p><a href="/i/${invoice.id}/pdf">Print</a></p>`,
  });
}

function linesTable(invoice: Invoice): ReturnType<typeof html> {
  return html`<section aria-labelledby="lines">
    <h2 id="lines">What it is for</h2>
    <p>
      Status: ${invoice.status}. Created on ${formatDay(invoice.created)} for
      ${invoice.customer_email ?? invoice.customer}.
    </p>
    <table>
      <thead>
        <tr>
          <th scope="col">Line</th>
          <th scope="col">Period</th>
          <th scope="col" class="amount">Amount</th>
        </tr>
      </thead>
      <tbody>
        ${invoice.lines.data.map(
          (line) =>
            html`<tr>
              <td>${line.description}</td>
              <td>${formatDay(line.period.start)} – ${formatDay(line.period.end)}</td>
              <td class="amount">${formatMoney(line.amount, line.currency)}</td>
            </tr>`,
        )}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row" colspan="2">Total</th>
          <td class="amount">${formatMoney(invoice.total, invoice.currency)}</td>
        </tr>
        <tr>
          <th scope="row" colspan="2">Due</th>
          <td class="amount">${formatMoney(invoice.amount_remaining, invoice.currency)}</td>
        </tr>
      </tfoot>
    </table>
  </section>`;
}

/** A customer's invoices, newest first; each leads to its page, and from there back. */
export function invoiceTable(sandbox: Sandbox, customer: string, back: string): Html {
  const invoices = [...sandbox.tables.invoices.values()]
    .filter((each) => each.customer === customer && each.status !== 'draft')
    .toReversed();
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Number</th>
        <th scope="col">Date</th>
        <th scope="col">Status</th>
        <th scope="col" class="amount">Total</th>
      </tr>
    </thead>
    <tbody>
      ${invoices.map(
        (invoice) =>
          html`<tr>
            <td>
              <a href="/i/${invoice.id}?back=${encodeURIComponent(back)}"
                >${invoice.number}${invoice.status === 'open' && ' (pay)'}</a
              >
            </td>
            <td>${formatDay(invoice.created)}</td>
            <td>${invoice.status}</td>
            <td class="amount">${formatMoney(invoice.total, invoice.currency)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

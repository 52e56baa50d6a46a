import type { ReactNode } from 'react';
import { useReasonAgainst } from '../../account/current.tsx';
import type { Asked } from '../../api/data.ts';
import type { InvoicesQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge, type Tone } from '../../ui/Badge.tsx';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { Shown } from '../../ui/Shown.tsx';
import { Table } from '../../ui/Table.tsx';
import { Time } from '../../ui/Time.tsx';
import { priceOf } from './money.ts';
import { useStripePortal } from './use-checkout.ts';

type Entity = NonNullable<InvoicesQuery['billingEntity']>;
type Invoice = NonNullable<Entity['invoices']>['edges'][number]['node'];

const TONES: Readonly<Record<string, Tone>> = { paid: 'good', open: 'warn', uncollectible: 'bad' };

const COLUMNS: readonly Column<Invoice>[] = [
  {
    id: 'number',
    header: text.subscription.invoices.number,
    cell: ({ number }) => number ?? text.subscription.invoices.draft,
  },
  {
    id: 'date',
    header: text.subscription.invoices.date,
    folds: true,
    cell: ({ createdAt }) => <Time value={createdAt} shape="day" />,
  },
  {
    id: 'state',
    header: text.subscription.invoices.state,
    cell: ({ status }) => <Badge tone={TONES[status] ?? 'neutral'}>{text.subscription.invoices.states(status)}</Badge>,
  },
  {
    id: 'amount',
    header: text.subscription.invoices.amount,
    figures: true,
    cell: ({ totalCents }) => priceOf(totalCents),
  },
  {
    id: 'link',
    header: text.subscription.invoices.link,
    figures: true,
    cell: (invoice) => <InvoiceLink of={invoice} />,
  },
];

/** What was and will be charged, as Stripe has it. */
export function Invoices({ of }: { readonly of: Asked<InvoicesQuery> }): ReactNode {
  const portal = useStripePortal();
  const mayChange = useReasonAgainst('plan.change');
  const mayRead = useReasonAgainst('invoices.read');
  const words = text.subscription.invoices;
  return (
    <section aria-labelledby="invoices">
      <div className="section-head">
        <h2 id="invoices">{words.title}</h2>
        <Button reason={mayChange} busy={portal.busy} onClick={() => void portal.go()}>
          {words.portal}
        </Button>
      </div>
      {portal.error !== null && <Banner tone="bad">{portal.error}</Banner>}
      {mayRead === null ? (
        <Shown of={of} height={120}>
          {({ billingEntity }) => billingEntity !== null && <List of={billingEntity} />}
        </Shown>
      ) : (
        <p className="hint">{text.balance.notYours}</p>
      )}
    </section>
  );
}

function List({ of: { invoices, upcomingInvoice } }: { readonly of: Entity }): ReactNode {
  const words = text.subscription.invoices;
  if (invoices === null) return <Banner tone="warn">{words.away}</Banner>;
  const rows = invoices.edges.map(({ node }) => node);
  return (
    <>
      {upcomingInvoice !== null && upcomingInvoice.totalCents > 0 && (
        <p>
          {words.next}: {words.nextOf(priceOf(upcomingInvoice.totalCents))}{' '}
          <Time value={upcomingInvoice.dueAt} shape="day" />
          {upcomingInvoice.overageCents > 0 && `, ${words.nextOverage(priceOf(upcomingInvoice.overageCents))}`}.
        </p>
      )}
      {rows.length === 0 ? (
        <p className="hint">{words.none}</p>
      ) : (
        <Table caption={words.title} columns={COLUMNS} rows={rows} rowId={({ id }) => id} />
      )}
      {invoices.pageInfo.hasNextPage && <p className="hint">{words.older}</p>}
    </>
  );
}

function InvoiceLink({ of: { number, status, hostedUrl } }: { readonly of: Invoice }): ReactNode {
  if (hostedUrl === null) return null;
  const words = text.subscription.invoices;
  const name = number ?? words.draft;
  return (
    <a
      className="invoice-link"
      href={hostedUrl}
      aria-label={status === 'open' ? words.payNamed(name) : words.openNamed(name)}
    >
      {status === 'open' ? words.pay : words.open}
    </a>
  );
}

import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Badge } from '../../ui/Badge.tsx';
import { Banner } from '../../ui/Banner.tsx';
import { BarChart } from '../../ui/BarChart.tsx';
import { Button } from '../../ui/Button.tsx';
import { Copy } from '../../ui/Copy.tsx';
import { Credits } from '../../ui/Credits.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { Field } from '../../ui/Field.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import type { Bar, Series } from '../../ui/stack.ts';
import { LongTable } from '../../ui/LongTable.tsx';
import type { Column, Sort } from '../../ui/columns.ts';
import { Time } from '../../ui/Time.tsx';
import { Meter } from '../balance/Meter.tsx';
import { ManyBars } from './ManyBars.tsx';
import { ManyRows } from './ManyRows.tsx';

const route = getRouteApi('/components');

interface Row {
  readonly name: string;
  readonly credits: number;
}

const ROWS: readonly Row[] = Array.from({ length: 12 }, (_, index) => ({
  name: `Row ${index + 1}`,
  credits: (index * 7_919) % 1_000,
}));
const COLUMNS: readonly Column<Row>[] = [
  { id: 'name', header: 'Name', cell: ({ name }) => name, sortBy: ({ name }) => name },
  {
    id: 'credits',
    header: 'Credits',
    figures: true,
    cell: ({ credits }) => <Credits value={credits} bare />,
    sortBy: ({ credits }) => credits,
  },
];
const SERIES: readonly Series[] = Array.from({ length: 9 }, (_, index) => ({
  key: String(index),
  label: index < 8 ? `Series ${index + 1}` : 'Other',
  colour: index < 8 ? index : null,
}));
const BARS: readonly Bar[] = Array.from({ length: 14 }, (_, day) => ({
  key: String(day),
  label: `Day ${day + 1}`,
  parts: Object.fromEntries(SERIES.map(({ key }, index) => [key, ((day + 3) * (index + 5) * 37) % 90])),
}));

/** Every component in each of its states, to be looked at when one of them changes. What is large has an address of its own. */
export function ComponentsPage(): ReactNode {
  const { sample } = route.useSearch();
  if (sample === 'rows') return <ManyRows />;
  return sample === 'chart' ? <ManyBars /> : <Components />;
}

function Components(): ReactNode {
  const [open, setOpen] = useState<'dialog' | 'panel' | 'secret' | null>(null);
  const [sort, setSort] = useState<Sort>({ by: 'credits', down: true });
  const close = (): void => setOpen(null);
  return (
    <>
      <p className="row">
        <Link to="/components" search={{ sample: 'rows' }}>
          Ten thousand rows
        </Link>
        <Link to="/components" search={{ sample: 'chart' }}>
          Fifty people in ninety days
        </Link>
      </p>
      <Part title="Button">
        <div className="row">
          <Button kind="primary">Primary</Button>
          <Button>Plain</Button>
          <Button kind="quiet">Quiet</Button>
          <Button kind="danger">Danger</Button>
          <Button reason="Your role does not include this.">Not allowed</Button>
          <Button busy>Busy</Button>
        </div>
      </Part>
      <Part title="Field">
        <Field label="Name" hint="Up to 100 characters.">
          {(described) => <input {...described} defaultValue="A value" />}
        </Field>
        <Field label="Limit" error="Give a whole number above 0.">
          {(described) => <input {...described} defaultValue="-3" />}
        </Field>
      </Part>
      <Part title="Badge and Banner">
        <div className="row">
          <Badge tone="good">Active</Badge>
          <Badge tone="warn">Ends soon</Badge>
          <Badge tone="bad">Revoked</Badge>
          <Badge tone="neutral">Silenced</Badge>
        </div>
        <Banner tone="neutral">You see this account as an operator.</Banner>
        <Banner tone="warn" action={<Button>Buy credits</Button>}>
          310 credits are owed.
        </Banner>
        <Banner tone="bad">Nothing is left.</Banner>
      </Part>
      <Part title="Figures and dates">
        <p>
          <Credits value={312_480} /> · <Credits value={-1} signed /> · <Credits value={40} signed bare />
        </p>
        <p>
          <Time value="2026-03-01T23:30:00Z" /> · <Time value="2026-03-01T23:30:00Z" shape="day" />
        </p>
        <Meter ratio={0.375} ticks={[0.5, 0.8, 1]} />
      </Part>
      <Part title="BarChart">
        <BarChart label="Use by day" bars={BARS} series={SERIES} />
      </Part>
      <Part title="Table">
        <LongTable
          caption="Rows"
          columns={COLUMNS}
          rows={ROWS}
          rowId={({ name }) => name}
          sort={sort}
          onSort={setSort}
        />
      </Part>
      <Part title="Dialog">
        <div className="row">
          <Button onClick={() => setOpen('dialog')}>Dialog</Button>
          <Button onClick={() => setOpen('panel')}>Panel</Button>
          <Button onClick={() => setOpen('secret')}>Must be answered</Button>
        </div>
        <Dialog title="A dialog" isOpen={open === 'dialog'} onClose={close}>
          <p>Its consequence stands here.</p>
        </Dialog>
        <Dialog title="A panel" shape="panel" isOpen={open === 'panel'} onClose={close}>
          <p>A receipt stands here.</p>
        </Dialog>
        <Dialog title="Shown once" mustAnswer isOpen={open === 'secret'} onClose={close}>
          <Copy value="sk_example" what="secret" />
          <Button kind="primary" onClick={close}>
            I have stored it
          </Button>
        </Dialog>
      </Part>
      <Part title="Empty and Skeleton">
        <Empty title="Nothing is here yet">
          <p>This call would fill the page.</p>
        </Empty>
        <div data-sample>
          <Skeleton height={80} />
        </div>
      </Part>
    </>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }): ReactNode {
  return (
    <section className="card form" aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

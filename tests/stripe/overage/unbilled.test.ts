/** Which reports invoices have is told by what their lines count. */
import type { Stripe } from 'stripe';
import type { DeliveredReport } from '../../../src/ledger/rules/entries.ts';
import type { MeteredAffairs, MeteredSpan } from '../../../src/stripe/overage/metered-spans.ts';
import { BILLED_APART } from '../../../src/stripe/overage/report-state.ts';
import { compare } from '../../../src/stripe/overage/unbilled.ts';

const day = (text: string): number => Date.parse(`${text}T00:00:00.000Z`) / 1_000;
const at = (text: string): Date => new Date(day(text) * 1_000);

const PERIOD = { start: at('2027-01-31'), end: at('2027-02-28') };
const FINAL = day('2027-02-28') + 3_600;

/** A report of the period that was sent on this day. */
function reportOf(credits: bigint, terms: Partial<DeliveredReport> = {}): DeliveredReport {
  const id = `00000000-0000-4000-8000-${String(credits).padStart(12, '0')}`;
  const stamped = { stampedAt: at('2027-02-10'), createdAt: at('2027-02-10'), sentAt: at('2027-02-10') };
  const made = { billingEntityId: 'a', id, subscriptionId: 'sub_1', credits, period: PERIOD };
  return { ...made, ...stamped, state: 'SENT', attempts: 1, error: null, ...terms };
}

/** The line of the period's invoice. */
function lineOf(credits: bigint, terms: Partial<MeteredSpan> = {}): MeteredSpan {
  const named = { name: 'invoice in_1', subscriptionId: 'sub_1', itemId: null };
  const span = { start: day('2027-01-31'), end: day('2027-02-28'), credits, finalAt: FINAL };
  return { ...named, ...span, stillAt: null, isVoid: false, ...terms };
}

function compared(
  reports: readonly DeliveredReport[],
  spans: readonly MeteredSpan[],
  { since = at('2027-01-01'), now = at('2027-03-02') } = {},
): { unbilled: readonly bigint[]; differences: number } {
  const item = { price: { recurring: { usage_type: 'metered' } }, current_period_start: day('2027-02-28') };
  const subscription = { id: 'sub_1', status: 'active', ended_at: null, cancel_at: null, items: { data: [item] } };
  const affairs: MeteredAffairs = {
    customerId: 'cus_1',
    isDeleted: false,
    subscriptions: [subscription as unknown as Stripe.Subscription],
    invoices: [],
    items: [],
    spans,
  };
  const { unbilled, differences } = compare(reports, { affairs, since, now });
  return { unbilled: unbilled.map(({ credits }) => credits), differences: differences.length };
}

const AT_ONCE = { sentAt: new Date(FINAL * 1_000) };
const LATE = { sentAt: at('2027-03-01') };
const UNKNOWN = { state: 'PENDING', attempts: 1, sentAt: null } as const;

test.each([
  ['a line that counts what was sent in time', [reportOf(70n), reportOf(30n)], [lineOf(100n)], [], 0],
  ['a report that was sent too late', [reportOf(70n), reportOf(30n, LATE)], [lineOf(70n)], [30n], 0],
  ['a report that is noted late, and was in time', [reportOf(70n), reportOf(30n, LATE)], [lineOf(100n)], [], 0],
  [
    'a report that an item of ours bills',
    [reportOf(70n), reportOf(30n, { ...LATE, error: BILLED_APART })],
    [lineOf(70n)],
    [30n],
    0,
  ],
  ['a line that counts less than was sent', [reportOf(70n), reportOf(30n)], [lineOf(80n)], [], 1],
  ['a line that counts more', [reportOf(70n)], [lineOf(80n)], [], 1],
  ['a report of which nobody knows', [reportOf(70n), reportOf(30n, UNKNOWN)], [lineOf(100n)], [], 0],
  ['an invoice that was voided', [reportOf(70n)], [lineOf(70n, { isVoid: true })], [], 0],
  ['a report that raced the line, and lost', [reportOf(70n), reportOf(30n, AT_ONCE)], [lineOf(70n)], [30n], 0],
  ['a report that raced the line, and won', [reportOf(70n), reportOf(30n, AT_ONCE)], [lineOf(100n)], [], 0],
  [
    'three that raced the line, of which one won',
    [reportOf(30n, AT_ONCE), reportOf(5n, AT_ONCE), reportOf(65n, AT_ONCE)],
    [lineOf(30n)],
    [5n, 65n],
    0,
  ],
  [
    'a report that a clock of ours dates too late',
    [reportOf(70n), reportOf(30n, { sentAt: new Date((FINAL + 40) * 1_000) })],
    [lineOf(100n)],
    [],
    0,
  ],
  ['no line', [reportOf(70n)], [], [70n], 0],
  ['a draft', [reportOf(70n)], [lineOf(0n, { finalAt: null })], [], 0],
  ['two lines', [reportOf(70n)], [lineOf(70n), lineOf(70n, { name: 'invoice in_2' })], [], 1],
  [
    'lines that follow one another',
    [reportOf(70n)],
    [lineOf(70n), lineOf(5n, { start: day('2027-02-28'), end: day('2027-03-31'), finalAt: null })],
    [],
    0,
  ],
] as const)('%s', (_what, reports, spans, unbilled, differences) => {
  expect(compared(reports, spans)).toEqual({ unbilled, differences });
});

test('a line that began before the reports that are read is taken to be right', () => {
  const since = at('2027-02-05');
  expect(compared([reportOf(70n)], [lineOf(100n)], { since })).toEqual({ unbilled: [], differences: 0 });
});

test('nothing is concluded while Stripe may be about to draft the invoice', () => {
  const now = new Date((day('2027-02-28') + 3_600) * 1_000);
  expect(compared([reportOf(70n)], [], { now })).toEqual({ unbilled: [], differences: 0 });
});

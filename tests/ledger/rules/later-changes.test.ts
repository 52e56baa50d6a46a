/** A change after the end of the period is known beforehand: no turn needs to hear of it again (rules 13, 25 and 26). */
import { type LaterChange, renewedBy } from '../../../src/ledger/rules/subscription.ts';
import { at, subscriber, UNIT } from './subscriber.ts';

const PAID_FOR_A_YEAR = at('2027-03-10T12:00:00Z');
const units = (quantity: number) => ({ plan: 'PRO', quantity }) as const;
const later = (text: string, quantity: number | null): LaterChange => ({
  at: at(text),
  units: quantity === null ? null : units(quantity),
  atBillingEnd: true,
});

test('an end ends the plan in its month, without another base', () => {
  const payer = subscriber();
  payer.sync({ paidUntil: PAID_FOR_A_YEAR, later: later('2026-06-10T12:00:00Z', null) });
  payer.at('2026-04-10T12:00:00Z');
  expect(payer.account).toMatchObject({ available: UNIT, subscription: { later: { units: null } } });
  payer.at('2026-05-10T12:00:00Z');
  expect(payer.account).toMatchObject({ available: UNIT, subscription: { next: null } });
  expect(payer.account.subscription).not.toHaveProperty('later');
  payer.at('2026-06-10T12:00:00Z');
  expect(payer.account).toMatchObject({ available: 0n, subscription: null });
});

test('an end within a month cuts its period there', () => {
  const payer = subscriber();
  payer.sync({ paidUntil: PAID_FOR_A_YEAR, later: later('2026-05-01T00:00:00Z', null) });
  payer.at('2026-04-10T12:00:00Z');
  expect(payer.account).toMatchObject({ available: UNIT, period: { end: at('2026-05-01T00:00:00Z') } });
  payer.at('2026-05-01T00:00:00Z');
  expect(payer.account).toMatchObject({ available: 0n, subscription: null });
});

test('other units come with the turn at which they begin', () => {
  const payer = subscriber(3);
  payer.sync({ paidUntil: PAID_FOR_A_YEAR, later: later('2026-05-10T12:00:00Z', 1) });
  payer.at('2026-04-10T12:00:00Z');
  expect(payer.account).toMatchObject({ available: 3n * UNIT, subscription: { quantity: 3, next: units(1) } });
  payer.at('2026-05-10T12:00:00Z');
  expect(payer.account).toMatchObject({ available: UNIT, subscription: { quantity: 1, next: units(1) } });
});

test.each([
  ['an end', null, { available: 0n, subscription: null }],
  ['other units', 2, { available: 2n * UNIT, subscription: { quantity: 2 } }],
])('%s counts, however late the server is', (_name, quantity, expected) => {
  const payer = subscriber(5);
  payer.sync({ paidUntil: PAID_FOR_A_YEAR, later: later('2026-06-10T12:00:00Z', quantity) });
  payer.at('2026-08-20T00:00:00Z');
  expect(payer.account).toMatchObject(expected);
});

test('a period that begins at the change has what it brings; one before has what there is', () => {
  const period = { start: at('2026-05-10T12:00:00Z'), end: at('2026-06-10T12:00:00Z') };
  const from = (change: LaterChange) => renewedBy({ next: units(3), later: change }, period);
  expect(from(later('2026-05-10T12:00:00Z', 1))).toEqual({ units: units(1), period, next: units(1) });
  expect(from(later('2026-05-10T12:00:01Z', 1))).toEqual({ units: units(3), period, next: units(1) });
  expect(from(later('2026-06-10T12:00:00Z', 1))).toEqual({ units: units(3), period, next: units(1) });
  const beyond = later('2026-06-10T12:00:01Z', 1);
  expect(from(beyond)).toEqual({ units: units(3), period, next: units(3), later: beyond });
  expect(renewedBy({ next: null, later: beyond }, period)).toBeNull();
});

import { actForm, EMPTY_ACT, readAmount } from '../src/pages/operator/act-form.ts';
import { effectOf, refundOf } from '../src/pages/operator/consequences.ts';

test('credits that are given pay what is owed before they are available', () => {
  expect(effectOf(1_000, { available: 200, owed: 0 })).toMatchObject({ before: 200, after: 1_200, repaid: 0 });
  expect(effectOf(1_000, { available: 0, owed: 300 })).toMatchObject({ after: 700, repaid: 300, owedAfter: 0 });
  expect(effectOf(100, { available: 0, owed: 300 })).toMatchObject({ after: 0, repaid: 100, owedAfter: 200 });
});

test('no more is taken than is available, and taking pays no debt', () => {
  expect(effectOf(-200, { available: 200, owed: 0 })).toMatchObject({ after: 0, takesTooMuch: false });
  expect(effectOf(-201, { available: 200, owed: 0 })).toMatchObject({ takesTooMuch: true });
  expect(effectOf(-1, { available: 0, owed: 50 })).toMatchObject({ takesTooMuch: true, repaid: 0, owedAfter: 50 });
});

test('a refund gives back no more than is left of the charge', () => {
  expect(refundOf(50, { credits: 196, refundedCredits: 0 })).toEqual({ given: 50, left: 146 });
  expect(refundOf(200, { credits: 196, refundedCredits: 50 })).toEqual({ given: 146, left: 0 });
});

test('an amount is a whole number other than 0, with a minus only where credits may be taken', () => {
  expect(readAmount(' 1000 ', 'positive')).toBe(1_000);
  for (const typed of ['0', '-5', '1.5', '1,000', '1e3', '', '9007199254740993']) {
    expect(readAmount(typed, 'positive')).toBeNull();
  }
  expect(readAmount('-5', 'signed')).toBe(-5);
  expect(readAmount('−5', 'signed')).toBe(-5);
  for (const typed of ['0', '-0', '--5', '+5']) expect(readAmount(typed, 'signed')).toBeNull();
});

test('a reason is always asked for, and an amount only where the act has one', () => {
  expect(wrongIn('none', { reason: ' ' })).toEqual(['reason']);
  expect(wrongIn('none', { reason: 'abuse' })).toEqual([]);
  expect(wrongIn('positive', { reason: 'x'.repeat(1_001), amount: '0' })).toEqual(['reason', 'amount']);
  expect(wrongIn('positive', { reason: 'x', amount: '11' }, 10)).toEqual(['amount']);
  expect(wrongIn('positive', { reason: 'x', amount: '10' }, 10)).toEqual([]);
});

function wrongIn(amounts: 'positive' | 'none', values: { reason: string; amount?: string }, most?: number): unknown[] {
  const { error } = actForm(amounts, most).safeParse({ ...EMPTY_ACT, ...values });
  return (error?.issues ?? []).map(({ path }) => path[0]);
}

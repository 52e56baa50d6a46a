import { changedIn, createPathOf, editForm, editPathOf, toEditForm } from '../src/pages/api-keys/key-form.ts';
import { pathOf } from '../src/pages/alerts/preferences-form.ts';

const KEY = { name: 'Build', creditLimit: 500, expiresAt: null, billingMode: 'FULL' } as const;

test('only what was changed of a key is sent, and what is emptied is null', () => {
  const before = toEditForm(KEY);
  expect(changedIn(before, before)).toEqual({});
  expect(changedIn(before, { ...before, creditLimit: ' 500 ' })).toEqual({});
  expect(changedIn(before, { ...before, creditLimit: '', name: 'Other' })).toEqual({
    creditLimit: null,
    name: 'Other',
  });
  expect(changedIn(before, { ...before, creditLimit: '0', billingMode: 'COMPUTE_ONLY' })).toEqual({
    creditLimit: 0,
    billingMode: 'COMPUTE_ONLY',
  });
  const ending = toEditForm({ ...KEY, expiresAt: new Date(2031, 4, 6, 12).toISOString() });
  expect(ending.expires).toBe('2031-05-06');
  expect(changedIn(ending, { ...ending, expires: '' })).toEqual({ expiresAt: null });
  expect(changedIn(ending, ending)).toEqual({});
});

test('a day that has passed may stay, and none that has passed is chosen', () => {
  const before = toEditForm({ ...KEY, expiresAt: '2001-02-03T12:00:00Z' });
  expect(editForm(before).safeParse(before).success).toBe(true);
  expect(editForm(before).safeParse({ ...before, expires: '2002-02-03' }).success).toBe(false);
  expect(editForm(before).safeParse({ ...before, expires: '2999-02-03' }).success).toBe(true);
  expect(editForm(before).safeParse({ ...before, creditLimit: '-1' }).success).toBe(false);
});

test('a refused field of the input has its place in the form, where the form has one', () => {
  expect([createPathOf('expiresAt'), createPathOf('secret'), createPathOf('billingEntityId')]).toEqual([
    'expires',
    'secret',
    null,
  ]);
  expect([editPathOf('billingMode'), editPathOf('secret')]).toEqual(['billingMode', null]);
  const row = { type: 'WARNING', amount: '5', enabled: true, channels: [] };
  const rows = [
    { ...row, measure: 'SHARE' as const },
    { ...row, measure: 'NONE' as const },
  ];
  expect(pathOf('preferences.0.level', rows)).toBe('rows.0.amount');
  expect(pathOf('preferences.1', rows)).toBeNull();
  expect(pathOf('preferences.7.level', rows)).toBeNull();
  expect(pathOf('preferences', rows)).toBeNull();
  expect(pathOf('emails.3', rows)).toBe('emails');
});

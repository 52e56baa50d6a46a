import type { Current } from '../src/account/current.tsx';
import type { AccountFragment } from '../src/gql/graphql.ts';
import { changesOf, isDate, partiesOf, wordsOf } from '../src/pages/audit-log/changes.ts';
import { filterOf } from '../src/pages/audit-log/filter.ts';
import { readAuditLogSearch } from '../src/pages/audit-log/search.ts';
import { readMembersSearch } from '../src/pages/members/search.ts';
import { addUp, isAtLimit, optionalLimit, periodEndOf, toLimit } from '../src/pages/members/terms.ts';
import {
  availableAfter,
  choicesFor,
  directionsFor,
  transferForm,
  toTransferInput,
} from '../src/pages/members/transfer.ts';

const ACCOUNT = {
  id: 'pool',
  name: 'Acme',
  externalId: 'acme',
  type: 'ORGANIZATION',
  status: 'ACTIVE',
  suspensionReason: null,
  viewerPermissions: ['credits.consume', 'credits.transfer'],
  plan: { code: 'FREE_TRIAL', name: 'Free trial', credits: 10_000, priceCents: 0 },
  subscription: null,
} satisfies AccountFragment;
const OWN: AccountFragment = { ...ACCOUNT, id: 'own', type: 'USER' };
const VIEWER: Current['viewer'] = { kind: 'USER', subject: 'ann', user: OWN, memberships: [], invitations: [] };

describe('limits', () => {
  test('are whole numbers of 0 or more, or none', () => {
    for (const typed of ['', ' ', '0', '5000']) expect(optionalLimit.safeParse(typed).success).toBe(true);
    for (const typed of ['-1', '1.5', '1,000', 'ten', '99999999999999999999']) {
      expect(optionalLimit.safeParse(typed).success).toBe(false);
    }
    expect([toLimit(' '), toLimit('0'), toLimit(' 12 ')]).toEqual([null, 0, 12]);
  });

  test('of 0 are reached before anything is used, and none never is', () => {
    expect(isAtLimit({ creditLimit: 0, drawnThisPeriod: 0 })).toBe(true);
    expect(isAtLimit({ creditLimit: 5, drawnThisPeriod: 4 })).toBe(false);
    expect(isAtLimit({ creditLimit: null, drawnThisPeriod: 1e9 })).toBe(false);
  });

  test('begin anew with the subscription, or with the month in UTC, and who may not read it is told no day', () => {
    const at = new Date('2026-12-31T23:30:00Z');
    expect(periodEndOf(ACCOUNT, at)?.toISOString()).toBe('2027-01-01T00:00:00.000Z');
    const subscription = {
      id: 's',
      currentPeriodStart: '2026-12-15T00:00:00Z',
      currentPeriodEnd: '2027-01-15T00:00:00Z',
    };
    expect(periodEndOf({ ...ACCOUNT, subscription }, at)?.toISOString()).toBe('2027-01-15T00:00:00.000Z');
    expect(periodEndOf({ ...ACCOUNT, plan: { ...ACCOUNT.plan, code: 'PRO' } }, at)).toBeNull();
  });
});

describe('the use of members', () => {
  test('and of others adds up to what the pool used', () => {
    expect(addUp([{ drawnThisPeriod: 3 }, { drawnThisPeriod: 4 }], 10)).toEqual({ members: 7, others: 3 });
    expect(addUp([], 0)).toEqual({ members: 0, others: 0 });
  });

  test('that was read before the pool’s adds up to nothing yet', () => {
    expect(addUp([{ drawnThisPeriod: 3 }], 2)).toBeNull();
  });
});

describe('a transfer', () => {
  const members = (['ACTIVE', 'SUSPENDED', 'INVITED'] as const).map((status) => ({
    id: status,
    role: 'MEMBER' as const,
    status,
    creditLimit: null,
    drawnThisPeriod: 0,
    usedThisPeriod: 0,
    joinedAt: '2026-01-01T00:00:00Z',
    user: { id: status, externalId: status, name: status },
  }));
  const form = { direction: 'GIVE', memberId: 'mia', amount: '100', reason: ' ' } as const;
  const accounts = { organizationId: 'pool', ownId: 'own', idempotencyKey: 'k' };

  test('goes where the viewer may move credits: a member gives their own, and a suspended one none', () => {
    const member = { ...ACCOUNT, viewerPermissions: ['credits.consume'] };
    expect(directionsFor({ account: ACCOUNT, viewer: VIEWER })).toEqual(['GIVE', 'TAKE', 'OWN']);
    expect(directionsFor({ account: member, viewer: VIEWER })).toEqual(['OWN']);
    expect(directionsFor({ account: { ...ACCOUNT, viewerPermissions: [] }, viewer: VIEWER })).toEqual([]);
    expect(directionsFor({ account: ACCOUNT, viewer: { ...VIEWER, user: null } })).toEqual(['GIVE', 'TAKE']);
  });

  test('gives to nobody who is suspended or invited, and takes back from the suspended', () => {
    expect(choicesFor('GIVE', members).map(({ id }) => id)).toEqual(['ACTIVE']);
    expect(choicesFor('TAKE', members).map(({ id }) => id)).toEqual(['ACTIVE', 'SUSPENDED']);
  });

  test('is sent from the account that gives to the one that receives', () => {
    const ends = (direction: 'GIVE' | 'TAKE' | 'OWN') => {
      const { fromBillingEntityId, toBillingEntityId } = toTransferInput({ ...form, direction }, accounts);
      return [fromBillingEntityId, toBillingEntityId];
    };
    expect([ends('GIVE'), ends('TAKE'), ends('OWN')]).toEqual([
      ['pool', 'mia'],
      ['mia', 'pool'],
      ['own', 'pool'],
    ]);
    expect(toTransferInput(form, accounts)).toMatchObject({ amount: 100, reason: null, idempotencyKey: 'k' });
  });

  test('needs an amount above 0, and a member unless one’s own credits are given', () => {
    expect(transferForm.safeParse({ ...form, amount: '0' }).success).toBe(false);
    expect(transferForm.safeParse({ ...form, memberId: '' }).success).toBe(false);
    expect(transferForm.safeParse({ ...form, direction: 'OWN', memberId: '' }).success).toBe(true);
  });

  test('pays what is owed before it is available', () => {
    expect(availableAfter({ available: 500, owed: 0 }, -100)).toBe(400);
    expect(availableAfter({ available: 0, owed: 30 }, 100)).toBe(70);
    expect(availableAfter({ available: 0, owed: 300 }, 100)).toBe(0);
  });
});

describe('the audit log', () => {
  test('tells what differs, and of what is new or gone all that it is or was', () => {
    const before = { role: 'MEMBER', status: 'ACTIVE', creditLimit: null };
    expect(changesOf(before, { ...before, role: 'ADMIN', creditLimit: 5_000 })).toEqual([
      { field: 'role', was: 'MEMBER', is: 'ADMIN' },
      { field: 'creditLimit', was: null, is: 5_000 },
    ]);
    const whole = [
      { field: 'role', is: 'MEMBER' },
      { field: 'status', is: 'ACTIVE' },
    ];
    expect(changesOf(null, before)).toEqual(whole);
    expect(changesOf(before, null)).toEqual(whole);
    expect(changesOf({ available: 1 }, { available: 2, amount: 1, expiresAt: null })).toEqual([
      { field: 'available', was: 1, is: 2 },
      { field: 'amount', is: 1 },
    ]);
    expect(changesOf(null, null)).toEqual([]);
  });

  test('has words for roles, states and payers, and leaves what it does not know', () => {
    expect(wordsOf('role', 'ADMIN')).toBe('Administrator');
    expect(wordsOf('visibility', 'PUBLIC')).toBe('Each member’s own credits');
    expect(wordsOf('source', 'PURCHASE')).toBe('Purchase');
    expect(wordsOf('creditLimit', null)).toBe('none');
    expect(wordsOf('creditLimit', 5_000)).toBe('5,000');
    expect(wordsOf('enabled', false)).toBe('no');
    expect(wordsOf('role', 'LATER')).toBe('LATER');
    expect(wordsOf('preferences', [{ type: 'WARNING' }])).toBe('[{"type":"WARNING"}]');
    expect([isDate('2026-03-01T00:00:00.000Z'), isDate('2026')]).toEqual([true, false]);
  });

  test('knows a person from an id', () => {
    expect(partiesOf('user:demo:owner')).toEqual({ kind: 'user', name: 'demo:owner' });
    expect(partiesOf('AbC:1')).toEqual({ kind: null, name: 'AbC:1' });
  });

  test('is narrowed by what stands in the address; what is not understood is left out', () => {
    const search = readAuditLogSearch({
      action: 'member.set',
      actor: 'user:ann',
      from: '2026-03-01',
      to: 'soon',
      x: 1,
    });
    expect(search).toEqual({ action: 'member.set', actor: 'user:ann', from: '2026-03-01' });
    expect(filterOf({ ...search, to: '2026-03-02' }, { utc: true })).toEqual({
      actions: ['member.set'],
      actors: ['user:ann'],
      from: '2026-03-01T00:00:00.000Z',
      to: '2026-03-03T00:00:00.000Z',
    });
    expect(filterOf({}, { utc: true })).toEqual({});
  });
});

test('what members are looked for stands in the address, unless it is nothing', () => {
  expect([readMembersSearch({ search: ' mia ' }), readMembersSearch({ search: ' ' }), readMembersSearch({})]).toEqual([
    { search: 'mia' },
    {},
    {},
  ]);
});

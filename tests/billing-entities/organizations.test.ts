import type { Principal } from '../../src/billing-entities/principal.ts';
import { useLockOf } from '../../src/ledger/store/organization-lock.ts';
import { Installation, OPERATOR, SERVICE } from '../support/installation.ts';
import { administrationOf } from './administration.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());
const { organization, join, removeMember, codeOf, codesOf, audited, roles, available } = administrationOf(
  () => installation,
);

describe('an organization', () => {
  it('is its creator’s own, with an account of its own', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal, 'acme');
    expect(await installation.two.entities.byExternalId('ORGANIZATION', 'acme')).toMatchObject({
      billingEntityId: id,
      name: 'Acme',
      type: 'ORGANIZATION',
      visibility: 'PRIVATE',
    });
    expect(await roles(id)).toEqual({ [ann.externalId]: 'OWNER ACTIVE' });
    expect(await installation.two.members.ofUser(ann.id)).toMatchObject([{ billingEntityId: id, role: 'OWNER' }]);
    expect(await audited(id)).toMatchObject([
      {
        action: 'organization.create',
        actor: `user:${ann.externalId}`,
        subject: 'organization:acme',
        before: null,
        after: { name: 'Acme', visibility: 'PRIVATE', owner: `user:${ann.externalId}` },
      },
    ]);
    await installation.expectProven(id);
  });

  it('is one, however many race for its external id', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => installation.person(0n)));
    const attempts = people.flatMap(({ principal }) =>
      [0, 1].map((index) =>
        installation.either(index).organizations.create(principal, {
          externalId: 'raced-for',
          name: principal.subject,
          visibility: 'PUBLIC',
          ownerExternalId: null,
        }),
      ),
    );
    expect(await codesOf(attempts)).toEqual([...Array.from({ length: 7 }, () => 'CONFLICT'), 'done']);
    const made = await installation.one.entities.byExternalId('ORGANIZATION', 'raced-for');
    expect(await roles(made?.billingEntityId as string)).toEqual({ [made?.name as string]: 'OWNER ACTIVE' });
    // Nothing is left of those who lost.
    const { rows } = await installation.admin.query(
      `select 1 from credit_account a left join billing_entity b using (billing_entity_id) where b.billing_entity_id is null`,
    );
    expect(rows).toEqual([]);
  });

  it('has the trial once per owner, however many they create at once', async () => {
    const ann = await installation.person(0n);
    const ids = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        installation
          .either(index)
          .organizations.create(ann.principal, {
            externalId: `farm-${index}`,
            name: 'Farm',
            visibility: 'PRIVATE',
            ownerExternalId: ann.externalId,
          })
          .then(({ billingEntityId }) => billingEntityId),
      ),
    );
    const balances = await Promise.all(ids.map(available));
    expect(balances.map(Number).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 0, 10_000]);
    // Neither by giving the first one away and starting anew.
    const ben = await installation.person(0n);
    const rich = ids[balances.indexOf(10_000n)] as string;
    await join(ann.principal, rich, ben, { role: 'OWNER' });
    await removeMember(ann.principal, rich, ann);
    expect(await available(await organization(ann.principal))).toBe(0n);
    // The trial itself stays where it is.
    const { transfers } = installation.one;
    const input = { idempotencyKey: installation.key(), fromBillingEntityId: rich, amount: 1n, reason: null };
    expect(await transfers.transfer(ben.principal, { ...input, toBillingEntityId: ben.id })).toMatchObject({
      kind: 'insufficient',
      available: 0n,
    });
  });

  it('without an owner has no trial; with one that a service names, they have theirs and it has its own', async () => {
    const create = (ownerExternalId: string | null, externalId: string) =>
      installation.one.organizations.create(SERVICE, { externalId, name: 'C', visibility: 'PRIVATE', ownerExternalId });
    expect(await available((await create(null, 'nobody’s')).billingEntityId)).toBe(0n);
    const id = (await create('olga', 'olga’s')).billingEntityId;
    const olga = await installation.two.entities.byExternalId('USER', 'olga');
    expect(await Promise.all([id, olga?.billingEntityId as string].map(available))).toEqual([10_000n, 10_000n]);
    expect(await roles(id)).toEqual({ olga: 'OWNER ACTIVE' });
  });

  it('gets its trial also when the process died before giving it', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal, 'half-made');
    await installation.behindItsBack(
      `insert into entity_key values ('ORGANIZATION_TRIAL_DUE', 'half-made', '${id}')`,
      `delete from ledger_entry where billing_entity_id = '${id}'`,
      `delete from credit_grant where billing_entity_id = '${id}'`,
      `update credit_account set trial_given = false, available = 0, sequence = 0, version = 0 where billing_entity_id = '${id}'`,
    );
    await installation.two.organizations.giveDueTrials();
    await installation.one.organizations.giveDueTrials();
    expect(await available(id)).toBe(10_000n);
  });

  it('is created by nobody for somebody else, and not under a name that is none', async () => {
    const ann = await installation.person(0n);
    const create = (principal: Principal, changes: object) =>
      installation.one.organizations.create(principal, {
        externalId: 'x',
        name: 'X',
        visibility: 'PRIVATE',
        ownerExternalId: null,
        ...changes,
      });
    expect(await codeOf(create(ann.principal, { ownerExternalId: 'somebody' }))).toBe('FORBIDDEN');
    for (const wrong of [{ name: '  ' }, { name: 'x'.repeat(256) }, { externalId: '' }, { name: 'a\0' }]) {
      expect(await codeOf(create(ann.principal, wrong))).toBe('BAD_USER_INPUT');
    }
    expect(await installation.one.entities.byExternalId('ORGANIZATION', 'x')).toBeNull();
  });

  it('changes its name and who pays, audited once for what really changed', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal);
    const update = (change: object) =>
      installation.one.organizations.update(ann.principal, { billingEntityId: id, ...change });
    expect(await update({ name: ' Acme Ltd ' })).toMatchObject({ name: 'Acme Ltd', visibility: 'PRIVATE' });
    expect(await update({ visibility: 'PUBLIC' })).toMatchObject({ name: 'Acme Ltd', visibility: 'PUBLIC' });
    await update({ visibility: 'PUBLIC', name: 'Acme Ltd' });
    expect(
      (await audited(id, { actions: ['organization.update'] })).map(({ before, after }) => [before, after]),
    ).toEqual([
      [
        { name: 'Acme Ltd', visibility: 'PRIVATE' },
        { name: 'Acme Ltd', visibility: 'PUBLIC' },
      ],
      [
        { name: 'Acme', visibility: 'PRIVATE' },
        { name: 'Acme Ltd', visibility: 'PRIVATE' },
      ],
    ]);
    expect(await codeOf(installation.one.organizations.update(OPERATOR, { billingEntityId: ann.id, name: 'X' }))).toBe(
      'BAD_USER_INPUT',
    );
  });

  it('does not change who pays while use is under way in it', async () => {
    const ann = await installation.person(0n);
    const id = await organization(ann.principal);
    const use = await installation.admin.connect();
    await use.query('begin');
    await use.query('select pg_advisory_xact_lock_shared($1::bigint)', [useLockOf(id).toString()]);
    let isAnswered = false;
    const change = installation.one.organizations
      .update(ann.principal, { billingEntityId: id, visibility: 'PUBLIC' })
      .then(() => (isAnswered = true));
    // Others go on meanwhile, and a new name does not wait.
    await installation.one.organizations.update(ann.principal, { billingEntityId: id, name: 'At once' });
    expect(isAnswered).toBe(false);
    await use.query('commit');
    use.release();
    await change;
    expect(isAnswered).toBe(true);
  });
});

describe('the lock of use', () => {
  it('is the last eight bytes of the id, signed', () => {
    expect(useLockOf('01a2063a-0000-7000-8000-0000000000ff')).toBe(-0x7fff_ffff_ffff_ff01n);
    expect(useLockOf('01a2063a-1111-7111-bfff-ffffffffffff')).toBe(-0x4000_0000_0000_0001n);
  });
});

import type { Principal } from '../../../src/billing-entities/principal.ts';
import { OPERATOR, SERVICE } from '../../support/installation.ts';
import { SmtpReceiver } from '../../support/smtp.ts';
import { Mailing, SOON } from './mailing.ts';

let smtp: SmtpReceiver;
let mailing: Mailing;
let count = 0;

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  mailing = await Mailing.open({ smtpUrl: smtp.url, timeouts: SOON });
});

afterEach(async () => {
  await sendDue();
  // Another day: its bounds begin anew.
  mailing.forwardMinutes(2 * 1_440);
  smtp.clear();
});

afterAll(async () => {
  await mailing.close();
  await smtp.stop();
});

const sendDue = (): Promise<void> => mailing.one.mail.sender.sendDue();
const stranger = (): string => `stranger${(count += 1)}@example.org`;
const set = (billingEntityId: string, principal: Principal, ...emails: string[]) =>
  mailing.one.mail.addresses.set({ billingEntityId, emails, principal });
const statesOf = async (billingEntityId: string) =>
  (await mailing.two.mail.addresses.list(billingEntityId)).map(({ address, state }) => [address, state]);

/** The token of the link in the newest mail to this address. */
function tokenFor(address: string, path: 'confirm-email' | 'unsubscribe'): string {
  const text = smtp.to(address).at(-1)?.text ?? '';
  const url = new RegExp(`\\S+/${path}\\?token=\\S+`).exec(text)?.[0] ?? 'none:';
  return new URL(url).searchParams.get('token') ?? '';
}

async function follow(address: string, path: 'confirm-email' | 'unsubscribe'): Promise<void> {
  const { links, addresses } = mailing.two.mail;
  const ref = links.read(path === 'unsubscribe' ? 'unsubscribe' : 'confirm', tokenFor(address, path));
  if (ref === null) throw new Error(`there is no link to ${path}`);
  await (path === 'unsubscribe' ? addresses.unsubscribe(ref) : addresses.confirm(ref));
}

test('the address that the caller’s token vouches for is mailed at once', async () => {
  const ana = await mailing.person();
  await set(ana.id, ana.principal, ana.email.toUpperCase());
  expect(await statesOf(ana.id)).toEqual([[ana.email.toUpperCase().replace('EXAMPLE.COM', 'example.com'), 'ACTIVE']]);
  await mailing.raise(ana.id);
  await sendDue();
  expect(smtp.received).toHaveLength(1);
});

test('any other address is asked first, and mailed nothing before its owner confirms', async () => {
  const ana = await mailing.person();
  const other = stranger();
  await set(ana.id, ana.principal, other);
  await mailing.raise(ana.id, { message: 'before the consent' });
  // Of two mails to one address the second waits for the next look.
  await sendDue();
  await sendDue();
  expect(await statesOf(ana.id)).toEqual([[other, 'PENDING']]);
  expect(smtp.received.map(({ subject, envelopeTo }) => [envelopeTo, subject])).toEqual([
    [[other], 'Confirm that you want alerts from Acme AI'],
  ]);
  await follow(other, 'confirm-email');
  expect(await statesOf(ana.id)).toEqual([[other, 'ACTIVE']]);
  await mailing.raise(ana.id);
  await sendDue();
  expect(smtp.to(other)).toHaveLength(2);
  expect(smtp.to(other)[1]?.text).not.toContain('before the consent');
  expect(smtp.to(ana.email)).toHaveLength(0);
});

test.each([
  [
    'a token that names none',
    (): Principal => ({ kind: 'USER', subject: 'x', billingEntityId: '', expiresAt: new Date() }),
  ],
  ['a service', (): Principal => SERVICE],
  ['an operator', (): Principal => OPERATOR],
])('%s vouches for no address', async (_, principal) => {
  const ana = await mailing.person();
  await set(ana.id, principal(), ana.email);
  expect(await statesOf(ana.id)).toEqual([[ana.email, 'PENDING']]);
});

test('an address is asked once a day for an entity, however often it is set', async () => {
  const ana = await mailing.person();
  const other = stranger();
  for (let index = 0; index < 5; index += 1) {
    await set(ana.id, ana.principal, other);
    await set(ana.id, ana.principal);
  }
  mailing.forwardMinutes(1_439);
  await set(ana.id, ana.principal, other);
  await sendDue();
  expect(smtp.to(other)).toHaveLength(1);
  mailing.forwardMinutes(1);
  await set(ana.id, ana.principal, other);
  await sendDue();
  expect(smtp.to(other)).toHaveLength(2);
});

test('of all entities together three a day ask one mailbox, also under other spellings', async () => {
  const other = stranger();
  const [local, domain] = other.split('@');
  const spellings = [other, `${local}+1@${domain}`, other.toUpperCase(), `${local}+2@${domain}`, other];
  for (const spelling of spellings) {
    const ana = await mailing.person();
    await set(ana.id, ana.principal, spelling);
  }
  await sendDue();
  expect(smtp.received).toHaveLength(3);
});

test('a caller asks thirty new addresses a day, over all their entities, and what is refused changes nothing', async () => {
  const [ana, bob] = [await mailing.person(), await mailing.person()];
  const ids = await Promise.all(
    Array.from({ length: 4 }, () =>
      mailing.organization([
        { person: ana, role: 'OWNER' },
        { person: bob, role: 'ADMIN' },
      ]),
    ),
  );
  const ten = (): string[] => Array.from({ length: 10 }, stranger);
  for (const id of ids.slice(0, 3)) await set(id, ana.principal, ...ten());
  const last = ids[3] as string;
  await expect(set(last, ana.principal, ...ten())).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  expect(await statesOf(last)).toEqual([]);
  // Somebody else is counted by themselves.
  await set(last, bob.principal, stranger());
  await sendDue();
  expect(smtp.received).toHaveLength(31);
});

test('an entity asks thirty new addresses a day, whoever sets them', async () => {
  const people = await Promise.all(Array.from({ length: 4 }, () => mailing.person()));
  const id = await mailing.organization(people.map((person) => ({ person, role: 'ADMIN' })));
  const ten = (): string[] => Array.from({ length: 10 }, stranger);
  for (const { principal } of people.slice(0, 3)) await set(id, principal, ...ten());
  await expect(set(id, people[3]?.principal as Principal, stranger())).rejects.toMatchObject({ code: 'RATE_LIMITED' });
});

describe('a list', () => {
  test('has at most ten addresses, and spellings of one are one', async () => {
    const ana = await mailing.person();
    const ten = Array.from({ length: 10 }, stranger);
    await set(ana.id, ana.principal, ...ten, ...ten.map((address) => ` ${address.toUpperCase()}`));
    expect((await statesOf(ana.id)).map(([address]) => address)).toEqual(ten);
    await expect(set(ana.id, ana.principal, ...ten, stranger())).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    expect((await statesOf(ana.id)).map(([address]) => address)).toEqual(ten);
  });

  test.each(['', 'no address', 'a@example.com\r\nBcc: b@example.com', 'Ana <a@example.com>'])(
    '%j is refused',
    async (text) => {
      const ana = await mailing.person();
      await expect(set(ana.id, ana.principal, text)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    },
  );

  test('of thousands of texts is refused before they are read', async () => {
    const ana = await mailing.person();
    const many = Array.from({ length: 5_000 }, () => ana.email);
    await expect(set(ana.id, ana.principal, ...many)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test('of an entity that is not there is refused', async () => {
    const ana = await mailing.person();
    const nobody = '01900000-0000-7000-8000-0000000000ff';
    await expect(set(nobody, ana.principal, ana.email)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('keeps its order, and forgets no confirmation when an address goes and comes', async () => {
    const ana = await mailing.person();
    const [one, two] = [stranger(), stranger()];
    await set(ana.id, ana.principal, one, two, ana.email);
    await sendDue();
    await follow(one, 'confirm-email');
    await set(ana.id, ana.principal, ana.email);
    await set(ana.id, ana.principal, ana.email, two, one);
    expect(await statesOf(ana.id)).toEqual([
      [ana.email, 'ACTIVE'],
      [two, 'PENDING'],
      [one, 'ACTIVE'],
    ]);
  });

  test('that is empty has alerts mailed where they go by default', async () => {
    const ana = await mailing.person();
    await set(ana.id, ana.principal, stranger());
    await set(ana.id, ana.principal);
    await mailing.raise(ana.id);
    await sendDue();
    expect(smtp.to(ana.email)).toHaveLength(1);
  });

  test('is audited with masked addresses, when it changes', async () => {
    const ana = await mailing.person();
    await set(ana.id, ana.principal, ana.email);
    await set(ana.id, ana.principal, ana.email);
    const { edges } = await mailing.one.auditLog.list(
      ana.id,
      { first: 10, after: null },
      { actors: null, actions: ['alertEmails.set'], from: null, to: null },
    );
    expect(edges.map(({ node }) => [node.before, node.after])).toEqual([
      [{ emails: '' }, { emails: 'p…@example.com' }],
    ]);
  });

  test('that is set by many at once is one of theirs, whole', async () => {
    const ana = await mailing.person();
    const lists = Array.from({ length: 6 }, () => [stranger(), stranger(), ana.email]);
    await Promise.all(
      lists.map((emails, index) =>
        mailing.installation
          .either(index)
          .mail.addresses.set({ billingEntityId: ana.id, emails, principal: ana.principal }),
      ),
    );
    expect(lists).toContainEqual((await statesOf(ana.id)).map(([address]) => address));
  });
});

describe('who unsubscribed', () => {
  test('stays so, whoever sets the address again, and is not even asked', async () => {
    const [owner, admin] = [await mailing.person(), await mailing.person()];
    const id = await mailing.organization([
      { person: owner, role: 'OWNER' },
      { person: admin, role: 'ADMIN' },
    ]);
    await set(id, owner.principal, owner.email);
    await mailing.raise(id);
    await sendDue();
    await follow(owner.email, 'unsubscribe');
    mailing.forwardMinutes(2 * 1_440);
    smtp.clear();
    for (const principal of [admin.principal, OPERATOR]) {
      await set(id, principal);
      await set(id, principal, owner.email);
    }
    await mailing.raise(id);
    await sendDue();
    expect(await statesOf(id)).toEqual([[owner.email, 'UNSUBSCRIBED']]);
    expect(smtp.received).toHaveLength(0);
  });

  test('is left out where alerts go by default, and hears of other entities', async () => {
    const [one, two] = [await mailing.person(), await mailing.person()];
    const id = await mailing.organization([
      { person: one, role: 'OWNER' },
      { person: two, role: 'BILLING' },
    ]);
    await mailing.raise(id);
    await sendDue();
    await follow(one.email, 'unsubscribe');
    mailing.forwardMinutes(20);
    smtp.clear();
    await mailing.raise(id);
    await mailing.raise(one.id);
    await sendDue();
    expect(smtp.received.flatMap(({ envelopeTo }) => envelopeTo).toSorted()).toEqual([one.email, two.email].toSorted());
    // No mail was made for them that would not be sent: it would count as the entity's, and keep later news waiting.
    expect((await mailing.mails(id)).map(({ recipient }) => String(recipient)).toSorted()).toEqual(
      [one.email, two.email, two.email].toSorted(),
    );
  });

  test('gets no mail that was made before and not sent', async () => {
    const ana = await mailing.person();
    await mailing.raise(ana.id);
    await sendDue();
    mailing.forwardMinutes(20);
    await mailing.raise(ana.id);
    smtp.script.push({ at: 'rcpt', status: 450 });
    await sendDue();
    await follow(ana.email, 'unsubscribe');
    mailing.forwardMinutes(20);
    await sendDue();
    expect(smtp.to(ana.email)).toHaveLength(1);
    expect((await mailing.mails(ana.id)).at(-1)).toMatchObject({
      failed: true,
      failure: 'unsubscribed',
      content: null,
    });
  });

  test('is asked when they set it themselves, and mailed again when they confirm', async () => {
    const ana = await mailing.person();
    await mailing.raise(ana.id);
    await sendDue();
    await follow(ana.email, 'unsubscribe');
    mailing.forwardMinutes(20);
    await set(ana.id, ana.principal, ana.email);
    await mailing.raise(ana.id);
    await sendDue();
    expect(await statesOf(ana.id)).toEqual([[ana.email, 'UNSUBSCRIBED']]);
    expect(smtp.to(ana.email).map(({ subject }) => subject)).toEqual([
      'Initech: Credits are running low',
      'Confirm that you want alerts from Acme AI',
    ]);
    await follow(ana.email, 'confirm-email');
    await mailing.raise(ana.id);
    await sendDue();
    expect(smtp.to(ana.email)).toHaveLength(3);
  });
});

test('without SMTP nobody is asked and nothing is kept to be sent later', async () => {
  const silent = await mailing.installation.bench.services({ mail: null, clock: mailing.installation.clock });
  const ana = await mailing.person();
  await silent.mail.addresses.set({ billingEntityId: ana.id, emails: [stranger()], principal: ana.principal });
  await mailing.rows.transaction((transaction) => silent.mail.mails.enqueue(mailing.alert(ana.id), transaction));
  await silent.mail.sender.sendDue();
  await set(ana.id, ana.principal);
  await sendDue();
  expect(smtp.received).toHaveLength(0);
  expect(await mailing.mails(ana.id)).toEqual([]);
});

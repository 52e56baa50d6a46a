import { SmtpReceiver } from '../../support/smtp.ts';
import { Mailing, SOON } from './mailing.ts';

let smtp: SmtpReceiver;
let mailing: Mailing;

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  mailing = await Mailing.open({ smtpUrl: smtp.url, timeouts: SOON });
});

afterEach(async () => {
  await sendDue();
  mailing.forwardMinutes(600);
  smtp.clear();
});

afterAll(async () => {
  await mailing.close();
  await smtp.stop();
});

const sendDue = (): Promise<void> => mailing.one.mail.sender.sendDue();

describe('a burst', () => {
  test('is one mail at once, and one after ten minutes with all the rest in its order', async () => {
    const ana = await mailing.person();
    await mailing.raise(ana.id, { message: 'the first' });
    await sendDue();
    for (const message of ['the second', 'the third', 'the fourth']) {
      mailing.forwardMinutes(1);
      await mailing.raise(ana.id, { message, type: 'CRITICAL' });
      await sendDue();
    }
    expect(smtp.to(ana.email).map(({ text }) => text)).toEqual([expect.stringContaining('the first')]);
    mailing.forwardMinutes(6);
    await sendDue();
    expect(smtp.to(ana.email)).toHaveLength(1);
    mailing.forwardMinutes(1);
    await sendDue();
    const [, second] = smtp.to(ana.email);
    expect(second?.text).toMatch(/the second[^]*the third[^]*the fourth/);
    expect(second?.text).not.toContain('the first');
    expect(second?.subject).toBe('Initech: 3 alerts, the latest: Credits are nearly used up');
    mailing.forwardMinutes(30);
    await sendDue();
    expect(smtp.to(ana.email)).toHaveLength(2);
  });

  test('of one instant is told in the order in which it was raised', async () => {
    const ana = await mailing.person();
    // Ten and more: their ids in the order of text are in another one.
    for (let index = 0; index < 12; index += 1) await mailing.raise(ana.id, { message: `step ${index};` });
    await sendDue();
    expect(smtp.to(ana.email)[0]?.text?.match(/step \d+/g)).toEqual(
      Array.from({ length: 12 }, (_, index) => `step ${index}`),
    );
  });

  test('of one entity keeps no other entity waiting', async () => {
    const [ana, bob] = [await mailing.person(), await mailing.person()];
    await mailing.raise(ana.id);
    await sendDue();
    await mailing.raise(bob.id);
    await sendDue();
    expect([smtp.to(ana.email).length, smtp.to(bob.email).length]).toEqual([1, 1]);
  });

  test('during an outage is folded, and what leaves after it leaves ten minutes apart', async () => {
    const ana = await mailing.person();
    const sentAt: number[] = [];
    for (let minute = 0; minute < 240; minute += 1) {
      // The server is away for three hours, in which something happens every ten minutes.
      if (minute < 180 && minute % 10 === 0) await mailing.raise(ana.id, { message: `at ${minute} minutes` });
      if (minute < 180) smtp.script.push({ at: 'rcpt', status: 450 });
      else smtp.script.length = 0;
      const before = smtp.to(ana.email).length;
      await sendDue();
      if (smtp.to(ana.email).length > before) sentAt.push(minute);
      mailing.forwardMinutes(1);
    }
    const told = smtp.to(ana.email).flatMap(({ text }) => (text ?? '').match(/at \d+ minutes/g) ?? []);
    expect(new Set(told).size).toBe(18);
    expect(told).toHaveLength(18);
    expect(sentAt.length).toBeLessThanOrEqual(4);
    sentAt.forEach((minute, index) => {
      if (index > 0) expect(minute - (sentAt[index - 1] as number)).toBeGreaterThanOrEqual(10);
    });
  });

  test('after a mail that was held up waits for ten minutes from when that left, and is one mail', async () => {
    const ana = await mailing.person();
    await mailing.raise(ana.id, { message: 'held up' });
    for (let minute = 0; minute < 20; minute += 1) {
      smtp.script.splice(0, Infinity, { at: 'rcpt', status: 450 });
      await sendDue();
      mailing.forwardMinutes(1);
    }
    smtp.script.length = 0;
    mailing.forwardMinutes(20);
    await sendDue();
    for (const message of ['the second', 'the third']) {
      mailing.forwardMinutes(1);
      await mailing.raise(ana.id, { message });
      await sendDue();
    }
    expect(smtp.to(ana.email)).toHaveLength(1);
    mailing.forwardMinutes(8);
    await sendDue();
    expect(smtp.to(ana.email)[1]?.text).toMatch(/the second[^]*the third/);
  });

  test('of more than a mail can tell is told by its newest, with the number of the others', async () => {
    const ana = await mailing.person();
    for (let index = 0; index < 25; index += 1) {
      await mailing.raise(ana.id, {
        message: `number ${index}.`,
        at: new Date(mailing.installation.clock.now().getTime() + index),
      });
    }
    await sendDue();
    const [mail] = smtp.to(ana.email);
    expect(mail?.text).toContain('5 earlier alerts are left out here');
    expect(mail?.text).not.toContain('number 4.');
    expect(mail?.text).toContain('number 24.');
  });
});

describe('an organization that chose no addresses', () => {
  test('has its alerts mailed to its OWNERs, ADMINs and BILLINGs, and not to members or who is suspended', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => mailing.person()));
    const roles = ['OWNER', 'ADMIN', 'BILLING', 'MEMBER', 'ADMIN', 'ADMIN'] as const;
    const id = await mailing.organization(people.map((person, index) => ({ person, role: roles[index] ?? 'MEMBER' })));
    await mailing.one.members.set(
      { kind: 'OPERATOR', subject: 'root', expiresAt: new Date('2100-01-01') },
      {
        billingEntityId: id,
        userExternalId: people[4]?.externalId as string,
        role: 'ADMIN',
        status: 'SUSPENDED',
        reason: 'test',
      },
    );
    // No longer vouched for.
    await mailing.one.mail.tokenEmails.note(people[5]?.id as string, {
      address: people[5]?.email as string,
      verified: false,
    });
    await mailing.raise(id);
    await sendDue();
    const got = smtp.received.flatMap(({ envelopeTo }) => envelopeTo).toSorted();
    expect(got).toEqual(
      people
        .slice(0, 3)
        .map(({ email }) => email)
        .toSorted(),
    );
    // Each alone: nobody reads the others' addresses or uses their links.
    expect(smtp.received.every(({ envelopeTo }) => envelopeTo.length === 1)).toBe(true);
  });

  test('has a member’s limit mailed to them as well, without the pace of the organization', async () => {
    const [owner, member, other] = await Promise.all([mailing.person(), mailing.person(), mailing.person()]);
    const id = await mailing.organization([
      { person: owner, role: 'OWNER' },
      { person: member, role: 'MEMBER' },
      { person: other, role: 'MEMBER' },
    ]);
    const limit = {
      type: 'MEMBER_LIMIT',
      member: { billingEntityId: member.id, name: 'Mia' },
      message: 'Mia is at 80 %.',
    } as const;
    await mailing.raise(id, limit);
    await mailing.raise(id, { message: 'The pool is nearly empty.' });
    await sendDue();
    expect(smtp.to(other.email)).toHaveLength(0);
    const [toOwner, toMember] = [smtp.to(owner.email)[0], smtp.to(member.email)[0]];
    expect(toOwner?.text).toContain('The pool is nearly empty.');
    expect(toOwner?.text).toContain('Pace: 0 credits a day');
    expect(toMember?.text).toContain('Mia is at 80 %.');
    expect(toMember?.text).not.toMatch(/The pool is nearly empty|Pace|run out/);
    expect(toMember?.html).not.toMatch(/The pool is nearly empty|Pace|run out/);
  });

  test('mails nothing about a limit to whoever has left meanwhile, invited again or not', async () => {
    const [owner, gone, invited] = await Promise.all([mailing.person(), mailing.person(), mailing.person()]);
    const id = await mailing.organization([{ person: owner, role: 'OWNER' }]);
    const invitation = { userExternalId: invited.externalId, role: 'MEMBER', reason: null } as const;
    await mailing.one.members.set(owner.principal, { billingEntityId: id, ...invitation });
    for (const { id: billingEntityId } of [gone, invited]) {
      await mailing.raise(id, { type: 'MEMBER_LIMIT', member: { billingEntityId, name: 'Mia' } });
    }
    await sendDue();
    expect(smtp.received.flatMap(({ envelopeTo }) => envelopeTo)).toEqual([owner.email]);
  });

  test('mails a person once who is mailed for two reasons', async () => {
    const owner = await mailing.person();
    const id = await mailing.organization([{ person: owner, role: 'OWNER' }]);
    await mailing.raise(id, { type: 'MEMBER_LIMIT', member: { billingEntityId: owner.id, name: 'Olga' } });
    await sendDue();
    expect(smtp.to(owner.email)).toHaveLength(1);
  });
});

test('news that reaches nobody is told nobody later, and opens no window', async () => {
  const ana = await mailing.installation.person(10n);
  await mailing.raise(ana.id, { message: 'before anybody knew the address' });
  await sendDue();
  await mailing.one.mail.tokenEmails.note(ana.id, { address: 'late@example.com', verified: true });
  await mailing.raise(ana.id, { message: 'after' });
  await sendDue();
  expect(smtp.to('late@example.com').map(({ text }) => text)).toEqual([expect.stringContaining('after')]);
  expect(smtp.to('late@example.com')[0]?.text).not.toContain('before anybody');
});

test('the newest address that a token vouched for is the one that is mailed', async () => {
  const ana = await mailing.person('ana-old@example.com');
  const { tokenEmails } = mailing.one.mail;
  await tokenEmails.note(ana.id, { address: 'ana-unchecked@example.com', verified: false });
  await tokenEmails.note(ana.id, { address: 'ana-new@example.com', verified: true });
  await tokenEmails.note(ana.id, { address: 'no address', verified: true });
  await mailing.raise(ana.id);
  await sendDue();
  expect(smtp.received.flatMap(({ envelopeTo }) => envelopeTo)).toEqual(['ana-new@example.com']);
});

test('a notice travels with the alerts', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  const notice = {
    billingEntityId: ana.id,
    id: '01900000-0000-7000-8000-00000000000a',
    entityName: 'Initech',
    title: 'Your webhook endpoint was disabled',
    message: 'It failed for a day.',
    at: new Date(mailing.installation.clock.now().getTime() + 1),
  };
  await mailing.rows.transaction((transaction) => mailing.two.mail.mails.enqueueNotice(notice, transaction));
  await sendDue();
  expect(smtp.to(ana.email)).toHaveLength(1);
  expect(smtp.to(ana.email)[0]?.text).toContain('Your webhook endpoint was disabled');
  expect(smtp.to(ana.email)[0]?.text).toContain('Balance: 5,000 credits');
});

import { freePort } from '../../support/free-port.ts';
import { SmtpReceiver, startSilentServer } from '../../support/smtp.ts';
import { Mailing, SOON } from './mailing.ts';

let smtp: SmtpReceiver;
let mailing: Mailing;

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  mailing = await Mailing.open({ smtpUrl: smtp.url, timeouts: SOON, conversationMs: 5_000 });
});

afterEach(() => smtp.clear());

afterAll(async () => {
  await mailing.close();
  await smtp.stop();
});

const sendDue = (): Promise<void> => mailing.one.mail.sender.sendDue();

test('a mail is taken over a real socket, once, and its content is not kept', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  await sendDue();
  await sendDue();
  expect(smtp.to(ana.email)).toHaveLength(1);
  expect(await mailing.mails(ana.id)).toEqual([
    expect.objectContaining({ kind: 'DIGEST', recipient: ana.email, attempts: 1, sent: true, content: null }),
  ]);
});

test('an alert that is handed over twice is mailed once, also after it was mailed', async () => {
  const ana = await mailing.person();
  const alert = await mailing.raise(ana.id);
  await mailing.raise(ana.id, alert);
  await sendDue();
  mailing.forwardMinutes(11);
  await mailing.raise(ana.id, alert);
  await sendDue();
  expect(smtp.to(ana.email)).toHaveLength(1);
  expect(smtp.to(ana.email)[0]?.subject).toBe('Initech: Credits are running low');
});

describe.each([
  ['421 at RCPT', { at: 'rcpt', status: 421 }],
  ['450 at RCPT', { at: 'rcpt', status: 450 }],
  ['451 after DATA', { at: 'data', status: 451 }],
  ['a connection that is dropped inside DATA', 'drop-in-data'],
] as const)('%s', (_, misbehaviour) => {
  test('is followed by another try after a pause, and by one mail', async () => {
    const ana = await mailing.person();
    await mailing.raise(ana.id);
    smtp.script.push(misbehaviour);
    await sendDue();
    expect(smtp.received).toHaveLength(0);
    await sendDue();
    expect(smtp.conversations).toBe(1);
    mailing.forwardMinutes(1);
    await sendDue();
    await sendDue();
    expect(smtp.to(ana.email)).toHaveLength(1);
    expect(await mailing.mails(ana.id)).toEqual([expect.objectContaining({ attempts: 2, sent: true, failed: false })]);
  });
});

test('a connection that is dropped after DATA may have the mail taken twice, under one Message-ID and with one content', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  smtp.script.push('drop-before-answer');
  await sendDue();
  mailing.forwardMinutes(1);
  await sendDue();
  await sendDue();
  const mails = smtp.to(ana.email);
  expect(mails).toHaveLength(2);
  expect(mails[0]?.messageId).toMatch(/^<[0-9a-f-]{36}@acme\.example>$/);
  expect([mails[1]?.messageId, mails[1]?.text, mails[1]?.html, mails[1]?.date]).toEqual([
    mails[0]?.messageId,
    mails[0]?.text,
    mails[0]?.html,
    mails[0]?.date,
  ]);
});

test('a server that has the mail and does not answer is left after its time, and asked again', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  smtp.script.push('hang-before-answer');
  await sendDue();
  expect(await mailing.mails(ana.id)).toEqual([expect.objectContaining({ attempts: 1, sent: false, failed: false })]);
  mailing.forwardMinutes(1);
  await sendDue();
  expect(new Set(smtp.to(ana.email).map(({ messageId }) => messageId)).size).toBe(1);
  expect(await mailing.mails(ana.id)).toEqual([expect.objectContaining({ attempts: 2, sent: true })]);
});

test.each([
  ['at RCPT', { at: 'rcpt', status: 550 }],
  ['after DATA', { at: 'data', status: 554 }],
] as const)(
  'a refusal for good %s is not tried again, and what the server said is not kept',
  async (_, misbehaviour) => {
    const ana = await mailing.person();
    await mailing.raise(ana.id);
    smtp.script.push(misbehaviour);
    for (let hour = 0; hour < 30; hour += 1) {
      await sendDue();
      mailing.forwardMinutes(60);
    }
    expect(smtp.conversations).toBe(1);
    const [mail] = await mailing.mails(ana.id);
    expect(mail).toMatchObject({ sent: false, failed: true, attempts: 1, content: null });
    expect(mail?.['failure']).toMatch(new RegExp(`${misbehaviour.status}`));
    expect(JSON.stringify(mail)).not.toContain('secret-person');
  },
);

test('a refusal for good of one mail keeps no other one back', async () => {
  const [ana, bob] = [await mailing.person(), await mailing.person()];
  await mailing.raise(ana.id);
  await mailing.raise(bob.id);
  smtp.script.push({ at: 'rcpt', status: 550 });
  await sendDue();
  expect(smtp.received).toHaveLength(1);
});

test('a server that refuses for now is asked at growing intervals, and given up after a day', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  const tries: number[] = [];
  for (let minute = 0; minute < 26 * 60; minute += 1) {
    smtp.script.push({ at: 'rcpt', status: 450 });
    const before = smtp.conversations;
    await sendDue();
    if (smtp.conversations > before) tries.push(minute);
    mailing.forwardMinutes(1);
  }
  expect(tries.slice(0, 6)).toEqual([0, 1, 2, 4, 8, 16]);
  expect(tries.length).toBeGreaterThan(20);
  expect(tries.at(-1)).toBeLessThanOrEqual(24 * 60);
  expect(await mailing.mails(ana.id)).toEqual([
    expect.objectContaining({
      failed: true,
      content: null,
      failure: expect.stringMatching(/^too late: .*450/) as string,
    }),
  ]);
});

test('while the server is away, mails wait and are all there once it is back, none of them twice', async () => {
  const port = await freePort();
  const elsewhere = await Mailing.open({ smtpUrl: `smtp://127.0.0.1:${port}`, timeouts: SOON });
  try {
    const people = await Promise.all(Array.from({ length: 3 }, () => elsewhere.person()));
    for (const { id } of people) await elsewhere.raise(id);
    await elsewhere.one.mail.sender.sendDue();
    const [mail] = await elsewhere.mails(people[0]?.id as string);
    expect(mail).toMatchObject({ sent: false, failed: false, failure: expect.stringContaining('ESOCKET') as string });
    const back = await SmtpReceiver.start(port);
    try {
      for (let minute = 0; minute < 3; minute += 1) {
        elsewhere.forwardMinutes(1);
        await elsewhere.one.mail.sender.sendDue();
      }
      const got = back.received.flatMap(({ envelopeTo }) => envelopeTo);
      expect(got.toSorted()).toEqual(people.map(({ email }) => email).toSorted());
    } finally {
      await back.stop();
    }
  } finally {
    await elsewhere.close();
  }
});

test('a server that says nothing is left after its time, and the other mails do not wait for it one by one', async () => {
  const silent = await startSilentServer();
  const elsewhere = await Mailing.open({ smtpUrl: silent.url, timeouts: SOON });
  try {
    const people = await Promise.all(Array.from({ length: 12 }, () => elsewhere.person()));
    for (const { id } of people) await elsewhere.raise(id);
    await elsewhere.one.mail.sender.sendDue();
    // As many as are sent at one time.
    expect(silent.connections()).toBeLessThanOrEqual(4);
    const { waiting } = await elsewhere.one.mail.sender.counts();
    expect(waiting).toBe(12);
  } finally {
    await elsewhere.close();
    await silent.stop();
  }
});

import pg from 'pg';
import { interceptorOf } from './interruptions.ts';
import { SmtpReceiver } from '../../support/smtp.ts';
import { waitFor } from '../../support/wait-for.ts';
import { FROM, Mailing, SOON } from './mailing.ts';

let smtp: SmtpReceiver;
let mailing: Mailing;

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  mailing = await Mailing.open({ smtpUrl: smtp.url, timeouts: { ...SOON, silenceMs: 10_000 } });
});

afterEach(() => {
  mailing.forwardMinutes(60);
  smtp.clear();
});

afterAll(async () => {
  await mailing.close();
  await smtp.stop();
});

test('two processes that race for the same news and mails send each once', async () => {
  const people = await Promise.all(Array.from({ length: 8 }, () => mailing.person()));
  for (let round = 0; round < 5; round += 1) {
    for (const { id } of people) await mailing.raise(id, { message: `round ${round}` });
    await Promise.all(
      [mailing.one, mailing.two, mailing.one, mailing.two].map((services) => services.mail.sender.sendDue()),
    );
    // What one passed over because the other was at it.
    await mailing.two.mail.sender.sendDue();
    mailing.forwardMinutes(10);
  }
  for (const { email } of people) {
    expect(smtp.to(email).map(({ text }) => /round \d/.exec(text ?? '')?.[0])).toEqual(
      [0, 1, 2, 3, 4].map((round) => `round ${round}`),
    );
  }
});

test('while one process is at a mail, no other one takes it, however long that lasts', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  smtp.script.push('hang-before-answer');
  const sending = mailing.one.mail.sender.sendDue();
  await waitFor(() => smtp.held === 1, 'the mail to be under way');
  // Its claim is over by the clock, and its lock is not.
  mailing.forwardMinutes(30);
  await mailing.two.mail.sender.sendDue();
  expect(smtp.conversations).toBe(1);
  await sending;
});

test('a process that dies between queueing and sending leaves a mail that the next one sends, once', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  // It folded and died.
  await mailing.one.mail.mails.fold();
  expect(smtp.received).toHaveLength(0);
  const next = await mailing.installation.bench.services({
    mail: { smtpUrl: smtp.url, from: FROM },
    clock: mailing.installation.clock,
  });
  await next.start();
  await waitFor(() => smtp.to(ana.email).length === 1, 'the mail');
  await next.stop();
  await mailing.two.mail.sender.sendDue();
  expect(smtp.to(ana.email)).toHaveLength(1);
});

test('a process that is killed while the server takes its mail is followed by another one, under the same Message-ID', async () => {
  const ana = await mailing.person();
  // The killed one has the machine's clock.
  mailing.installation.clock.set(new Date());
  await mailing.raise(ana.id);
  smtp.script.push('hang-before-answer');
  const killed = await mailing.installation.bench.process({
    SMTP_URL: smtp.url,
    MAIL_FROM: 'Acme AI <billing@acme.example>',
  });
  await waitFor(() => smtp.held === 1, 'the mail to be under way');
  await killed.kill();
  // Somebody may still be at it, for all that the next one knows.
  await mailing.one.mail.sender.sendDue();
  expect(smtp.received).toHaveLength(1);
  mailing.forwardMinutes(6);
  await waitFor(async () => {
    await mailing.one.mail.sender.sendDue();
    return smtp.received.length === 2;
  }, 'the mail to be sent again');
  await mailing.two.mail.sender.sendDue();
  expect(smtp.received).toHaveLength(2);
  expect(smtp.received[1]?.messageId).toBe(smtp.received[0]?.messageId);
  expect(await mailing.mails(ana.id)).toEqual([expect.objectContaining({ sent: true, attempts: 2 })]);
}, 180_000);

test('a mail that the server took is not sent again because the database was away when that was to be noted', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  await mailing.one.mail.mails.fold();
  const admin = new pg.Client({ connectionString: mailing.installation.database.adminUrl });
  await admin.connect();
  // Nobody can write mails from the moment in which the server has this one.
  const interruption = await interceptorOf(admin);
  smtp.onTaken = () => interruption.begin();
  const sending = mailing.one.mail.sender.sendDue();
  await waitFor(() => smtp.received.length === 1, 'the mail to be taken');
  await waitFor(() => interruption.refused().then((count) => count > 5), 'the noting to be refused again and again');
  await interruption.end();
  smtp.onTaken = undefined;
  await sending;
  await mailing.two.mail.sender.sendDue();
  expect(smtp.received).toHaveLength(1);
  expect(await mailing.mails(ana.id)).toEqual([expect.objectContaining({ sent: true, attempts: 1 })]);
  await admin.end();
});

test('a process that is told to stop lets the mail that is under way end', async () => {
  const stopping = await mailing.installation.bench.services({
    mail: { smtpUrl: smtp.url, from: FROM },
    clock: mailing.installation.clock,
  });
  const people = await Promise.all(Array.from({ length: 3 }, () => mailing.person()));
  for (const { id } of people) await mailing.raise(id);
  await stopping.start();
  await waitFor(() => smtp.conversations > 0, 'a mail to be under way');
  await stopping.stop();
  await mailing.one.mail.sender.sendDue();
  expect(smtp.received.flatMap(({ envelopeTo }) => envelopeTo).toSorted()).toEqual(
    people.map(({ email }) => email).toSorted(),
  );
});

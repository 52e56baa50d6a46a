import { titleOf } from '../../../src/alerts/mail/content.ts';
import { SmtpReceiver } from '../../support/smtp.ts';
import { Mailing, SOON } from './mailing.ts';

let smtp: SmtpReceiver;
let mailing: Mailing;

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  mailing = await Mailing.open({ smtpUrl: smtp.url, timeouts: SOON });
});

afterAll(async () => {
  await mailing.close();
  await smtp.stop();
});

const forwardDays = (days: number): void => mailing.forwardMinutes(days * 1_440);

test('mails and news are forgotten a month after they ended, and never what their owners said or what waits', async () => {
  const [ana, bob, cyd] = [await mailing.person(), await mailing.person(), await mailing.person()];
  const dee = await mailing.person();
  const { sender, addresses } = mailing.one.mail;
  for (const { id } of [ana, bob]) await mailing.raise(id);
  await sender.sendDue();
  const { rows } = await mailing.installation.admin.query<{ id: string }>(
    'select id from alert_address where billing_entity_id = $1',
    [ana.id],
  );
  await addresses.unsubscribe({ billingEntityId: ana.id, id: rows[0]?.id as string });
  smtp.script.push({ at: 'data', status: 451 });
  await mailing.raise(dee.id);
  await sender.sendDue();
  await mailing.raise(cyd.id, { message: 'still to be told' });
  forwardDays(29);
  await sender.forget();
  expect(await mailing.mails(ana.id)).toHaveLength(1);
  forwardDays(2);
  await sender.forget();
  expect(await mailing.mails(ana.id)).toEqual([]);
  expect(await mailing.mails(dee.id)).toMatchObject([{ sent: false, failed: false }]);
  forwardDays(60);
  await sender.forget();
  const { rows: kept } = await mailing.installation.admin.query<{ key: string }>(
    'select key from alert_address order by key',
  );
  expect(kept.map(({ key }) => key)).toEqual([ana.email, dee.email]);
  smtp.clear();
  for (const { id } of [ana, bob]) await mailing.raise(id);
  await sender.sendDue();
  expect(smtp.to(ana.email)).toEqual([]);
  expect(smtp.to(bob.email)).toHaveLength(1);
  expect(smtp.to(cyd.email).map(({ text }) => text)).toEqual([expect.stringContaining('still to be told')]);
});

test('the headline of a member’s limit tells the limit itself from what comes before it', () => {
  const headline = (level: number): string => titleOf({ type: 'MEMBER_LIMIT', level });
  expect([headline(0.8), headline(1)]).toEqual([
    'A member is close to their limit',
    'A member has reached their limit',
  ]);
});

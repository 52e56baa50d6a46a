import { randomUUID } from 'node:crypto';
import { SmtpReceiver } from '../../support/smtp.ts';
import { Mailing, SOON } from './mailing.ts';

let smtp: SmtpReceiver;
let mailing: Mailing;

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  mailing = await Mailing.open({ smtpUrl: smtp.url, timeouts: SOON });
});

afterEach(() => {
  mailing.forwardMinutes(20);
  smtp.clear();
});

afterAll(async () => {
  await mailing.close();
  await smtp.stop();
});

const sendDue = (): Promise<void> => mailing.one.mail.sender.sendDue();

/** The words of a page, in their order. */
const wordsOf = (html: string): string =>
  html
    .replace(/<(title|style)>[^]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

test('a mail is in the name of the installation, with balance, pace, the day on which credits run out, and links', async () => {
  const ana = await mailing.person();
  // 700 credits in seven days: 5 000 − 700 last 43 days, of which the period has 21.
  await mailing.one.consumption.consume(ana.principal, mailing.installation.use(ana, 7_000));
  await mailing.raise(ana.id);
  await sendDue();
  const [mail] = smtp.to(ana.email);
  expect(mail?.from?.text).toBe('"Acme AI" <billing@acme.example>');
  expect(mail?.text).toMatch(/80 % of the credits are used\./);
  expect(mail?.text).toContain('Balance: 4,300 credits');
  expect(mail?.text).toContain('Pace: 100 credits a day (mean of seven days)');
  expect(mail?.text).toContain('Credits run out: not before the period ends');
  expect(mail?.text).toContain('Open Acme AI: http://tollgate.test/');
  expect(mail?.text).toMatch(/E-mail preferences: http:\/\/tollgate\.test\/mail-preferences\?token=tg_mail_/);

  await mailing.one.consumption.consume(ana.principal, mailing.installation.use(ana, 14_000));
  mailing.forwardMinutes(20);
  await mailing.raise(ana.id);
  await sendDue();
  // 2 900 credits at 300 a day are used up in nine days and sixteen hours.
  expect(smtp.to(ana.email)[1]?.text).toContain('Credits run out: about 20 March 2026');
});

test('a mail has the headers of RFC 8058, on one line each, and says that nobody wrote it by hand', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  await sendDue();
  const { raw = '' } = smtp.to(ana.email)[0] ?? {};
  const head = raw.slice(0, raw.indexOf('\r\n\r\n'));
  expect(head).toMatch(/^List-Unsubscribe: <http:\/\/tollgate\.test\/unsubscribe\?token=tg_mail_[\w-]+>\r$/m);
  expect(head).toMatch(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m);
  expect(head).toMatch(/^Auto-Submitted: auto-generated\r$/m);
});

test('the HTML says what the text says, in a page that assistive technology can read, without a picture', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  await mailing.raise(ana.id, { type: 'CRITICAL', message: '95 % of the credits are used.' });
  await sendDue();
  const [mail] = smtp.to(ana.email);
  const html = String(mail?.html);
  expect(html).toMatch(/^<!doctype html>\n<html lang="en"/);
  expect(html).toMatch(/<title>[^<]+<\/title>/);
  expect(html.match(/<h1/g)).toHaveLength(1);
  expect(html).not.toMatch(/<img|<table|<script|background-image|url\(/);
  const words = wordsOf(html).replace(/\s+/g, ' ');
  const lines = (mail?.text ?? '')
    .split('\n')
    .map((line) => line.replace(/^\* |^--$/, '').trim())
    .filter((line) => line !== '');
  for (const line of lines) {
    const [, label, url] = /^(.*): (https?:\S+)$/.exec(line) ?? [];
    if (url === undefined) expect(words).toContain(line);
    else expect(html).toMatch(new RegExp(`<a href="${url.replace(/[?.]/g, '\\$&')}"[^>]*>${label}</a>`));
  }
});

test('text and links stand out from the page by 4.5 to 1 at least', async () => {
  const ana = await mailing.person();
  await mailing.raise(ana.id);
  await sendDue();
  const html = String(smtp.to(ana.email)[0]?.html);
  const colours = [...html.matchAll(/(?:^|[;"])color:(#[0-9a-f]{6})/g)].map(([, colour]) => colour as string);
  expect(new Set(colours).size).toBeGreaterThanOrEqual(3);
  for (const colour of colours) expect(contrastToWhite(colour)).toBeGreaterThanOrEqual(4.5);
});

describe('hostile names', () => {
  test.each([
    ['a header', 'Acme\r\nBcc: victim@example.com\r\n\r\nHello'],
    ['a bare line feed', 'Acme\nBcc: victim@example.com'],
    ['a line separator', 'Acme\u2028Bcc: victim@example.com'],
    ['markup', '<script>alert(1)</script><img src=https://evil.example/x><a href="https://evil.example">x</a>'],
    ['an attribute', `" onmouseover="alert(1)" x='`],
    ['marks that turn the direction', 'Acme \u202egnp.exe\u2066 \u200f'],
    ['an encoded word', '=?utf-8?B?QmNjOiB2aWN0aW1AZXhhbXBsZS5jb20=?='],
    ['a NUL', 'Acme\0 Bcc: victim@example.com'],
    ['great length', 'A'.repeat(100_000)],
    ['emptiness', ''],
  ])('with %s neither add headers nor markup, nor turn what stands beside them', async (_, hostile) => {
    const ana = await mailing.person();
    const name = hostile.replaceAll('\0', '');
    await mailing.raise(ana.id, { entityName: name, message: name, member: { billingEntityId: ana.id, name } });
    await sendDue();
    const [mail] = smtp.received;
    expect(smtp.received).toHaveLength(1);
    expect(mail?.envelopeTo).toEqual([ana.email]);
    expect([...(mail?.headers.keys() ?? [])].toSorted()).toEqual(
      [
        ...['auto-submitted', 'content-type', 'date', 'from', 'list', 'message-id'],
        ...['mime-version', 'subject', 'to'],
      ].toSorted(),
    );
    expect(mail?.to).toMatchObject({ text: ana.email });
    expect(mail?.subject).not.toMatch(/[\r\n\u2028\u202a-\u202e\u2066-\u2069\u200e\u200f]/);
    expect((mail?.subject ?? '').length).toBeLessThanOrEqual(150);
    const html = String(mail?.html);
    expect(html).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200f]/);
    const tags = new Set([...html.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag));
    const known = ['a', 'bdi', 'body', 'footer', 'h1', 'h2', 'head', 'html', 'li', 'main', 'meta', 'p', 'title', 'ul'];
    expect([...tags].filter((tag) => !known.includes(tag as string))).toEqual([]);
    expect(html).not.toMatch(/<[^>]*\sonmouseover/);
    const targets = [...html.matchAll(/href="([^"]*)"/g)].map(([, url]) => new URL(url as string).origin);
    expect(new Set(targets)).toEqual(new Set(['http://tollgate.test']));
  });

  test('lead strangers nowhere: a confirmation has no link of theirs, nor what looks like one', async () => {
    const ana = await mailing.person();
    const id = await mailing.organization(
      [{ person: ana, role: 'OWNER' }],
      'WIN $1000 at https://evil.example/now evil.example',
    );
    await mailing.one.mail.addresses.set({
      billingEntityId: id,
      emails: [`stranger-${randomUUID()}@example.org`],
      principal: ana.principal,
    });
    await sendDue();
    const [mail] = smtp.received;
    expect(mail?.text).toContain('WIN 1000 at https evil example now evil example');
    for (const part of [mail?.text, String(mail?.html), mail?.subject]) expect(part).not.toContain('evil.example');
    expect(mail?.text).not.toContain('Balance');
  });
});

/** WCAG 2.2, contrast ratio. */
function contrastToWhite(colour: string): number {
  const channel = (index: number): number => {
    const value = Number.parseInt(colour.slice(1 + 2 * index, 3 + 2 * index), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 1.05 / (0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2) + 0.05);
}

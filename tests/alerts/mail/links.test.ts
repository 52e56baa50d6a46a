import { MailLinks } from '../../../src/alerts/mail/links.ts';
import { strikeText } from '../../../src/kernel/log.ts';
import { TestClock } from '../../support/clock.ts';

const [oldKey, newKey, foreignKey] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const clock = new TestClock();
const linksOf = (...keys: Uint8Array[]): MailLinks =>
  new MailLinks({ keys, publicUrl: () => new URL('https://billing.acme.example/till/'), clock });
const ref = { billingEntityId: '01900000-0000-7000-8000-000000000001', id: '01900000-0000-7000-8000-000000000002' };

const tokenIn = (url: string): string => new URL(url).searchParams.get('token') as string;

test('a link lies below the public address and names what it was made for', () => {
  const links = linksOf(newKey);
  expect(links.unsubscribeUrl(ref)).toMatch(/^https:\/\/billing\.acme\.example\/till\/unsubscribe\?token=tg_mail_/);
  expect(links.read('unsubscribe', tokenIn(links.unsubscribeUrl(ref)))).toEqual(ref);
  expect(links.read('confirm', tokenIn(links.confirmUrl(ref)))).toEqual(ref);
});

test('a token is for one purpose', () => {
  const links = linksOf(newKey);
  expect(links.read('confirm', links.unsubscribeToken(ref))).toBeNull();
  expect(links.read('unsubscribe', links.confirmToken(ref))).toBeNull();
});

test('a key that was replaced still verifies as long as it is kept, and no foreign one does', () => {
  const token = linksOf(oldKey).unsubscribeToken(ref);
  expect(linksOf(newKey, oldKey).read('unsubscribe', token)).toEqual(ref);
  expect(linksOf(newKey).read('unsubscribe', token)).toBeNull();
  expect(linksOf(newKey).read('unsubscribe', linksOf(foreignKey).unsubscribeToken(ref))).toBeNull();
});

test('a confirmation expires after three days, an unsubscription never', () => {
  const links = linksOf(newKey);
  const [confirm, unsubscribe] = [links.confirmToken(ref), links.unsubscribeToken(ref)];
  const start = clock.now();
  clock.forwardMs(3 * 86_400_000 - 1);
  expect(links.read('confirm', confirm)).toEqual(ref);
  clock.forwardMs(1);
  expect(links.read('confirm', confirm)).toBeNull();
  clock.forwardMs(10 * 365 * 86_400_000);
  expect(links.read('unsubscribe', unsubscribe)).toEqual(ref);
  clock.set(start);
});

test('a token in which any byte is changed, or that is cut or longer, is none', () => {
  const links = linksOf(newKey);
  const token = links.unsubscribeToken(ref);
  const bytes = Buffer.from(token.slice('tg_mail_'.length), 'base64url');
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
    expect(links.read('unsubscribe', `tg_mail_${changed.toString('base64url')}`)).toBeNull();
  }
  for (const other of [
    '',
    'tg_mail_',
    token.slice(0, -1),
    `${token}A`,
    token.replace('tg_mail_', 'tg_export_'),
    `${token}=`,
  ]) {
    expect(links.read('unsubscribe', other)).toBeNull();
  }
});

test('the logs strike a token out', () => {
  expect(strikeText(`GET ${linksOf(newKey).unsubscribeUrl(ref)}`)).not.toContain(
    linksOf(newKey).unsubscribeToken(ref).slice(8),
  );
});

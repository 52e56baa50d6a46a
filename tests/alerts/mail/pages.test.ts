import type { AlertToMail } from '../../../src/alerts/mail/alert-to-mail.ts';
import pg from 'pg';
import { send, type TestApp, tokenOf } from '../../support/app.ts';
import { Bench } from '../../support/bench.ts';
import { SmtpReceiver } from '../../support/smtp.ts';
import { waitFor } from '../../support/wait-for.ts';

let smtp: SmtpReceiver;
let bench: Bench;
let app: TestApp;
let base: string;
const logged: string[] = [];

beforeAll(async () => {
  smtp = await SmtpReceiver.start();
  bench = await Bench.open();
  app = await bench.server({
    env: { SMTP_URL: smtp.url, MAIL_FROM: 'Acme AI <billing@acme.example>', LOG_LEVEL: 'trace' },
    logged,
  });
  base = `http://127.0.0.1:${app.port}`;
});

afterEach(() => smtp.clear());

afterAll(async () => {
  await bench.close();
  await smtp.stop();
});

let count = 0;

/** Somebody who signed in with a token that names their address, with the entity that is theirs. */
async function signIn(claims: Record<string, unknown> = {}): Promise<{ id: string; email: string; principal: never }> {
  const subject = `person-${(count += 1)}`;
  const email = `${subject}@example.com`;
  const token = await tokenOf(subject, { claims: { email, ...claims } });
  expect((await send(app.url, token, '{ viewer { __typename } }')).errors).toEqual([]);
  const id = await app.services.entities.ensureUser({ externalId: subject, name: null, withTrial: true });
  const principal = { kind: 'USER', subject, billingEntityId: id, email, expiresAt: new Date('2100-01-01') } as never;
  return { id, email, principal };
}

/** Has an alert mailed, and waits for the mail. */
async function mailed({ id, email }: { id: string; email: string }): Promise<string> {
  const before = smtp.to(email).length;
  const client = new pg.Client({ connectionString: bench.database.url });
  await client.connect();
  await client.query('begin');
  const alert: AlertToMail = {
    ...{
      billingEntityId: id,
      id: crypto.randomUUID(),
      number: 1n,
      entityName: 'Initech <b>&</b>',
      type: 'WARNING' as const,
      level: 0.8,
    },
    ...{ available: 5n, member: null, message: 'Low.', at: new Date() },
  };
  await app.services.mail.mails.enqueue(alert, { client } as never);
  await client.query('commit');
  await client.end();
  app.services.mail.sender.nudge();
  await waitFor(() => smtp.to(email).length > before, 'the mail');
  return smtp.to(email).at(-1)?.text ?? '';
}

/** A link in a mail, at the address where the tests' server listens. */
function linkIn(text: string, path: string): string {
  const url = new URL(new RegExp(`http\\S+/${path}\\?\\S+`).exec(text)?.[0] ?? '');
  return `${base}${url.pathname}${url.search}`;
}

const stateOf = async (url: string): Promise<string | undefined> => {
  const { mail } = app.services;
  const ref = mail.links.read('unsubscribe', new URL(url).searchParams.get('token') ?? '');
  return ref === null ? undefined : (await mail.addresses.find(ref))?.state;
};

describe('unsubscribing', () => {
  test('takes one POST as mail programs send it, without cookies, and a second one changes nothing', async () => {
    const link = linkIn(await mailed(await signIn()), 'unsubscribe');
    for (let index = 0; index < 2; index += 1) {
      const response = await fetch(link, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'List-Unsubscribe=One-Click',
        redirect: 'error',
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('set-cookie')).toBeNull();
      expect(await stateOf(link)).toBe('UNSUBSCRIBED');
    }
  });

  test.each([
    ['a multipart form', () => ({ body: Object.assign(new FormData(), {}) })],
    ['no body', () => ({})],
    ['a body of another kind', () => ({ body: '{}', headers: { 'content-type': 'application/json' } })],
  ])('takes %s as well', async (_, init) => {
    const link = linkIn(await mailed(await signIn()), 'unsubscribe');
    expect((await fetch(link, { method: 'POST', ...init() })).status).toBe(200);
    expect(await stateOf(link)).toBe('UNSUBSCRIBED');
  });

  test.each(['unsubscribe', 'mail-preferences'])('by GET /%s changes nothing and shows a button', async (path) => {
    const link = linkIn(await mailed(await signIn()), path);
    const response = await fetch(link);
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(await stateOf(link)).not.toBe('UNSUBSCRIBED');
    expect(page).toMatch(/<form method="post"><button type="submit">Unsubscribe<\/button><\/form>/);
    expect(page).toMatch(/<html lang="en">/);
    expect((await fetch(link, { method: 'HEAD' })).status).toBe(405);
  });

  test('can be taken back by the button on its page, and mail comes again', async () => {
    const person = await signIn();
    const link = linkIn(await mailed(person), 'unsubscribe');
    const page = await (await fetch(link, { method: 'POST' })).text();
    const action = /action="([^"]+)"/.exec(page)?.[1] ?? '';
    const again = new URL(action, link).href;
    expect((await fetch(again)).status).toBe(200);
    expect(await stateOf(link)).toBe('UNSUBSCRIBED');
    expect((await fetch(again, { method: 'POST' })).status).toBe(200);
    expect(await stateOf(link)).toBe('ACTIVE');
  });

  test('is for the address and the entity of the link alone', async () => {
    const [one, two] = [await signIn(), await signIn()];
    const [linkOne, linkTwo] = [linkIn(await mailed(one), 'unsubscribe'), linkIn(await mailed(two), 'unsubscribe')];
    await fetch(linkOne, { method: 'POST' });
    expect(await stateOf(linkTwo)).not.toBe('UNSUBSCRIBED');
  });

  test('from a page of another site is refused', async () => {
    const link = linkIn(await mailed(await signIn()), 'unsubscribe');
    const response = await fetch(link, { method: 'POST', headers: { origin: 'https://evil.example' } });
    expect(response.status).toBe(403);
    expect(await stateOf(link)).not.toBe('UNSUBSCRIBED');
    expect((await fetch(link, { method: 'POST', headers: { origin: base } })).status).toBe(200);
  });
});

describe('confirming', () => {
  test('wants a POST; a GET shows a button and changes nothing', async () => {
    const ana = await signIn();
    const other = `other-${ana.email}`;
    await app.services.mail.addresses.set({ billingEntityId: ana.id, emails: [other], principal: ana.principal });
    app.services.mail.sender.nudge();
    await waitFor(() => smtp.to(other).length === 1, 'the confirmation');
    const link = linkIn(smtp.to(other)[0]?.text ?? '', 'confirm-email');
    const state = async () => (await app.services.mail.addresses.list(ana.id))[0]?.state;
    expect(await (await fetch(link)).text()).toContain(
      '<form method="post"><button type="submit">Yes, send them</button>',
    );
    expect(await state()).toBe('PENDING');
    expect((await fetch(link, { method: 'POST' })).status).toBe(200);
    expect(await state()).toBe('ACTIVE');
  });

  test('does not work by the token of an unsubscribe link, nor the other way round', async () => {
    const link = linkIn(await mailed(await signIn()), 'unsubscribe');
    for (const method of ['GET', 'POST']) {
      expect((await fetch(link.replace('/unsubscribe', '/confirm-email'), { method })).status).toBe(404);
    }
  });
});

test.each(['unsubscribe', 'mail-preferences', 'confirm-email'])(
  '/%s answers every token that is none alike',
  async (path) => {
    const bodies = new Set<string>();
    for (const query of ['', '?token=', '?token=tg_mail_AAAA', `?token=${'x'.repeat(5_000)}`, '?token=%00%ff']) {
      for (const method of ['GET', 'POST']) {
        const response = await fetch(`${base}/${path}${query}`, { method });
        expect(response.status).toBe(404);
        bodies.add(await response.text());
      }
    }
    expect(bodies.size).toBe(1);
  },
);

test('pages load nothing, are framed by nobody, are kept by nobody, and show names as text', async () => {
  const link = linkIn(await mailed(await signIn()), 'unsubscribe');
  const { headers } = await fetch(link);
  expect(headers.get('content-security-policy')).toMatch(
    /^default-src 'none';style-src 'sha256-[^']+';base-uri 'none';form-action 'self';frame-ancestors 'none'$/,
  );
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('referrer-policy')).toBe('same-origin');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

test('a body that is too long is refused', async () => {
  const link = linkIn(await mailed(await signIn()), 'unsubscribe');
  expect((await fetch(link, { method: 'POST', body: 'x'.repeat(5_000) })).status).toBe(413);
});

test('an address is kept when its token is seen, unless the token says that nobody checked it', async () => {
  const [unsaid, checked, asText] = [
    await signIn(),
    await signIn({ email_verified: true }),
    await signIn({ email_verified: 'true' }),
  ];
  for (const person of [unsaid, checked, asText]) await mailed(person);
  const client = new pg.Client({ connectionString: bench.database.url });
  await client.connect();
  for (const claims of [
    { email_verified: false },
    { email_verified: 'false' },
    { email_verified: null },
    { email: 'no address' },
  ]) {
    const { id } = await signIn(claims);
    const { rows } = await client.query('select address from user_email where billing_entity_id = $1', [id]);
    expect({ claims, rows }).toEqual({ claims, rows: [] });
  }
  await client.end();
});

test('logs hold neither addresses nor what mails say, nor tokens', async () => {
  const person = await signIn();
  smtp.script.push({ at: 'rcpt', status: 550 });
  await app.services.mail.addresses.set({
    billingEntityId: person.id,
    emails: [`refused-${person.email}`],
    principal: person.principal,
  });
  app.services.mail.sender.nudge();
  await waitFor(() => logged.some((line) => line.includes('a mail was refused for good')), 'the refusal to be logged');
  const link = linkIn(await mailed(await signIn()), 'unsubscribe');
  await fetch(link, { method: 'POST' });
  await waitFor(() => logged.some((line) => line.includes('"a mail was sent"')), 'the sending to be logged');
  expect(logged.length).toBeGreaterThan(20);
  const all = logged.join('');
  expect(all).not.toMatch(/person-\d+@example\.com/);
  expect(all).not.toContain('secret-person');
  expect(all).not.toContain('Confirm that you want');
  expect(all).not.toContain(new URL(link).searchParams.get('token'));
});

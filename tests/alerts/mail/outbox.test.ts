import type { AlertToMail } from '../../../src/alerts/mail/alert-to-mail.ts';
import { loadConfig } from '../../../src/config/config.ts';
import { startApp } from '../../../src/app.ts';
import { createLog } from '../../../src/kernel/log.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { Database } from '../../../src/db/database.ts';
import { openRows } from '../../../src/persistence/orm.ts';
import { JWT_SECRET, type TestApp } from '../../support/app.ts';
import { Bench } from '../../support/bench.ts';
import { waitFor } from '../../support/wait-for.ts';

let bench: Bench;
let app: TestApp;
let base: string;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  base = `http://127.0.0.1:${app.port}`;
});

afterAll(() => bench.close());

async function raise(entityName: string): Promise<void> {
  const { services } = app;
  const id = await services.entities.ensureUser({ externalId: entityName, name: null, withTrial: true });
  await services.mail.tokenEmails.note(id, { address: 'ana@example.com', verified: true });
  const database = new Database(bench.database.url, { max: 2, onIdleError: () => undefined });
  const rows = await openRows(database);
  const alert: AlertToMail = {
    ...{
      billingEntityId: id,
      id: crypto.randomUUID(),
      number: 1n,
      entityName,
      type: 'EXHAUSTED' as const,
      level: null,
    },
    ...{ available: 0n, member: null, message: 'Nothing is left.', at: new Date() },
  };
  await rows.transaction((transaction) => services.mail.mails.enqueue(alert, transaction));
  await database.end();
  services.mail.sender.nudge();
}

test('local mode without SMTP_URL shows its mails: a list, and each as HTML in a sandbox and as text', async () => {
  expect(await (await fetch(`${base}/outbox`)).text()).toContain('Nothing was sent yet');
  await raise('<i>Initech</i>');
  await waitFor(async () => (await (await fetch(`${base}/outbox`)).text()).includes('ana@example.com'), 'the mail');
  const list = await fetch(`${base}/outbox`);
  const page = await list.text();
  expect(page).toContain('&#60;i&#62;Initech');
  expect(page).not.toContain('<i>');
  expect(list.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-src 'self'/);

  const single = new URL((/href="(outbox\/mail[^"]+)"/.exec(page)?.[1] ?? '').replaceAll('&amp;', '&'), `${base}/`);
  const mail = await (await fetch(single)).text();
  expect(mail).toContain('Nothing is left.');
  const frame = /<iframe sandbox="([^"]*)"[^>]* src="([^"]+)"/.exec(mail);
  expect(frame?.[1]).not.toMatch(/allow-scripts|allow-same-origin|allow-top-navigation|allow-forms/);

  const inner = await fetch(new URL((frame?.[2] ?? '').replaceAll('&amp;', '&'), single));
  expect(inner.headers.get('content-security-policy')).toMatch(
    /^sandbox [^;]*; default-src 'none'; style-src 'unsafe-inline'/,
  );
  expect(inner.headers.get('content-security-policy')).toContain(`frame-ancestors 'self'`);
  const html = await inner.text();
  expect(html).toContain('Nothing is left.');
  expect(html).toContain('<a target="_blank" rel="noopener noreferrer" href=');
});

test.each(['', '?entity=x&id=y', `?entity=${crypto.randomUUID()}&id=${crypto.randomUUID()}`])(
  'there is no mail at %j',
  async (query) => {
    for (const path of ['mail', 'html']) expect((await fetch(`${base}/outbox/${path}${query}`)).status).toBe(404);
  },
);

test('with a server that takes mails there is no outbox', async () => {
  const sending = await bench.server({ env: { SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'a@acme.example' } });
  expect((await fetch(`http://127.0.0.1:${sending.port}/outbox`)).status).toBe(404);
  await sending.stop();
});

test('production without SMTP_URL has no outbox, sends nothing, and says so at start', async () => {
  const logged: string[] = [];
  const config = loadConfig(
    {
      ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
      DATABASE_URL: bench.database.url,
      AUTH_JWT_SECRET: JWT_SECRET,
      STRIPE_SECRET_KEY: 'sk_test_nobody',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      STRIPE_WEBHOOK_SECRET: 'whsec_none',
      PORT: '0',
    },
    'production',
  );
  const log = createLog({ level: 'info', destination: { write: (line: string) => void logged.push(line) } });
  const served = await startApp({
    config,
    databaseUrl: bench.database.url,
    auth: config.auth,
    clock: systemClock,
    log,
  });
  try {
    expect((await fetch(`http://127.0.0.1:${served.port}/outbox`)).status).toBe(404);
    expect(logged.join('')).toContain('SMTP_URL is not set: no e-mail is sent');
  } finally {
    await served.stop();
  }
});

/** Signing in with an OpenID Connect provider, over real HTTP and in a real browser. */
import type { Browser } from 'playwright-core';
import { CLIENT_ID, CLIENT_SECRET, TestProvider } from '../support/identity-provider.ts';
import { Keyboard } from './support/keyboard.ts';
import { PortalServer } from './support/server.js';
import { startBrowser } from './support/visitor.ts';

let browser: Browser;
let provider: TestProvider;
let server: PortalServer;

beforeAll(async () => {
  [browser, provider] = await Promise.all([startBrowser(), TestProvider.open()]);
  server = await PortalServer.start({
    OIDC_ISSUER: provider.issuer.href,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: CLIENT_SECRET,
    OIDC_OPERATOR_CLAIM: 'groups=billing-operators',
  });
});

afterAll(async () => {
  await Promise.all([browser.close(), server.stop()]);
  await provider.close();
});

test('the provider says who somebody is; they land on the page that they asked for, and leave and return by keyboard', async () => {
  provider.hostility = { claims: (payload) => Object.assign(payload, { sub: 'ada', name: 'Ada Lovelace' }) };
  const context = await browser.newContext({ baseURL: server.url });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  const been: string[] = [];
  page.on('request', (request) => {
    if (request.isNavigationRequest()) been.push(new URL(request.url()).origin);
  });

  await page.goto('/usage?range=30d&group=API_KEY');
  await page.getByRole('heading', { level: 1, name: /^Usage Ada Lovelace/ }).waitFor();
  expect(new URL(page.url()).search).toBe('?range=30d&group=API_KEY');
  expect(been).toContain(provider.issuer.origin);
  expect(await context.cookies()).toEqual([
    expect.objectContaining({ name: 'tollgate-session', httpOnly: true, sameSite: 'Lax' }),
  ]);

  // The provider would let them in again without a question, so nobody is led there who wants to go.
  const keyboard = new Keyboard(page);
  const person = page.getByRole('button', { name: 'Ada Lovelace: theme, dates, sign out' });
  await keyboard.pick(person, page.getByRole('menuitem', { name: 'Sign out' }));
  await page.getByRole('heading', { level: 1, name: 'You are signed out' }).waitFor();
  expect(await context.cookies()).toEqual([]);
  await keyboard.use(page.getByRole('link', { name: 'Sign in again' }));
  await page.getByRole('heading', { level: 1, name: /^Balance Ada Lovelace/ }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

test('whoever holds the claim is an operator, and looks for an account', async () => {
  const claims = { sub: 'opa', name: 'Opa Rator', groups: ['billing-operators'] };
  provider.hostility = { claims: (payload) => Object.assign(payload, claims) };
  const context = await browser.newContext({ baseURL: server.url });
  const page = await context.newPage();
  await page.goto('/');
  await page.getByLabel('Name or external id').fill('Uma');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.waitForURL(/Uma/);
  await page.getByRole('table', { name: 'Accounts' }).waitFor();
  await context.close();
});

test('whom the provider refuses is told so, without a session', async () => {
  provider.hostility = {
    redirect(url) {
      url.searchParams.delete('code');
      url.searchParams.set('error', 'access_denied');
    },
  };
  const context = await browser.newContext({ baseURL: server.url });
  const page = await context.newPage();
  await page.goto('/');
  await page.getByRole('heading', { level: 1, name: 'Signing in did not work' }).waitFor();
  expect((await context.cookies()).filter(({ name }) => name === 'tollgate-session')).toEqual([]);
  await context.close();
});

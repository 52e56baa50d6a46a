/** Sessions that end while pages of theirs are open, and the way back. */
import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { loadConfig } from '../../src/config/config.ts';
import { SealedCookie } from '../../src/http/sealed-cookies.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { PORTAL } from './support/portal.ts';
import { startBrowser, Visitor } from './support/visitor.ts';

const COOKIE = 'tollgate-session';
const PLACE = '/usage?range=7d&group=API_KEY';
let browser: Browser;
let visitor: Visitor;

beforeAll(async () => {
  browser = await startBrowser();
});

afterEach(() => visitor.leave());

afterAll(() => browser.close());

test('a session whose time is over leads to the sign-in, and from there back to the same page with its filters', async () => {
  visitor = await Visitor.signIn(browser, 'user');
  const { page } = visitor;
  await visitor.settle();
  await page.context().addCookies([{ name: COOKIE, value: await sealed(20), url: PORTAL.origin }]);
  await page.goto(PLACE);
  await page.waitForURL(isSignIn, { timeout: 60_000 });
  await comesBack(page);
});

test('a copy of the cookie is worth nothing after signing out, and every tab of the session ends', async () => {
  visitor = await Visitor.signIn(browser, 'user', PLACE);
  const { page: first } = visitor;
  await visitor.settle();
  const cookies = await first.context().cookies();
  const second = await first.context().newPage();
  await second.goto('/ledger');
  await second.getByRole('heading', { level: 1, name: /^Ledger/ }).waitFor();

  await second.getByRole('button', { name: /theme, dates/ }).click();
  await second.getByRole('menuitem', { name: 'Sign out' }).click();
  await second.waitForURL(/\/sign-in/);
  // Nobody touches the first tab: it hears of it.
  await first.waitForURL(isSignIn);
  await comesBack(first);

  const thief = await browser.newContext({ baseURL: PORTAL.origin });
  await thief.addCookies(cookies);
  const stolen = await thief.newPage();
  await stolen.goto('/');
  await stolen.waitForURL(/\/sign-in/);
  await thief.close();
});

function isSignIn({ pathname, searchParams }: URL): boolean {
  return pathname === '/sign-in' && searchParams.get('returnTo') === PLACE;
}

async function comesBack(page: Page): Promise<void> {
  await page
    .getByRole('link', { name: /^Uma User/ })
    .first()
    .click();
  await page.waitForURL((url) => url.pathname + url.search === PLACE);
  await page.getByRole('heading', { level: 1, name: /^Usage/ }).waitFor();
}

/** A session of the demo's user that lasts so many seconds. */
function sealed(seconds: number): Promise<string> {
  const secrets = [PORTAL.sessionSecret];
  const cookie = new SealedCookie({ name: COOKIE, secrets, config: loadConfig({}, 'local'), clock: systemClock });
  return cookie.seal({ jti: randomUUID(), sub: 'demo-user', name: 'Uma User', operator: false }, seconds);
}

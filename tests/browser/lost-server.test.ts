/** A server that is gone for a while, and what the page says meanwhile and afterwards. */
import type { Browser, Page } from 'playwright-core';
import { PortalServer } from './support/server.js';
import { startBrowser, Visitor } from './support/visitor.ts';

/** The page asks again at the latest after that time: eight seconds, and up to a quarter more (follow.ts). */
const LONGEST_WAIT_MS = 10_000;
const TRIES_IN_A_MINUTE = 7;

let browser: Browser;
let server: PortalServer;

beforeAll(async () => {
  [browser, server] = await Promise.all([startBrowser(), PortalServer.start()]);
});

afterAll(() => Promise.all([browser.close(), server.stop()]));

test('the page says that it reconnects, recovers by itself, and shows the true balance', async () => {
  const visitor = await Visitor.signIn(browser, 'user', '/', { origin: server.url });
  const { page } = visitor;
  await visitor.settle();
  await page.evaluate(() => Object.assign(window, { isTheSame: true }));
  const before = await available(page);

  await server.kill();
  const note = page.getByRole('status').getByText(/^Reconnecting\. Figures are as of/);
  await note.waitFor();
  expect(await available(page)).toBe(before);

  // More than a minute goes by for the page, which neither gives up nor waits ever longer.
  await page.clock.install();
  for (let tries = 0; tries < TRIES_IN_A_MINUTE; tries += 1) {
    const refused = page.waitForEvent('requestfailed');
    await page.clock.fastForward(LONGEST_WAIT_MS);
    await refused;
    expect(await note.isVisible()).toBe(true);
  }

  // The server is back, but not yet for the page: its credits change before it can ask.
  await page.route('**/graphql', (route) => route.abort());
  await server.begin();
  await visitor.use('user', { tokens: 2_000, model: 'used-meanwhile' });
  const { data } = await visitor.api<{ data: { viewer: { user: { credits: { available: number } } } } }>(
    '{ viewer { user { credits { available } } } }',
  );
  const after = data.viewer.user.credits.available;
  expect(after).toBeLessThan(before);
  expect(await available(page)).toBe(before);

  await page.unroute('**/graphql');
  await note.waitFor({ state: 'detached' });
  expect(await available(page)).toBe(after);
  expect(await page.evaluate(() => 'isTheSame' in window)).toBe(true);

  // It is live again, and not only up to date.
  await visitor.use('user', { tokens: 3_000, model: 'used-afterwards' });
  await page
    .getByRole('table', { name: 'Latest use' })
    .getByRole('row')
    .filter({ hasText: 'used-afterwards' })
    .waitFor();
  expect(await available(page)).toBeLessThan(after);
  await visitor.leave();
});

test('whoever opens the portal while the server cannot say who they are is told so, and comes in later', async () => {
  const visitor = await Visitor.signIn(browser, 'user', '/ledger', { origin: server.url });
  const { page } = visitor;
  await visitor.settle();
  await page.route('**/session', (route) => route.abort());
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Tollgate cannot be reached' }).waitFor();
  expect(await visitor.faults()).toEqual([]);
  await page.unroute('**/session');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { level: 1, name: /^Ledger/ }).waitFor();
  await visitor.leave();
});

test('nobody is told that they are signed out while nobody ended the session', async () => {
  const visitor = await Visitor.signIn(browser, 'user', '/', { origin: server.url });
  const { page } = visitor;
  await visitor.settle();
  const signOut = async (): Promise<void> => {
    await page.getByRole('button', { name: /theme, dates/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
  };
  await page.route('**/sign-out', (route) => route.abort());
  await signOut();
  const stillIn = page.getByRole('dialog', { name: 'You are still signed in' });
  await stillIn.waitFor();
  expect(await visitor.faults()).toEqual([]);
  await page.keyboard.press('Escape');
  await stillIn.waitFor({ state: 'detached' });

  await page.unroute('**/sign-out');
  await page.route('**/sign-out', (route) => route.fulfill({ status: 503 }));
  await signOut();
  await page.getByRole('heading', { level: 1, name: 'You are signed out in this browser' }).waitFor();
  await visitor.leave();
});

async function available(page: Page): Promise<number> {
  const figure = page.getByRole('region', { name: 'Available' }).getByText(/^[\d,]+ credits?$/);
  return Number((await figure.innerText()).replaceAll(/\D/g, ''));
}

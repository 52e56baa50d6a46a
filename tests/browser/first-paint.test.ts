/** What is there before the portal's own code runs. */
import type { Browser, BrowserContext } from 'playwright-core';
import { PORTAL } from './support/portal.ts';
import { startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser.close());

/** A browser that keeps every theme that its page ever had. */
async function contextOf(system: 'light' | 'dark', chosen: string | null): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: PORTAL.origin, colorScheme: system });
  const view = { name: 'tollgate-view', value: `${chosen}.local`, url: PORTAL.origin };
  if (chosen !== null) await context.addCookies([view]);
  await context.addInitScript(() => {
    const seen: (string | undefined)[] = [];
    Object.assign(window, { seen });
    new MutationObserver(() => seen.push(document.documentElement?.dataset['theme'])).observe(document, {
      attributes: true,
      attributeFilter: ['data-theme'],
      subtree: true,
    });
  });
  return context;
}

test.each([
  { system: 'dark', chosen: null, shown: 'dark' },
  { system: 'light', chosen: null, shown: 'light' },
  { system: 'dark', chosen: 'system', shown: 'dark' },
  { system: 'light', chosen: 'dark', shown: 'dark' },
  { system: 'dark', chosen: 'light', shown: 'light' },
] as const)('a $system system and the choice of $chosen: $shown from the first paint on', async (look) => {
  const context = await contextOf(look.system, look.chosen);
  const page = await context.newPage();
  await page.goto('/sign-in?as=user&returnTo=%2Fsign-in');
  const held = Promise.withResolvers<void>();
  await page.route('**/assets/*.js', async (route) => {
    await held.promise;
    await route.continue();
  });
  await page.goto('/ledger', { waitUntil: 'commit' });
  await page.waitForFunction(() => performance.getEntriesByName('first-paint').length > 0);
  const painted = await page.evaluate(() => ({
    scheme: getComputedStyle(document.documentElement).colorScheme,
    // Of the page and not of the sign-in: the stylesheet is there.
    hasColour: getComputedStyle(document.documentElement).getPropertyValue('--surface') !== '',
    drawn: document.getElementById('root')?.childElementCount,
  }));
  expect(painted).toEqual({ scheme: look.shown, hasColour: true, drawn: 0 });
  held.resolve();
  await page.getByRole('heading', { level: 1, name: /^Ledger/ }).waitFor();
  expect(await page.evaluate(() => [...new Set((window as unknown as { seen: string[] }).seen)])).toEqual([look.shown]);
  await context.close();
});

test('the page of all components is there in local mode, and nothing is in its place elsewhere', async () => {
  const visitor = await Visitor.signIn(browser, 'user', '/components');
  const { page } = visitor;
  await page.getByRole('heading', { level: 1, name: /^Components/ }).waitFor();
  await page.route('/session', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), localMode: false } });
  });
  await page.reload();
  await page.getByRole('heading', { level: 1, name: /^There is no such page/ }).waitFor();
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

/** What a person comes for, from end to end. */
import type { Browser } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let visitor: Visitor;

beforeAll(async () => {
  browser = await startBrowser();
});

afterEach(async () => {
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

afterAll(() => browser.close());

test('the balance moves without a reload while credits are used elsewhere, and the record arrives with its receipt', async () => {
  visitor = await Visitor.signIn(browser, 'user');
  const { page } = visitor;
  await visitor.settle();
  const before = await available();
  await visitor.use('user', { tokens: 1_965, model: 'live-model' });
  const arrived = page.getByRole('table', { name: 'Latest use' }).getByRole('row').filter({ hasText: 'live-model' });
  await arrived.waitFor();
  const charged = Number((await arrived.getByRole('cell').last().innerText()).replaceAll(',', ''));
  expect(await available()).toBe(before - charged);

  await arrived.getByRole('link').click();
  const receipt = page.getByRole('dialog', { name: 'Why was I charged this?' });
  await receipt.getByText(/^1,965 tokens × 0\.1 .*= 19[67] credits/).waitFor();
  const link = page.url();
  await page.keyboard.press('Escape');
  await receipt.waitFor({ state: 'detached' });
  await page.goto(link);
  await receipt.getByText('live-model').waitFor();
});

test('a summary narrowed to one model and its records tell the same sum', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/usage');
  const { page } = visitor;
  await visitor.settle();
  await visitor.use('user', { tokens: 3_000, model: 'narrowed' });
  await page.reload();
  await page.getByRole('table', { name: 'By model' }).getByRole('link', { name: 'narrowed' }).click();
  await page.getByRole('button', { name: 'Remove filter Model: narrowed' }).waitFor();
  expect(page.url()).toContain('narrowed');
  const total = await page
    .getByRole('table', { name: 'By model' })
    .getByRole('row', { name: /^Total/ })
    .getByRole('cell')
    .nth(1)
    .innerText();
  const records = page.getByRole('table', { name: 'Records' }).getByRole('row').filter({ hasText: 'narrowed' });
  await records.waitFor();
  expect(await records.getByRole('cell').last().innerText()).toBe(total);
  expect(await page.getByRole('table', { name: 'Records' }).getByRole('row').count()).toBe(2);
});

test('the ledger is verified, and says how many entries were recomputed', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/ledger');
  await visitor.page.getByRole('button', { name: 'Verify the ledger' }).click();
  await visitor.page.getByText(/The balance is proven: [1-9]\d* entries/).waitFor();
});

test('a level that is set is told live when it is reached, and acknowledged', async () => {
  visitor = await Visitor.signIn(browser, 'owner', '/alerts?tab=preferences');
  const { page } = visitor;
  await visitor.settle();
  await page.getByRole('button', { name: 'Add a level' }).click();
  await page.getByLabel('Level').last().fill('1.5');
  await page.getByRole('button', { name: 'Save preferences' }).click();
  await page.getByText('Saved.').waitFor();
  await visitor.use('owner', { tokens: 2_000, model: 'alerted' });
  await page
    .getByRole('status', { name: 'New alerts' })
    .getByText(/1\.5 % of the allowance/)
    .waitFor();
  await page.getByRole('link', { name: 'History' }).click();
  const row = page.getByRole('table', { name: 'History' }).getByRole('row').filter({ hasText: '1.5 %' });
  await row.getByRole('button', { name: /^Acknowledge/ }).click();
  await row.getByText(/^Acknowledged/).waitFor();
});

test('after a navigation the heading has the focus, and the title says page and account', async () => {
  visitor = await Visitor.signIn(browser, 'user');
  const { page } = visitor;
  await visitor.settle();
  await page.getByRole('link', { name: 'Ledger' }).first().press('Enter');
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
  expect(await visitor.focused()).toContain('Ledger');
  expect(await page.title()).toBe('Ledger · Uma User · Tollgate');
});

test('one switch shows every date in UTC, the theme is kept, and nothing is in the local storage', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/ledger');
  const { page } = visitor;
  await visitor.settle();
  await page.getByRole('button', { name: /theme, dates/ }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Dates in UTC' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await page.reload();
  await visitor.settle();
  await page.getByRole('table').getByText(/UTC$/).first().waitFor();
  expect(await page.evaluate(() => [document.documentElement.dataset['theme'], localStorage.length])).toEqual([
    'dark',
    0,
  ]);
});

test('whoever signs out is asked to sign in, and comes back to the page that they asked for', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/ledger');
  const { page } = visitor;
  await visitor.settle();
  await page.getByRole('button', { name: /theme, dates/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL(/\/sign-in/);
  await page.goto('/usage?range=7d');
  await page.waitForURL(/\/sign-in\?returnTo=/);
  await page
    .getByRole('link', { name: /Uma User/ })
    .first()
    .click();
  await page.waitForURL(/\/usage\?range=7d/);
});

async function available(): Promise<number> {
  const figure = await visitor.page
    .getByRole('region', { name: 'Available' })
    .getByText(/^[\d,]+ credits?$/)
    .innerText();
  return Number(figure.replaceAll(/\D/g, ''));
}

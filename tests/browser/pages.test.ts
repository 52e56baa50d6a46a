/** Every page as each person, in both themes and both widths: no barrier, no complaint, no sideways scroll, nothing that jumps. */
import type { Browser } from 'playwright-core';
import { demoOrganizationId } from './support/organizations.ts';
import { type Person, startBrowser, Visitor } from './support/visitor.ts';

const PATHS = [
  '/',
  '/usage',
  '/ledger',
  '/subscription',
  '/api-keys',
  '/alerts',
  '/alerts?tab=preferences',
  '/alerts?tab=webhook',
  '/audit-log',
  '/components',
];
/** Owner and member see different things of the organization that they share. */
const ORGANIZATION_PATHS = ['/', '/api-keys', '/members', '/audit-log'];
const PEOPLE: readonly Person[] = ['user', 'owner', 'member'];

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser.close());

describe.each(PEOPLE)('as %s', (person) => {
  test.each((['light', 'dark'] as const).flatMap((theme) => [1280, 360].map((width) => ({ theme, width }))))(
    'in $theme at $width px',
    async (look) => {
      const visitor = await Visitor.signIn(browser, person, '/', look);
      const shared = person === 'user' ? [] : await pathsOfOrganization(visitor);
      for (const path of [...PATHS, ...shared]) {
        await visitor.page.goto(path);
        await visitor.settle();
        const seen = { path, barriers: await visitor.barriers(), overflow: await visitor.overflow() };
        expect(seen).toEqual({ path, barriers: [], overflow: 0 });
        expect(`${path} ${(await visitor.shift()) <= 0.02}`).toBe(`${path} true`);
      }
      expect(visitor.complaints).toEqual([]);
      await visitor.leave();
    },
  );
});

test('dialogs have no barrier either', async () => {
  const { page, ...visitor } = await open('/api-keys');
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog', { name: 'Create key' }).waitFor();
  expect(await visitor.barriers()).toEqual([]);
  await page.keyboard.press('Escape');
  await page.goto('/usage');
  await page.getByRole('table', { name: 'Records' }).getByRole('link').first().click();
  await page.getByRole('dialog', { name: 'Why was I charged this?' }).getByRole('term').first().waitFor();
  expect(await visitor.barriers()).toEqual([]);
  await visitor.leave();
});

async function pathsOfOrganization(visitor: Visitor): Promise<string[]> {
  const id = await demoOrganizationId(visitor);
  return ORGANIZATION_PATHS.map((path) => `${path}?account=${id}`);
}

async function open(path: string) {
  const visitor = await Visitor.signIn(browser, 'user', path);
  await visitor.settle();
  return { page: visitor.page, barriers: () => visitor.barriers(), leave: () => visitor.leave() };
}

/** The figures of usage: many people in many days, and a file that adds up to what the page says. */
import { parse } from 'csv-parse/sync';
import { readFile } from 'node:fs/promises';
import type { Browser, Locator } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

/** Ninety days of nine colours, a rectangle to point at for each day, and the lines. */
const MOST_SHAPES = 90 * 10 + 20;

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

test.each([1280, 360])('fifty people in ninety days stay usable at %i px', async (width) => {
  visitor = await Visitor.signIn(browser, 'user', '/components?sample=chart', { width });
  const { page } = visitor;
  await visitor.settle();
  const chart = page.getByRole('group', { name: 'Credits by day' });
  expect(await chart.locator('svg *').count()).toBeLessThanOrEqual(MOST_SHAPES);
  expect(
    await page
      .getByRole('listitem')
      .filter({ hasText: /^Person \d+$|^Other$/ })
      .count(),
  ).toBe(9);
  const readout = page.locator('.readout');

  // By pointer: the first and the last day, each with its sum and its largest parts.
  const box = (await chart.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(box.x + box.width - 1, box.y + box.height / 2);
  await readout.getByText(/Mar 31, 2026/).waitFor();
  await readout.getByText(/[\d,]+ credits/).waitFor();
  await page.mouse.move(box.x + 1, box.y + box.height / 2);
  await readout.getByText(/Jan 1, 2026/).waitFor();
  await page.mouse.move(box.x + box.width / 2, box.y - 200);

  // By keyboard: from the last day to the one before.
  await chart.focus();
  await page.keyboard.press('ArrowRight');
  await readout.getByText(/Mar 31, 2026/).waitFor();
  await page.keyboard.press('ArrowLeft');
  await readout.getByText(/Mar 30, 2026/).waitFor();

  // The table of the same figures has a row for each person, and its sum is that of the days.
  const people = page.getByRole('table', { name: 'By person' });
  expect(await people.getAttribute('aria-rowcount')).toBe('51');
  const total = people
    .getByRole('row', { name: /^Total/ })
    .getByRole('cell')
    .nth(1);
  await page.locator('summary').filter({ hasText: 'Figures of each day' }).click();
  const days = page.getByRole('table', { name: 'Figures of each day' });
  expect(await days.getAttribute('aria-rowcount')).toBe(String(90 * 50 + 1));
  expect(await days.locator('tr').count()).toBeLessThanOrEqual(200);
  const sum = days.locator('tfoot').getByRole('cell').nth(2);
  expect(await sum.innerText()).toBe(await total.innerText());
  expect(await visitor.overflow()).toEqual([]);
});

test('the file adds up to what the page says, whole and narrowed to one model', async () => {
  visitor = await Visitor.signIn(browser, 'user');
  await visitor.use('user', { tokens: 4_321, model: 'exported' });
  await visitor.use('user', { tokens: 777, model: 'exported' });
  for (const address of ['/usage?range=30d', `/usage?range=30d&models=${encodeURIComponent('["exported"]')}`]) {
    await visitor.page.goto(address);
    await visitor.settle();
    const rows = await downloaded();
    const figures = visitor.page.getByRole('table', { name: 'By model' }).getByRole('row', { name: /^Total/ });
    const [credits, uses] = [await numberIn(figures, 1), await numberIn(figures, 4)];
    expect(rows.length).toBe(uses);
    expect(rows.reduce((sum, row) => sum + Number(row['credits']) - Number(row['refunded_credits']), 0)).toBe(credits);
    expect(credits).toBeGreaterThan(500);
  }
});

test('use is told apart by organization on one’s own account, and narrowed to one', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/usage?group=ORGANIZATION');
  const { page } = visitor;
  await visitor.settle();
  const table = page.getByRole('table', { name: 'By organization' });
  await table.getByRole('cell', { name: 'In no organization' }).waitFor();
  expect(await page.getByLabel('Group').inputValue()).toBe('ORGANIZATION');
});

/** What the button downloads, row by row. */
async function downloaded(): Promise<Record<string, string>[]> {
  const { page } = visitor;
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click(),
  ]);
  return parse<Record<string, string>>(await readFile(await file.path()), { columns: true, bom: true });
}

async function numberIn(row: Locator, cell: number): Promise<number> {
  return Number((await row.getByRole('cell').nth(cell).innerText()).replaceAll(',', ''));
}

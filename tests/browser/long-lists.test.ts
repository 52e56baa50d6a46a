/** Long lists and large charts stay small in the document, and keep where one is. */
import type { Browser, Locator } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

const MOST_ROWS = 200;

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

describe.each([1280, 360])('ten thousand rows at %i px', (width) => {
  test('keep at most 200 in the document, wherever one scrolls, and tell screen readers their true number and place', async () => {
    visitor = await Visitor.signIn(browser, 'user', '/components?sample=rows', { width });
    const { page } = visitor;
    await visitor.settle();
    const table = page.getByRole('table', { name: 'Many records' });
    expect(await table.getAttribute('aria-rowcount')).toBe('10001');
    for (const record of [1, 5_000, 10_000, 2_500]) {
      await scrollTo(record / 10_000);
      const seen = await rowInWindow(table);
      expect(await seen.getAttribute('aria-rowindex')).toBe(String((await recordOf(seen)) + 1));
      expect(Math.abs((await recordOf(seen)) - record)).toBeLessThan(60);
      expect(await rowsOf(table)).toBeLessThanOrEqual(MOST_ROWS);
    }
    expect(await visitor.overflow()).toEqual([]);
    // The header stays at the top of the window.
    expect(Math.round((await table.getByRole('columnheader').first().boundingBox())?.y ?? -1)).toBe(0);
    // What has no column of its own on a phone stands in a second line.
    const shown = await rowInWindow(table);
    await shown
      .getByText(/model-\d/)
      .filter({ visible: true })
      .waitFor();
    await shown
      .getByText(/Person \d/)
      .filter({ visible: true })
      .waitFor();
    const right = await shown
      .getByRole('cell')
      .last()
      .evaluate((cell) => getComputedStyle(cell).textAlign);
    expect(right).toBe('right');
  });
});

test('the row with the focus stays, however far one scrolls, and arrows go on from it', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/components?sample=rows');
  const { page } = visitor;
  await visitor.settle();
  const table = page.getByRole('table', { name: 'Many records' });
  await table.getByRole('link', { name: 'Record 3', exact: true }).focus();
  for (let step = 0; step < 60; step += 1) await page.keyboard.press('ArrowDown');
  expect(await visitor.focused()).toBe('Record 63');
  await page.keyboard.press('ArrowUp');
  expect(await visitor.focused()).toBe('Record 62');

  await scrollTo(0.7);
  await rowInWindow(table);
  expect(await visitor.focused()).toBe('Record 62');
  expect(await rowsOf(table)).toBeLessThanOrEqual(MOST_ROWS);
  // Its neighbour is not in the document.
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.activeElement?.textContent === 'Record 63');
  expect(await inWindow(table.getByRole('link', { name: 'Record 63', exact: true }))).toBe(true);
});

test('from the panel one comes back to the same place, with the focus on the row that opened it', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/components?sample=rows');
  const { page } = visitor;
  await visitor.settle();
  const table = page.getByRole('table', { name: 'Many records' });
  await scrollTo(0.6);
  const name = `Record ${await recordOf(await rowInWindow(table))}`;
  const link = table.getByRole('link', { name, exact: true });
  await link.focus();
  const before = await page.evaluate(() => scrollY);
  const open: readonly (() => Promise<void>)[] = [
    () => page.keyboard.press('Enter'),
    // The whole row is the link, so that it is met wherever one points.
    async () => {
      const row = table.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
      const { x, y, width, height } = (await row.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
      await page.mouse.click(x + width - 8, y + height / 2);
    },
  ];
  const leave: readonly (() => Promise<unknown>)[] = [() => page.keyboard.press('Escape'), () => page.goBack()];
  for (const [index, by] of open.entries()) {
    await by();
    const panel = page.getByRole('dialog', { name });
    await panel.waitFor();
    expect(page.url()).toContain('row=');
    await leave[index]?.();
    await panel.waitFor({ state: 'detached' });
    await page.waitForFunction((row) => document.activeElement?.textContent === row, name);
    expect(await page.evaluate(() => scrollY)).toBe(before);
  }
});

test('records that were loaded page by page stay where they are when one of them was looked at', async () => {
  visitor = await Visitor.signIn(browser, 'member');
  await useMany(300);
  const { page } = visitor;
  await page.goto('/usage?range=7d');
  await visitor.settle();
  const table = page.getByRole('table', { name: 'Records' });
  expect(await table.getAttribute('aria-rowcount')).toBe('-1');
  await page.keyboard.press('End');
  // The end of the list loads on as it comes into sight.
  await page.waitForFunction(() => {
    const last = [...document.querySelectorAll('table [aria-rowindex]')].at(-1);
    window.scrollTo(0, document.body.scrollHeight);
    return Number(last?.getAttribute('aria-rowindex')) > 300;
  });
  expect(await rowsOf(table)).toBeLessThanOrEqual(MOST_ROWS);
  const row = await rowInWindow(table);
  const index = await row.getAttribute('aria-rowindex');
  await row.getByRole('link').focus();
  const before = await page.evaluate(() => scrollY);
  await page.keyboard.press('Enter');
  const receipt = page.getByRole('dialog', { name: 'Why was I charged this?' });
  await receipt.getByRole('term').first().waitFor();
  await page.keyboard.press('Escape');
  await receipt.waitFor({ state: 'detached' });
  expect(await page.evaluate(() => scrollY)).toBe(before);
  await page.waitForFunction(
    (wanted) => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex') === wanted,
    index,
  );
});

/** Scrolls to a share of the page's height, and waits until the browser has drawn twice. */
async function scrollTo(share: number): Promise<void> {
  await visitor.page.evaluate(async (part) => {
    window.scrollTo(0, document.documentElement.scrollHeight * part - innerHeight / 2);
    for (let frame = 0; frame < 2; frame += 1) await new Promise((drawn) => requestAnimationFrame(drawn));
  }, share);
}

/** The row in the middle of the window, once there is one. */
async function rowInWindow(table: Locator): Promise<Locator> {
  const { page } = visitor;
  await page.waitForFunction(() =>
    document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('tr[data-index]'),
  );
  const index = await page.evaluate(
    () =>
      document
        .elementFromPoint(innerWidth / 2, innerHeight / 2)
        ?.closest('tr')
        ?.getAttribute('data-index') ?? '',
  );
  return table.locator(`tr[data-index="${index}"]`);
}

async function recordOf(row: Locator): Promise<number> {
  return Number((await row.getByRole('link').innerText()).replaceAll(/\D/g, ''));
}

function rowsOf(table: Locator): Promise<number> {
  return table.locator('tr').count();
}

async function inWindow(element: Locator): Promise<boolean> {
  const box = await element.boundingBox();
  return box !== null && box.y >= 0 && box.y + box.height <= 800;
}

/** Many small uses at once, a batch at a time. */
async function useMany(count: number): Promise<void> {
  for (let from = 0; from < count; from += 100) {
    const inputs = Array.from(
      { length: 100 },
      (_, index) =>
        `{ userExternalId: "demo-member", idempotencyKey: "long-${from + index}", lines: [{ resource: AI_TOKENS, quantity: 1, model: "long" }] }`,
    );
    const { data } = await visitor.api<{ data: { consumeCreditsBatch: { __typename: string }[] } }>(
      `mutation { consumeCreditsBatch(inputs: [${inputs.join(', ')}]) { __typename } }`,
    );
    expect(data.consumeCreditsBatch.length).toBe(100);
  }
}

/** Everything can be reached: by keyboard alone, with text twice as large, and zoomed in four times. */
import type { Browser, Page } from 'playwright-core';
import { demoOrganizationId } from './support/organizations.ts';
import { type Look, type Person, startBrowser, Visitor } from './support/visitor.ts';

const OWN = [
  '/',
  '/usage',
  '/ledger',
  '/subscription',
  '/api-keys',
  '/alerts',
  '/alerts?tab=preferences',
  '/alerts?tab=webhook',
  '/audit-log',
];
/** Each page once, as somebody who has it. */
const PATHS: readonly (readonly [Person, readonly string[]])[] = [
  ['user', OWN],
  ['owner', ['/members']],
  ['operator', ['/operator', '/operator?list=jobs']],
];
const FOCUSABLE =
  'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"]):not([data-base-ui-focus-guard])';
let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser.close());

test.each([1280, 360])(
  'the tab key goes through all of a page at %i px in its order, and one sees where it is',
  async (width) => {
    await onEachPage({ width }, async ({ page }, path) => {
      await page.evaluate(() => document.body.focus());
      const stops = [];
      for (let count = 0; count < 400; count += 1) {
        await page.keyboard.press('Tab');
        const stop = await stopOf(page);
        if (stop === null) break;
        // A date has several stops inside.
        if (!stop.isSame) stops.push(stop);
      }
      const bad = stops.filter(({ isSeen, isMarked, comesLater }) => !isSeen || !isMarked || !comesLater);
      expect({ path, bad }).toEqual({ path, bad: [] });
      // Rows come and go with the window, so nobody can say how many there are.
      const names = stops.filter(({ isRow }) => !isRow).map(({ name }) => name);
      expect({ path, names }).toEqual({ path, names: await focusableNames(page) });
    });
  },
);

test.each([
  { what: 'zoomed in four times', width: 320, height: 256, text: 16 },
  { what: 'with text of twice the size', width: 1280, height: 800, text: 32 },
])('$what nothing is lost: no sideways scroll, no text cut off, every control is reached', async (look) => {
  await onEachPage({ width: look.width }, async (visitor, path) => {
    const { page } = visitor;
    await page.setViewportSize({ width: look.width, height: look.height });
    // The size that the reader chose in their browser.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Page.setFontSizes', { fontSizes: { standard: look.text, fixed: look.text } });
    await page.reload();
    await visitor.settle();
    expect({ path, overflow: await visitor.overflow(), lost: await lostOn(page) }).toEqual({
      path,
      overflow: [],
      lost: [],
    });
  });
});

test('the focus goes into what opens, and back to what opened it', async () => {
  const visitor = await Visitor.signIn(browser, 'user', '/api-keys');
  const { page } = visitor;
  const openers = [
    { path: '/api-keys', role: 'button', name: 'Create key', opens: 'dialog' },
    { path: '/api-keys', role: 'button', name: /theme, dates/, opens: 'menu' },
    { path: '/api-keys', role: 'button', name: /^Account: /, opens: 'menu' },
    { path: '/usage', role: 'link', name: /tokens|min|s$/, opens: 'dialog' },
  ] as const;
  for (const { path, role, name, opens } of openers) {
    await page.goto(path);
    await visitor.settle();
    const place = path === '/usage' ? page.getByRole('table', { name: 'Records' }) : page;
    const opener = path === '/usage' ? place.getByRole('link').first() : place.getByRole(role, { name }).first();
    await opener.focus();
    await page.keyboard.press('Enter');
    const opened = page.getByRole(opens);
    await opened.waitFor();
    await page.waitForFunction((kind) => document.activeElement?.closest(`[role=${kind}]`) !== null, opens);
    await page.keyboard.press('Escape');
    await opened.waitFor({ state: 'detached' });
    const isBack = await opener.evaluate((element) => element === document.activeElement);
    expect({ path, name: String(name), isBack }).toEqual({ path, name: String(name), isBack: true });
  }
  await visitor.leave();
});

async function onEachPage(look: Look, check: (visitor: Visitor, path: string) => Promise<void>): Promise<void> {
  for (const [person, paths] of PATHS) {
    const visitor = await Visitor.signIn(browser, person, '/', look);
    const account = person === 'owner' ? `?account=${await demoOrganizationId(visitor)}` : '';
    for (const path of paths) {
      await visitor.page.goto(`${path}${account}`);
      await visitor.settle();
      await check(visitor, path);
    }
    await visitor.leave();
  }
}

/** Names of all that takes the focus outside of rows, in the order of the document. */
function focusableNames(page: Page): Promise<string[]> {
  return page.evaluate(
    (focusable) =>
      [...document.querySelectorAll<HTMLElement>(focusable)]
        .filter(
          (element) =>
            element.closest('tbody') === null &&
            element.tabIndex >= 0 &&
            !(element as HTMLButtonElement).disabled &&
            element.checkVisibility({ visibilityProperty: true }),
        )
        .map((element) => (element.ariaLabel ?? element.textContent ?? '').trim().slice(0, 60)),
    FOCUSABLE,
  );
}

interface Stop {
  readonly name: string;
  readonly isSeen: boolean;
  readonly isMarked: boolean;
  readonly comesLater: boolean;
  /** It did not leave the control that it was on. */
  readonly isSame: boolean;
  readonly isRow: boolean;
}

/** Where the focus is: in sight and under nothing, with a ring, and behind the stop before. null: it left the page. */
function stopOf(page: Page): Promise<Stop | null> {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLElement | null;
    if (element === null || element === document.body) return null;
    const kept = window as unknown as { lastStop?: Element };
    const last = kept.lastStop;
    kept.lastStop = element;
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    const at = document.elementFromPoint(left + width / 2, Math.min(top + height / 2, innerHeight - 1));
    // Of a row's link the ring is around the row.
    const rings = [null, '::after'].map((part) => getComputedStyle(element, part));
    return {
      name: (element.ariaLabel ?? element.textContent ?? '').trim().slice(0, 60),
      isSeen:
        bottom > 0 &&
        right > 0 &&
        top < innerHeight &&
        left < innerWidth &&
        at !== null &&
        (element.contains(at) || at.contains(element)),
      isMarked: rings.some(
        ({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2,
      ),
      isRow: element.closest('tbody') !== null,
      isSame: last === element,
      comesLater:
        last === undefined ||
        !last.isConnected ||
        (last.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0,
    };
  });
}

/** Controls that cannot be brought into sight, and texts that are cut off without a sign. */
function lostOn(page: Page): Promise<string[]> {
  return page.evaluate((focusable) => {
    const lost: string[] = [];
    const isVisible = (element: Element): boolean =>
      element.checkVisibility({ visibilityProperty: true }) && element.closest('.visually-hidden, .skip') === null;
    for (const element of document.querySelectorAll<HTMLElement>(focusable)) {
      if (!isVisible(element)) continue;
      element.scrollIntoView({ block: 'center', inline: 'nearest' });
      const { left, right, bottom } = element.getBoundingClientRect();
      const name = (element.ariaLabel ?? element.textContent ?? element.tagName).trim().slice(0, 60);
      // A link of two lines has text of others in the box around both.
      const isFree = [...element.getClientRects()].every((line) => {
        const at = document.elementFromPoint(line.left + line.width / 2, line.top + line.height / 2);
        return at !== null && (element.contains(at) || at.contains(element));
      });
      if (!isFree || left < -1 || right > innerWidth + 1 || bottom < 0) lost.push(`control ${name}`);
    }
    for (const element of document.querySelectorAll<HTMLElement>(
      'h1, h2, h3, p, dd, dt, td, th, label, button, a, span',
    )) {
      const { overflowX, textOverflow } = getComputedStyle(element);
      const isCut = overflowX !== 'visible' && overflowX !== 'auto' && overflowX !== 'scroll';
      if (isCut && textOverflow !== 'ellipsis' && isVisible(element) && element.scrollWidth > element.clientWidth + 1) {
        lost.push(`text ${(element.textContent ?? '').trim().slice(0, 60)}`);
      }
    }
    return lost;
  }, FOCUSABLE);
}

/** Every page that the navigation leads to, as everybody who may see it: nothing on it breaks, and no barrier stands on it. */
import type { Browser, Locator, Page } from 'playwright-core';
import { PortalServer } from './support/server.js';
import { type Look, type Person, startBrowser, Visitor } from './support/visitor.ts';

interface Eyes {
  readonly person: Person;
  /** Whose account they look at: their own, the organization's, or that of the user of this name. */
  readonly account: 'own' | 'organization' | 'demo-user';
}

const EYES: readonly Eyes[] = [
  { person: 'user', account: 'own' },
  { person: 'owner', account: 'organization' },
  { person: 'member', account: 'organization' },
  { person: 'operator', account: 'demo-user' },
  { person: 'operator', account: 'organization' },
];
const LOOKS: readonly Look[] = [
  { theme: 'light', width: 1280 },
  { theme: 'dark', width: 360 },
];
/** For walks of some minutes; no result depends on how long they take. */
const PATIENCE_MS = 900_000;
/** The demo's. */
const ORGANIZATION = 'acme-research';

let browser: Browser;
let server: PortalServer;

beforeAll(async () => {
  [browser, server] = await Promise.all([startBrowser(), PortalServer.start()]);
});

afterAll(() => Promise.all([browser.close(), server.stop()]));

// What the others see is looked at page by page in pages.test.ts.
test.each(EYES.filter(({ person }) => person === 'operator'))(
  '$person, looking at $account, finds no barrier on any page',
  async (eyes) => {
    for (const look of LOOKS) {
      const { visitor, home } = await comeIn(eyes, look);
      for (const path of await pagesOf(visitor, home)) {
        await open(visitor, path);
        const seen = { path, look, barriers: await visitor.barriers(), overflow: await visitor.overflow() };
        expect(seen).toEqual({ path, look, barriers: [], overflow: 0 });
      }
      expect(visitor.complaints).toEqual([]);
      await visitor.leave();
    }
  },
  PATIENCE_MS,
);

test.each(EYES)(
  '$person, looking at $account, can open every link and button, and the browser has no complaint',
  async (eyes) => {
    const { visitor, home } = await comeIn(eyes, { width: 1280 });
    const opened = new Set<string>();
    for (const path of await pagesOf(visitor, home)) {
      await open(visitor, path);
      const names = await controlsOf(visitor.page);
      for (const { name, isInPage } of names) {
        // What stands around every page is opened on the first.
        const key = isInPage ? `${path} ${name}` : name;
        if (opened.has(key)) continue;
        opened.add(key);
        if (!(await isAt(visitor.page, path))) await open(visitor, path);
        const control = controlNamed(visitor.page, name);
        // What came and went by itself, such as a live row, is not there any more.
        if ((await control.count()) === 0) continue;
        await control.first().click();
        await settled(visitor);
        expect({ path, name, complaints: visitor.complaints }).toEqual({ path, name, complaints: [] });
        expect(await visitor.page.getByText('This page could not be shown.').count()).toBe(0);
      }
    }
    expect(opened.size).toBeGreaterThan(20);
    await visitor.leave();
  },
  PATIENCE_MS,
);

function signIn(person: Person, path = '/', look: Look = {}): Promise<Visitor> {
  return Visitor.signIn(browser, person, path, { ...look, origin: server.url });
}

async function idOf(visitor: Visitor, externalId: string): Promise<string> {
  const { data } = await visitor.api<{ data: { billingEntityByExternalId: { id: string } } }>(
    `{ billingEntityByExternalId(type: ${externalId === ORGANIZATION ? 'ORGANIZATION' : 'USER'}, externalId: "${externalId}") { id } }`,
  );
  return data.billingEntityByExternalId.id;
}

async function comeIn({ person, account }: Eyes, look: Look): Promise<{ visitor: Visitor; home: string }> {
  const visitor = await signIn(person, '/', look);
  const home =
    account === 'own'
      ? '/'
      : `/?account=${encodeURIComponent(await idOf(visitor, account === 'organization' ? ORGANIZATION : account))}`;
  await open(visitor, home);
  return { visitor, home };
}

/** The addresses that the navigation has on a wide window, and the tabs of the pages behind them. */
async function pagesOf(visitor: Visitor, home: string): Promise<string[]> {
  const found = new Set([home]);
  for (const path of found) {
    if (found.size > 40) throw new Error(`more pages than can be: ${[...found].join(' ')}`);
    await open(visitor, path);
    const links = await visitor.page.evaluate(() =>
      [...document.querySelectorAll<HTMLAnchorElement>('nav a[href], .rail a[href], main a[href*="tab="]')].map(
        ({ pathname, search }) => ({ pathname, tab: new URLSearchParams(search).get('tab') }),
      ),
    );
    for (const { pathname, tab } of links) {
      const search = new URLSearchParams(new URL(home, server.url).search);
      if (tab !== null) search.set('tab', tab);
      found.add(search.size === 0 ? pathname : `${pathname}?${search.toString()}`);
    }
  }
  expect(found.size).toBeGreaterThan(4);
  return [...found];
}

async function open(visitor: Visitor, path: string): Promise<void> {
  await visitor.page.goto(path);
  await visitor.settle();
}

/** Nothing is being loaded any more, whatever was opened. */
async function settled({ page }: Visitor): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('.skeleton:not([data-sample] *)') === null && document.readyState === 'complete',
  );
}

async function isAt(page: Page, path: string): Promise<boolean> {
  const { pathname, search } = new URL(page.url());
  return pathname + search === path && (await page.locator('[role=dialog], [role=menu]').count()) === 0;
}

/**
 * Names of what can be clicked, of rows that are alike only the first. Left out: the way out, what is disabled, and what leads
 * away from the portal.
 */
function controlsOf(page: Page): Promise<{ name: string; isInPage: boolean }[]> {
  return page.evaluate(() => {
    const names = new Map<string, { name: string; isInPage: boolean }>();
    for (const element of document.querySelectorAll<HTMLElement>('a[href], button, summary, [role=tab]')) {
      if (!element.checkVisibility({ visibilityProperty: true }) || element.ariaDisabled === 'true') continue;
      if (element instanceof HTMLAnchorElement && element.origin !== location.origin) continue;
      const name = (element.ariaLabel ?? element.textContent ?? '').trim().replaceAll(/\s+/g, ' ');
      if (name === '' || element.matches('.skip')) continue;
      const cell = element.closest('td, th');
      const table = cell?.closest('table');
      const column = cell === null ? '' : [...(cell.parentElement?.children ?? [])].indexOf(cell);
      const alike =
        table == null || cell?.tagName === 'TH' ? name : `${table.ariaLabel ?? ''} ${column} ${element.tagName}`;
      if (!names.has(alike)) names.set(alike, { name, isInPage: element.closest('main') !== null });
    }
    return [...names.values()];
  });
}

function controlNamed(page: Page, name: string): Locator {
  const options = { name, exact: true } as const;
  return page
    .getByRole('link', options)
    .or(page.getByRole('button', options))
    .or(page.getByRole('tab', options))
    .filter({ visible: true });
}

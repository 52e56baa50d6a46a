/** Every link and button of every page that the navigation leads to, as everybody who may see it: nothing breaks, and no dialog has a fault. */
import type { Browser, Locator, Page } from 'playwright-core';
import { PortalServer } from './support/server.js';
import { type Person, startBrowser, Visitor } from './support/visitor.ts';

interface Eyes {
  readonly person: Person;
  /** Whose account they look at: their own, the organization's, or that of the user of this name. */
  readonly account: 'own' | 'organization' | 'demo-user';
}

const EYES: readonly Eyes[] = [
  { person: 'user', account: 'own' },
  { person: 'owner', account: 'organization' },
  { person: 'operator', account: 'demo-user' },
];
/** The last one is that of the walk. */
const LOOKS = [
  { theme: 'dark', width: 360 },
  { theme: 'light', width: 360 },
  { theme: 'dark', width: 1280 },
  { theme: 'light', width: 1280 },
] as const;
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

test.each(EYES)(
  '$person, looking at $account, can open every link and button, and the browser has no complaint',
  async (eyes) => {
    const { visitor, home } = await comeIn(eyes);
    const opened = new Set<string>();
    for (const path of await pagesOf(visitor, home)) {
      await open(visitor, path);
      const names = await controlsOf(visitor.page);
      for (const { name, isInPage } of names) {
        // What stands around every page is opened on the first.
        const key = isInPage ? `${path} ${name}` : name;
        if (opened.has(key)) continue;
        opened.add(key);
        await comeBack(visitor, path);
        const control = controlNamed(visitor.page, name);
        if (!(await clicked(control))) continue;
        await settled(visitor);
        expect({ path, name, faults: await faultsOfDialog(visitor) }).toEqual({ path, name, faults: [] });
        expect({ path, name, complaints: visitor.complaints }).toEqual({ path, name, complaints: [] });
        expect(await visitor.page.getByText('This page could not be shown.').count()).toBe(0);
      }
    }
    expect(opened.size).toBeGreaterThan(20);
    await visitor.leave();
  },
  PATIENCE_MS,
);

async function idOf(visitor: Visitor, externalId: string): Promise<string> {
  const { data } = await visitor.api<{ data: { billingEntityByExternalId: { id: string } } }>(
    `{ billingEntityByExternalId(type: ${externalId === ORGANIZATION ? 'ORGANIZATION' : 'USER'}, externalId: "${externalId}") { id } }`,
  );
  return data.billingEntityByExternalId.id;
}

async function comeIn({ person, account }: Eyes): Promise<{ visitor: Visitor; home: string }> {
  const visitor = await Visitor.signIn(browser, person, '/', { origin: server.url });
  const home =
    account === 'own'
      ? '/'
      : `/?account=${encodeURIComponent(await idOf(visitor, account === 'organization' ? ORGANIZATION : account))}`;
  await open(visitor, home);
  return { visitor, home };
}

/** False for what came and went by itself, such as a live row, or «Load more» once it is in sight. */
async function clicked(control: Locator): Promise<boolean> {
  if ((await control.count()) === 0) return false;
  const wanted = await control.first().elementHandle();
  return (
    wanted?.click().then(
      () => true,
      async (error: unknown) => {
        if (await wanted.evaluate((element) => element.isConnected)) throw error;
        return false;
      },
    ) ?? false
  );
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
  // A button of before may lead away only now, when its answer has come: that takes the place of this.
  await visitor.page.goto(path).catch(() => visitor.page.goto(path));
  await visitor.settle();
}

/** The faults of the dialog that is open, if one is, in each look. */
async function faultsOfDialog(visitor: Visitor): Promise<string[]> {
  const { page } = visitor;
  const faults: string[] = [];
  if ((await page.getByRole('dialog').count()) === 0) return faults;
  for (const { theme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 800 });
    for (const fault of await visitor.faults()) faults.push(`${theme} ${width}: ${fault}`);
  }
  return faults;
}

/** Nothing is being loaded any more, whatever was opened. */
async function settled({ page }: Visitor): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('.skeleton:not([data-sample] *)') === null && document.readyState === 'complete',
  );
}

/** Leaves what was opened as people do, and loads the page anew only where that does not lead back. */
async function comeBack(visitor: Visitor, path: string): Promise<void> {
  const { page } = visitor;
  if (await isAt(page, path)) return;
  if ((await openedOn(page).count()) > 0) await page.keyboard.press('Escape');
  else await page.goBack();
  await settled(visitor);
  if (!(await isAt(page, path))) await open(visitor, path);
}

function openedOn(page: Page): Locator {
  return page.locator('[role=dialog], [role=menu]');
}

async function isAt(page: Page, path: string): Promise<boolean> {
  const { pathname, search } = new URL(page.url());
  return pathname + search === path && (await openedOn(page).count()) === 0;
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

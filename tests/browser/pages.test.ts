/** Every page as each person, in both themes and both widths: no barrier, no complaint, no sideways scroll, nothing that jumps. */
import type { Browser } from 'playwright-core';
import { demoOrganizationId } from './support/organizations.ts';
import { type Look, type Person, startBrowser, Visitor } from './support/visitor.ts';

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
  '/operator',
];
/** Owner and member see different things of the organization that they share. */
const ORGANIZATION_PATHS = ['/', '/api-keys', '/members', '/audit-log'];
const LOOKS: readonly Look[] = (['light', 'dark'] as const).flatMap((theme) =>
  [1280, 360].map((width) => ({ theme, width })),
);
/** What others see besides is made of the same parts: each theme and each width once. */
const WALKS: readonly { readonly person: Person; readonly look: Look }[] = [
  ...LOOKS.map((look) => ({ person: 'user', look }) as const),
  ...(['owner', 'member', 'operator'] as const).flatMap((person) =>
    [{ theme: 'light', width: 1280 } as const, { theme: 'dark', width: 360 } as const].map((look) => ({
      person,
      look,
    })),
  ),
];

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser.close());

test.each(WALKS)('as $person in $look.theme at $look.width px', async ({ person, look }) => {
  const visitor = await Visitor.signIn(browser, person, '/', look);
  for (const path of await pathsOf(person, visitor)) {
    await visitor.page.goto(path);
    await visitor.settle();
    const seen = { path, faults: await visitor.faults() };
    expect(seen).toEqual({ path, faults: [] });
    expect(`${path} ${(await visitor.shift()) <= 0.02}`).toBe(`${path} true`);
  }
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

async function pathsOfOrganization(visitor: Visitor): Promise<string[]> {
  const id = await demoOrganizationId(visitor);
  return ORGANIZATION_PATHS.map((path) => `${path}?account=${id}`);
}

/** An operator has no account of their own: they see the pages of somebody else, and the list of all. */
async function pathsOf(person: Person, visitor: Visitor): Promise<string[]> {
  if (person === 'user') return [...PATHS, '/components'];
  if (person !== 'operator') return [...PATHS, ...(await pathsOfOrganization(visitor))];
  const { data } = await visitor.api<{ data: { billingEntityByExternalId: { id: string } } }>(
    '{ billingEntityByExternalId(type: USER, externalId: "demo-user") { id } }',
  );
  const account = `account=${data.billingEntityByExternalId.id}`;
  return [
    '/operator',
    '/operator?list=jobs',
    ...PATHS.map((path) => `${path}${path.includes('?') ? '&' : '?'}${account}`),
  ];
}

test('what an operator must give is asked for without a barrier', async () => {
  const { page, ...visitor } = await open('/operator', 'operator');
  await page.getByRole('table', { name: 'Accounts' }).getByRole('link', { name: 'Uma User' }).click();
  for (const act of ['Grant credits', 'Adjust balance', 'Suspend account']) {
    await page.getByRole('button', { name: act }).click();
    await page.getByRole('dialog').getByRole('button', { name: act }).click();
    await page.getByText('Give a reason.').waitFor();
    expect({ act, faults: await visitor.faults() }).toEqual({ act, faults: [] });
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  await visitor.leave();
});

async function open(path: string, person: Person = 'user') {
  const visitor = await Visitor.signIn(browser, person, path);
  await visitor.settle();
  return { page: visitor.page, faults: () => visitor.faults(), leave: () => visitor.leave() };
}

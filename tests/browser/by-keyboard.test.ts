/** The journeys of a person without a pointer. After each dialog and each navigation the focus is where it belongs. */
import type { Browser, Locator, Page } from 'playwright-core';
import { Keyboard } from './support/keyboard.ts';
import { makeOrganization, useIn } from './support/organizations.ts';
import { type Person, startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let visitor: Visitor;
let page: Page;
let keyboard: Keyboard;

beforeAll(async () => {
  browser = await startBrowser();
});

afterEach(async () => {
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

afterAll(() => browser.close());

test('PRO is bought through Checkout; fewer units are noted, and taken back', async () => {
  const { id } = await makeOrganization(browser, { name: 'Keys Only Ltd', owner: 'owner' });
  await come('owner', `/?account=${id}`);
  await keyboard.use(page.getByRole('link', { name: 'Subscription' }).first());
  await keyboard.isOnHeading('Subscription');
  await keyboard.use(page.getByRole('button', { name: 'Upgrade to Pro' }));
  const upgrade = page.getByRole('dialog', { name: 'Upgrade to Pro' });
  await keyboard.isIn(upgrade);
  await keyboard.type(upgrade.getByRole('textbox', { name: 'Units' }), '2');
  await keyboard.use(upgrade.getByRole('button', { name: 'Go to payment of $40.00' }));
  await keyboard.type(page.getByRole('textbox', { name: 'E-mail' }), 'oscar@example.com');
  await keyboard.use(page.getByRole('button', { name: 'Subscribe' }));
  await page.getByText(/^Pro is paid: 1,000,000 credits have arrived/).waitFor();

  const open = page.getByRole('button', { name: 'Change units' });
  await keyboard.use(open);
  const units = page.getByRole('dialog', { name: 'Units of Pro' });
  await keyboard.isIn(units);
  await keyboard.type(units.getByRole('textbox', { name: 'Units' }), '1');
  await keyboard.use(units.getByRole('button', { name: 'Change to 1 unit' }));
  await units.waitFor({ state: 'detached' });
  await keyboard.isOn(open);
  await page.getByText(/on: 1 unit, 500,000 credits a month for \$20\.00\./).waitFor();
  await keyboard.use(page.getByRole('button', { name: 'Keep 2 units' }));
  await page.getByText('Pro goes on as it is.').waitFor();
  await page.getByText(/on: 1 unit/).waitFor({ state: 'detached' });
});

test('a key is made, its secret is shown once and works, and it is revoked', async () => {
  await come('user', '/api-keys');
  const create = page.getByRole('button', { name: 'Create key' });
  await keyboard.use(create);
  const dialog = page.getByRole('dialog', { name: 'Create key' });
  await keyboard.isIn(dialog);
  await keyboard.use(dialog.getByLabel('Name'));
  await dialog.getByText('Give it a name.').waitFor();
  await keyboard.type(dialog.getByLabel('Name'), 'Build server');
  await page.keyboard.press('Enter');

  const stored = page.getByRole('dialog', { name: 'Store this secret now' });
  await keyboard.isIn(stored);
  const secret = await stored.getByLabel('secret', { exact: true }).inputValue();
  await page.keyboard.press('Escape');
  expect(await stored.isVisible()).toBe(true);
  await keyboard.use(stored.getByRole('button', { name: 'I have stored it' }));
  await stored.waitFor({ state: 'detached' });
  await keyboard.isOn(create);
  expect(await useWith(secret)).toBe('ConsumeCreditsSuccess');

  await keyboard.use(page.getByRole('button', { name: 'Revoke Build server' }));
  const revoke = page.getByRole('dialog', { name: 'Revoke Build server' });
  await keyboard.isIn(revoke);
  const button = revoke.getByRole('button', { name: 'Revoke key' });
  expect(await button.getAttribute('aria-disabled')).toBe('true');
  await keyboard.type(revoke.getByRole('textbox'), 'Build server');
  await keyboard.use(button);
  await revoke.waitFor({ state: 'detached' });
  await keyboard.use(page.getByRole('link', { name: 'Show revoked keys too' }));
  await page.getByRole('row').filter({ hasText: 'Build server' }).getByText('Revoked').waitFor();
  expect(await useWith(secret)).toBe('UNAUTHENTICATED');
});

test('a level is set, told live when it is reached, and acknowledged', async () => {
  const organization = await makeOrganization(browser, { name: 'Levels Ltd', owner: 'owner' });
  await come('owner', `/?account=${organization.id}`);
  await keyboard.use(page.getByRole('link', { name: 'Alerts' }).first());
  await keyboard.isOnHeading('Alerts');
  await keyboard.use(page.getByRole('link', { name: 'Preferences' }));
  await keyboard.use(page.getByRole('button', { name: 'Add a level' }));
  await keyboard.choose(page.getByLabel('At').last(), 'Credits left');
  await keyboard.type(page.getByLabel('Level').last(), '19900');
  await keyboard.use(page.getByRole('button', { name: 'Save preferences' }));
  await page.getByText('Saved.').waitFor();
  await useIn(visitor, organization, { tokens: 2_000, model: 'alerted' });
  const toast = page.getByRole('status', { name: 'New alerts' });
  await keyboard.use(toast.getByRole('button', { name: /^Close/ }));
  await toast.getByRole('button').waitFor({ state: 'detached' });
  await keyboard.use(page.getByRole('link', { name: 'History' }));
  const row = page.getByRole('table', { name: 'History' }).getByRole('row').nth(1);
  await keyboard.use(row.getByRole('button', { name: /^Acknowledge/ }));
  await row.getByText(/^Acknowledged/).waitFor();
});

test('a member is limited, and credits are moved to them', async () => {
  const given = { name: 'Hands Free Ltd', owner: 'owner', members: ['member'], bought: 5_000 } as const;
  const organization = await makeOrganization(browser, given);
  await come('owner', `/?account=${organization.id}`);
  await keyboard.use(page.getByRole('link', { name: 'Members' }).first());
  await keyboard.isOnHeading('Members');
  const change = page.getByRole('button', { name: 'Change Mia Member' });
  await keyboard.use(change);
  const limit = page.getByRole('dialog', { name: 'Change Mia Member' });
  await keyboard.isIn(limit);
  await keyboard.type(limit.getByLabel('Limit in credits a period'), '200');
  await page.keyboard.press('Enter');
  await limit.waitFor({ state: 'detached' });
  await keyboard.isOn(change);
  const members = page.getByRole('table', { name: 'Members' });
  await members.getByRole('cell', { name: '0 of 200' }).waitFor();

  const open = page.getByRole('button', { name: 'Move credits' });
  await keyboard.use(open);
  const move = page.getByRole('dialog', { name: 'Move credits' });
  await keyboard.isIn(move);
  await keyboard.choose(move.getByLabel('Member', { exact: true }), 'Mia');
  await keyboard.type(move.getByLabel('Credits', { exact: true }), '1200');
  await keyboard.use(move.getByRole('button', { name: 'Move 1,200 credits' }));
  await move.waitFor({ state: 'detached' });
  await keyboard.isOn(open);
  await page.getByText('1,200 credits are moved to Mia Member. Hands Free Ltd has 3,800 credits available.').waitFor();
});

test('a member comes to the limit, reads which it is and who can raise it; its owner goes to where it is raised', async () => {
  const given = { name: 'Read Aloud Ltd', owner: 'owner', members: ['member'] } as const;
  const organization = await makeOrganization(browser, given);
  await come('owner', `/?account=${organization.id}`);
  await visitor.api(
    `mutation { setMember(input: { billingEntityId: "${organization.id}", userExternalId: "demo-member", role: MEMBER, creditLimit: 100 }) { id } }`,
  );
  await visitor.leave();
  await come('member', `/?account=${organization.id}`);
  const demo = demoOf(page);
  await keyboard.use(demo.getByRole('button', { name: '1,000 tokens: 100 credits' }));
  await demo.getByText('100 credits were used.').waitFor();
  const again = demo.getByRole('button', { name: 'Until it is refused' });
  await keyboard.use(again);
  // It is announced, and the focus stays where the next try is made.
  const refusal = demo.getByRole('alert');
  await refusal.getByText('The member’s limit is reached').waitFor();
  await refusal.getByText('and the member’s limit leaves 0 credits.').waitFor();
  await refusal.getByText('An owner or administrator of Read Aloud Ltd can raise the member’s limit.').waitFor();
  await keyboard.isOn(again);
  expect(await visitor.faults()).toEqual([]);
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();

  await come('owner', `/?account=${organization.id}`);
  await visitor.api(
    `mutation { setMember(input: { billingEntityId: "${organization.id}", userExternalId: "demo-owner", role: OWNER, creditLimit: 0 }) { id } }`,
  );
  await keyboard.use(demoOf(page).getByRole('button', { name: '1,000 tokens: 100 credits' }));
  await keyboard.use(demoOf(page).getByRole('alert').getByRole('link', { name: 'To the members' }));
  await keyboard.isOnHeading('Members');
});

test('use is filtered, explained and exported, in another account too', async () => {
  const { name } = await makeOrganization(browser, { name: 'Switched Ltd', owner: 'user' });
  await come('user', '/');
  await visitor.use('user', { tokens: 2_500, model: 'by-keyboard' });
  await keyboard.use(page.getByRole('link', { name: 'Usage' }).first());
  await keyboard.isOnHeading('Usage');
  await keyboard.use(page.getByRole('table', { name: 'By model' }).getByRole('link', { name: 'by-keyboard' }));
  const chip = page.getByRole('button', { name: 'Remove filter Model: by-keyboard' });
  await chip.waitFor();
  const record = page.getByRole('table', { name: 'Records' }).getByRole('link').first();
  await keyboard.use(record);
  const receipt = page.getByRole('dialog', { name: 'Why was I charged this?' });
  await keyboard.isIn(receipt);
  await page.keyboard.press('Escape');
  await receipt.waitFor({ state: 'detached' });
  await keyboard.isOn(record);
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    keyboard.use(page.getByRole('button', { name: 'Download CSV' })),
  ]);
  expect(file.suggestedFilename()).toMatch(/\.csv$/);

  const switcher = page.getByRole('button', { name: /^Account: / }).first();
  await keyboard.pick(switcher, page.getByRole('menuitem', { name: new RegExp(`^${name}`) }));
  await page.getByRole('heading', { level: 1, name: new RegExp(name) }).waitFor();
  await keyboard.isOnHeading('Usage');
  const person = page.getByRole('button', { name: /theme, dates/ });
  await keyboard.pick(person, page.getByRole('menuitem', { name: 'Sign out' }));
  await page.waitForURL(/\/sign-in/);
});

function demoOf(on: Page): Locator {
  return on.getByRole('region', { name: 'Try it: use some credits' });
}

async function come(as: Person, path: string): Promise<void> {
  visitor = await Visitor.signIn(browser, as, path);
  page = visitor.page;
  keyboard = new Keyboard(page);
  await visitor.settle();
}

/** Uses a few tokens with the secret of a key, as a program does. Answers the kind of the result, or the code of the refusal. */
async function useWith(secret: string): Promise<string> {
  const line = '{ resource: AI_TOKENS, quantity: 1000, model: "key" }';
  const query = `mutation { consumeCredits(input: { idempotencyKey: "${crypto.randomUUID()}", lines: [${line}] }) { __typename } }`;
  const response = await fetch(`${new URL(page.url()).origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as {
    data?: { consumeCredits: { __typename: string } | null } | null;
    errors?: { extensions: { code: string } }[];
  };
  return data?.consumeCredits?.__typename ?? errors?.[0]?.extensions.code ?? 'nothing';
}

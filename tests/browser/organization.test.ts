/** What people do with an organization, each in a browser of their own. */
import type { Browser, Locator } from 'playwright-core';
import { makeOrganization, type Organization, useIn } from './support/organizations.ts';
import { type Look, type Person, startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let visitors: Visitor[] = [];

beforeAll(async () => {
  browser = await startBrowser();
});

afterEach(async () => {
  expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([]);
  await Promise.all(visitors.map((visitor) => visitor.leave()));
  visitors = [];
});

afterAll(() => browser.close());

test('an organization is made in the switcher, somebody is invited to it, and accepts in their own browser', async () => {
  const owner = await visit('owner');
  await switcherOf(owner).click();
  await owner.page.getByRole('menuitem', { name: 'New organization' }).click();
  const making = owner.page.getByRole('dialog', { name: 'New organization' });
  await making.getByLabel('Name').fill('Journey Labs');
  await making.getByRole('button', { name: 'Make organization' }).click();
  await titled(owner, 'Balance · Journey Labs · Tollgate');

  await owner.page.getByRole('link', { name: 'Members' }).first().click();
  await owner.page.getByRole('button', { name: 'Invite' }).click();
  const inviting = owner.page.getByRole('dialog', { name: 'Invite somebody' });
  await inviting.getByLabel('Their id').fill('demo-user');
  await inviting.getByRole('button', { name: 'Invite' }).click();
  await rowOf(owner, 'demo-user').getByText('No answer yet').waitFor();

  const invited = await visit('user', '/usage');
  await invited.page.getByRole('button', { name: 'Accept the invitation of Journey Labs' }).click();
  await invited.page.getByText('You belong to Journey Labs now.').waitFor();
  expect(await invited.focused()).toContain('You belong to Journey Labs now.');
  await invited.page.getByRole('link', { name: 'Open Journey Labs' }).click();
  await titled(invited, 'Balance · Journey Labs · Tollgate');

  await owner.page.reload();
  await rowOf(owner, 'Uma User').getByText('Active').waitFor();
});

test('an invitation that is declined in the switcher is gone, and the audit log says so', async () => {
  const organization = await makeOrganization(browser, { name: 'Declined Ltd', owner: 'owner' });
  const owner = await visit('owner', at('/members', organization));
  await owner.api(
    `mutation { setMember(input: { billingEntityId: "${organization.id}", userExternalId: "demo-member", role: ADMIN }) { id } }`,
  );
  const invited = await visit('member');
  await invited.page.getByText('Declined Ltd invites you as Administrator.').waitFor();
  await switcherOf(invited).click();
  await invited.page.getByRole('menuitem', { name: '1 invitation' }).click();
  const dialog = invited.page.getByRole('dialog', { name: 'Invitations' });
  await dialog.getByRole('button', { name: 'Decline the invitation of Declined Ltd' }).click();
  await dialog.getByText('You declined the invitation of Declined Ltd.').waitFor();
  await invited.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(await invited.page.getByText('Declined Ltd invites you').count()).toBe(0);

  await owner.page.getByRole('link', { name: 'Audit log' }).first().click();
  const log = owner.page.getByRole('table', { name: 'Audit log' }).getByRole('row');
  await log.filter({ hasText: 'Invitation declined' }).getByRole('cell', { name: 'demo-member' }).first().waitFor();
  await owner.page.getByLabel('What').selectOption('member.invite');
  await owner.page.waitForURL(/action=member\.invite/);
  await log.filter({ hasText: 'Invitation declined' }).waitFor({ state: 'detached' });
  await log
    .filter({ hasText: 'Member invited' })
    .getByRole('cell', { name: /role: Administrator/ })
    .waitFor();
});

test('a member is limited by keyboard alone, comes to the limit, and reads which it is', async () => {
  const organization = await makeOrganization(browser, { name: 'Limited Ltd', owner: 'owner', members: ['member'] });
  const owner = await visit('owner', at('/members', organization));
  const change = owner.page.getByRole('button', { name: 'Change Mia Member' });
  await change.press('Enter');
  const dialog = owner.page.getByRole('dialog', { name: 'Change Mia Member' });
  await dialog.waitFor();
  await owner.page.waitForFunction(() => document.activeElement?.closest('[role=dialog]') !== null);
  await tabTo(owner, dialog.getByLabel('Limit in credits a period'));
  await owner.page.keyboard.type('ten');
  await owner.page.keyboard.press('Enter');
  await dialog.getByText('Give a whole number').waitFor();
  await owner.page.keyboard.press('Control+a');
  await owner.page.keyboard.type('200');
  await dialog.getByText('0 credits are drawn in this period, so 200 are left of it until').waitFor();
  await owner.page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await rowOf(owner, 'Mia Member').getByRole('cell', { name: '0 of 200' }).waitFor();
  await focusOn(owner, change);

  const member = await visit('member', at('/', organization));
  expect(await useIn(member, organization, { tokens: 2_000, model: 'limited' })).toEqual({ credits: 200 });
  await member.page.getByRole('status', { name: 'New alerts' }).getByText(/100 %/).waitFor();
  expect(await useIn(member, organization, { tokens: 1_000, model: 'refused' })).toEqual({
    reason: 'MEMBER_LIMIT_REACHED',
  });
  await member.page.getByRole('link', { name: 'Alerts' }).first().click();
  await member.page.getByRole('table', { name: 'History' }).getByText('Member’s limit').first().waitFor();
  await member.page.getByRole('link', { name: 'Members' }).first().click();
  await member.page.getByText('You have drawn all of your limit of 200 credits here.').waitFor();
  // The owner's page follows by itself.
  await rowOf(owner, 'Mia Member').getByRole('cell', { name: 'At the limit 200 of 200' }).waitFor();
});

test('credits are moved to a member, and both balances follow', async () => {
  const organization = await makeOrganization(browser, {
    name: 'Moving Ltd',
    owner: 'owner',
    members: ['member'],
    bought: 5_000,
  });
  const member = await visit('member');
  const before = await availableOf(member);
  const owner = await visit('owner', at('/members', organization));
  await owner.page.getByText('5,000 credits left in the pool').waitFor();
  await owner.page.getByRole('button', { name: 'Move credits' }).click();
  const dialog = owner.page.getByRole('dialog', { name: 'Move credits' });
  await dialog.getByLabel('Member', { exact: true }).selectOption('Mia Member');
  await dialog.getByLabel('Credits', { exact: true }).fill('9000');
  await dialog.getByText('Moving Ltd has 5,000 available.').waitFor();
  await dialog.getByRole('button', { name: 'Move 9,000 credits' }).click();
  await dialog.getByText(/^At most 5,000 credits can be moved/).waitFor();
  await dialog.getByLabel('Credits', { exact: true }).fill('1200');
  await dialog.getByText('Moving Ltd: 5,000 available now, 3,800 afterwards.').waitFor();
  await dialog.getByRole('button', { name: 'Move 1,200 credits' }).click();
  await owner.page
    .getByText('1,200 credits are moved to Mia Member. Moving Ltd has 3,800 credits available.')
    .waitFor();
  await owner.page.getByText('3,800 credits left in the pool').waitFor();
  await availableOf(member, before + 1_200);
});

test('the use of each member adds up to what the pool used, here and on the page of usage', async () => {
  const organization = await makeOrganization(browser, { name: 'Adding Ltd', owner: 'owner', members: ['member'] });
  const owner = await visit('owner', at('/members', organization));
  const member = await visit('member', at('/', organization));
  await useIn(owner, organization, { tokens: 3_000, model: 'adding' });
  await useIn(member, organization, { tokens: 5_000, model: 'adding' });
  await owner.page.getByText('Members 800 + others 0 = 800 used from the pool in this period').waitFor();
  await rowOf(owner, 'Oscar Owner').getByRole('cell', { name: '300', exact: true }).waitFor();
  await rowOf(owner, 'Mia Member').getByRole('cell', { name: '500', exact: true }).waitFor();
  await owner.page.getByRole('link', { name: 'Use by person' }).click();
  const table = owner.page.getByRole('table', { name: 'By person' });
  await table
    .getByRole('row', { name: /^Mia Member/ })
    .getByText('500')
    .waitFor();
  await table
    .getByRole('row', { name: /^Oscar Owner/ })
    .getByText('300')
    .waitFor();
  await table
    .getByRole('row', { name: /^Total/ })
    .getByText('800')
    .waitFor();
});

test('another account changes every page, and leaves nothing of the one before in sight', async () => {
  const organization = await makeOrganization(browser, { name: 'Other Ltd', owner: 'owner' });
  const owner = await visit('owner');
  await owner.use('owner', { tokens: 1_000, model: 'only-my-own' });
  const { data } = await owner.api<{ data: { viewer: { user: { id: string } } } }>('{ viewer { user { id } } }');
  const key = `billingEntityId: "${data.viewer.user.id}", name: "only-my-own", type: PLATFORM, provider: OPENAI`;
  await owner.api(`mutation { createApiKey(input: { ${key} }) { apiKey { id } } }`);
  for (const [path, shows] of [
    ['/', true],
    ['/usage', true],
    ['/ledger', false],
    ['/api-keys', true],
    ['/alerts', false],
    ['/audit-log', true],
  ] as const) {
    await owner.page.goto(path);
    await owner.settle();
    if (shows) await owner.page.getByText('only-my-own').filter({ visible: true }).first().waitFor();
    await switchTo(owner, 'Other Ltd');
    await owner.settle();
    const shown = await owner.page.getByRole('main').innerText();
    expect({ path, left: shown.includes('only-my-own') }).toEqual({
      path,
      left: false,
    });
    expect(await owner.page.getByRole('heading', { level: 1 }).innerText()).toContain('Other Ltd');
    expect(new URL(owner.page.url()).pathname).toBe(path);
    expect(owner.page.url()).toContain(organization.id);
    await switchTo(owner, 'Oscar Owner');
    expect(owner.page.url()).not.toContain(organization.id);
  }
});

test('a member who is removed loses what is open in their browser', async () => {
  const organization = await makeOrganization(browser, { name: 'Parting Ltd', owner: 'owner', members: ['member'] });
  const member = await visit('member', at('/', organization));
  await availableOf(member, 20_000);
  const owner = await visit('owner', at('/members', organization));
  await owner.page.getByRole('button', { name: 'Remove Mia Member' }).click();
  const dialog = owner.page.getByRole('dialog', { name: 'Remove Mia Member' });
  await dialog.getByText('They lose access at once, also where it is open in a browser').waitFor();
  await dialog.getByRole('button', { name: 'Remove Mia Member' }).click();
  await owner.page.getByText('Mia Member no longer belongs here.').waitFor();
  await rowOf(owner, 'Mia Member').waitFor({ state: 'detached' });
  await owner.page.waitForFunction(() => document.activeElement?.tagName === 'H2');
  expect(await owner.focused()).toBe('Members');

  await member.page.getByText('There is no such account, or you may not see it.').waitFor();
  expect(await member.page.locator('body').innerText()).not.toContain('Parting Ltd');
  await member.page.getByRole('link', { name: 'To the balance' }).click();
  await titled(member, 'Balance · Mia Member · Tollgate');
});

async function visit(person: Person, path = '/', look: Look = {}): Promise<Visitor> {
  const visitor = await Visitor.signIn(browser, person, path, look);
  visitors.push(visitor);
  await visitor.settle();
  return visitor;
}

function at(path: string, { id }: Organization): string {
  return `${path}?account=${id}`;
}

function switcherOf({ page }: Visitor): Locator {
  return page.getByRole('button', { name: /^Account: / }).first();
}

async function switchTo(visitor: Visitor, name: string): Promise<void> {
  await switcherOf(visitor).click();
  await visitor.page.getByRole('menuitem', { name: new RegExp(`^${name}`) }).click();
  await visitor.page
    .getByRole('button', { name: new RegExp(`^Account: ${name}`) })
    .first()
    .waitFor();
}

function rowOf({ page }: Visitor, name: string): Locator {
  return page.getByRole('table', { name: 'Members' }).getByRole('row').filter({ hasText: name });
}

async function titled({ page }: Visitor, title: string): Promise<void> {
  await page.waitForFunction((wanted) => document.title === wanted, title);
}

/** Tabs until the control has the focus; a dozen times at most. */
async function tabTo({ page }: Visitor, control: Locator): Promise<void> {
  for (let tries = 0; tries < 12; tries += 1) {
    if (await control.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error('The control cannot be reached by keyboard.');
}

/** Waits until the control has the focus: it returns once the dialog is gone. */
async function focusOn({ page }: Visitor, control: Locator): Promise<void> {
  const element = await control.elementHandle();
  await page.waitForFunction((wanted) => document.activeElement === wanted, element);
}

/** The balance that is shown; waits for `wanted`, if it is given. */
async function availableOf({ page }: Visitor, wanted?: number): Promise<number> {
  const figure = page.getByRole('region', { name: 'Available' }).getByText(/^[\d,]+ credits?$/);
  if (wanted !== undefined) {
    await figure.filter({ hasText: new RegExp(`^${wanted.toLocaleString('en-US')} `) }).waitFor();
  }
  return Number((await figure.innerText()).replaceAll(/\D/g, ''));
}

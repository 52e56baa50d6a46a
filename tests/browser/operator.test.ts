/** What an operator does: finds an account, sees it as its owner does, and acts upon it with a reason. */
import type { Browser, Locator } from 'playwright-core';
import { addFailedJob } from './support/queue.ts';
import { startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let operator: Visitor;
let user: Visitor;

beforeAll(async () => {
  browser = await startBrowser();
});

beforeEach(async () => {
  user = await Visitor.signIn(browser, 'user');
  await user.settle();
  operator = await Visitor.signIn(browser, 'operator');
});

afterEach(async () => {
  expect([...operator.complaints, ...user.complaints]).toEqual([]);
  await operator.leave();
  await user.leave();
});

afterAll(() => browser.close());

test('an operator lands at the list of accounts, finds one, and the browser is told which page it is', async () => {
  const { page } = operator;
  await page.waitForURL(/\/operator$/);
  await operator.settle();
  expect(await page.title()).toBe('Operator · All accounts · Tollgate');
  await findUser();
  expect(await page.title()).toBe('Operator · Uma User · Tollgate');
  expect(await operator.focused()).toContain('Operator');
  await page.getByText('You see Uma User as an operator').waitFor();
  await page.getByRole('link', { name: 'All accounts' }).press('Enter');
  await page.getByRole('cell', { name: 'demo-owner' }).waitFor();
  expect(await operator.focused()).toContain('Operator');
  await page.getByLabel('Name or external id').fill('nobody has this name');
  await page.keyboard.press('Enter');
  await page.getByText('No account has that name or id').waitFor();
});

test('credits are granted and taken with a reason, and arrive live in the browser of their owner', async () => {
  const { page } = operator;
  await findUser();
  const before = await availableOf(user);
  const open = page.getByRole('button', { name: 'Grant credits' });
  await open.press('Enter');
  const grant = page.getByRole('dialog', { name: 'Grant credits to Uma User' });
  await grant.getByRole('button', { name: 'Grant credits' }).press('Enter');
  await grant.getByText('Give a whole number above 0').waitFor();
  await grant.getByText('Give a reason.').waitFor();
  await grant.getByLabel('Credits').fill('1000');
  await grant.getByText(`Available goes from ${figures(before)} to ${figures(before + 1_000)} credits.`).waitFor();
  await grant.getByLabel('Reason').fill('An apology for yesterday');
  await grant.getByRole('button', { name: 'Grant credits' }).press('Enter');
  await page.getByText(`Done. ${figures(before + 1_000)} credits are available now.`).waitFor();
  await grant.waitFor({ state: 'detached' });
  expect(await operator.focused()).toBe('Grant credits');
  await expectAvailable(user, before + 1_000);

  await page.getByRole('button', { name: 'Adjust balance' }).click();
  const adjust = page.getByRole('dialog', { name: 'Adjust the balance of Uma User' });
  await adjust.getByLabel('Reason').fill('Counted twice');
  await adjust.getByLabel('Credits').fill('-99999999');
  await adjust.getByText('the server refuses to take more').waitFor();
  await adjust.getByRole('button', { name: 'Adjust balance' }).click();
  await adjust.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
  await adjust.getByLabel('Credits').fill('-400');
  await adjust.getByRole('button', { name: 'Adjust balance' }).click();
  await adjust.waitFor({ state: 'detached' });
  await expectAvailable(user, before + 600);

  await user.page.goto('/ledger');
  await user.page.getByRole('table').getByText('Counted twice').waitFor();
  await user.page.getByRole('table').getByText('An apology for yesterday').waitFor();
});

test('a use is refunded in parts from its receipt, until nothing is left of the charge', async () => {
  const { page } = operator;
  await user.use('user', { tokens: 2_000, model: 'refunded-model' });
  await findUser();
  await page.getByRole('link', { name: /choose it under/ }).press('Enter');
  const record = page.getByRole('table', { name: 'Records' }).getByRole('row').filter({ hasText: 'refunded-model' });
  await record.getByRole('link').press('Enter');
  const receipt = page.getByRole('dialog', { name: 'Why was I charged this?' });
  const charged = Number(/= ([\d,]+) credits/.exec(await receipt.getByText(/× 0\.1/).innerText())?.[1]);
  const before = await availableOf(user);

  await refund(receipt, { of: charged, part: 50 });
  await receipt.getByText(/^50 credits,/).waitFor();
  await expectAvailable(user, before + 50);
  await refund(receipt, { of: charged, part: null });
  await receipt.getByText(new RegExp(`^${charged} credits,`)).waitFor();
  await expectAvailable(user, before + charged);
  expect(await receipt.getByRole('button', { name: 'Refund' }).getAttribute('aria-disabled')).toBe('true');
  await receipt.getByText('Nothing is left of this charge to give back.').first().waitFor();
});

test('a suspended account says so to its owner, whose use is refused until it is reinstated', async () => {
  const { page } = operator;
  await findUser();
  await page.getByRole('button', { name: 'Suspend account' }).click();
  const suspend = page.getByRole('dialog', { name: 'Suspend Uma User' });
  await suspend.getByText(/All new use is refused at once\. The [\d,]+ credits available stay/).waitFor();
  await suspend.getByLabel('Reason').fill('A stolen card');
  await suspend.getByRole('button', { name: 'Suspend account' }).click();
  await page.getByText('Suspended: A stolen card').waitFor();
  await user.page.reload();
  await user.page.getByRole('alert').filter({ hasText: 'This account is suspended: A stolen card.' }).waitFor();
  expect(await tryUse('while-suspended')).toBe('UsageRefused');

  await page.getByRole('button', { name: 'Reinstate account' }).click();
  const reinstate = page.getByRole('dialog', { name: 'Reinstate Uma User' });
  await reinstate.getByLabel('Reason').fill('The card was found');
  await reinstate.getByRole('button', { name: 'Reinstate account' }).click();
  await page.getByText('The account is reinstated.').waitFor();
  await user.page.reload();
  await user.settle();
  expect(await user.page.getByText('This account is suspended').count()).toBe(0);
  expect(await tryUse('when-reinstated')).toBe('ConsumeCreditsSuccess');
});

test('the ledger of an account is verified, and a failed job leads to its account and is retried', async () => {
  const { page } = operator;
  await findUser();
  await page.getByRole('button', { name: 'Verify the ledger' }).click();
  await page.getByText(/The balance is proven: [1-9]\d* entries/).waitFor();
  const id = new URL(page.url()).searchParams.get('account') ?? '';

  await addFailedJob('browser-test', { billingEntityId: id });
  await page.goto('/operator');
  await page.getByRole('link', { name: 'Failed jobs' }).click();
  const job = page.getByRole('table', { name: 'Failed jobs' }).getByRole('row').filter({ hasText: 'browser-test' });
  await job.getByRole('cell', { name: 'the other side is away' }).waitFor();
  await job.getByRole('link', { name: 'Open the account of browser-test' }).click();
  await page.getByRole('heading', { level: 1, name: /Uma User/ }).waitFor();
  await page.goBack();
  await job.getByRole('button', { name: 'Retry browser-test' }).click();
  await page.getByText('browser-test is tried again now').waitFor();
  await job.waitFor({ state: 'detached' });
});

test('nobody else sees the page or its link', async () => {
  await user.page.goto('/operator');
  await user.page.getByText('This page is for operators of this installation.').waitFor();
  expect(await user.page.getByRole('link', { name: 'Operator' }).count()).toBe(0);
  expect(await operator.page.getByRole('table', { name: 'Accounts' }).count()).toBe(1);
});

async function findUser(): Promise<void> {
  const { page } = operator;
  await page.getByLabel('Name or external id').fill('demo-user');
  await page.keyboard.press('Enter');
  await page.getByRole('cell', { name: 'demo-owner' }).waitFor({ state: 'detached' });
  await page.getByRole('table', { name: 'Accounts' }).getByRole('link', { name: 'Uma User' }).press('Enter');
  await page.getByRole('heading', { level: 1, name: /Operator.*Uma User/ }).waitFor();
  await page.getByRole('button', { name: 'Grant credits' }).waitFor();
}

/** Refunds a part, or all that is left, which the form begins with. */
async function refund(receipt: Locator, { of, part }: { of: number; part: number | null }): Promise<void> {
  await receipt.getByRole('button', { name: 'Refund' }).press('Enter');
  const dialog = operator.page.getByRole('dialog', { name: 'Refund use' });
  if (part !== null) {
    await dialog.getByLabel('Credits').fill(String(of + 1));
    await dialog.getByRole('button', { name: 'Refund use' }).click();
    await dialog.getByText('That is more than is left of the charge.').waitFor();
    await dialog.getByLabel('Credits').fill(String(part));
    await dialog.getByText(`${part} of the ${of} credits charged are given back; ${of - part} stay charged.`).waitFor();
  }
  await dialog.getByLabel('Reason').fill('The answer was empty');
  await dialog.getByRole('button', { name: 'Refund use' }).press('Enter');
  await dialog.waitFor({ state: 'detached' });
}

async function tryUse(key: string): Promise<string> {
  const { data } = await user.api<{ data: { consumeCredits: { __typename: string } } }>(
    `mutation { consumeCredits(input: { userExternalId: "demo-user", idempotencyKey: "${key}", lines: [{ resource: AI_TOKENS, quantity: 10 }] }) { __typename } }`,
  );
  return data.consumeCredits.__typename;
}

function balanceOf({ page }: Visitor): Locator {
  return page.getByRole('region', { name: 'Available' });
}

async function availableOf(visitor: Visitor): Promise<number> {
  const shown = await balanceOf(visitor)
    .getByText(/^[\d,]+ credits?$/)
    .innerText();
  return Number(shown.replaceAll(/\D/g, ''));
}

async function expectAvailable(visitor: Visitor, credits: number): Promise<void> {
  await balanceOf(visitor)
    .getByText(new RegExp(`^${figures(credits)} credits?$`))
    .waitFor();
}

function figures(value: number): string {
  return new Intl.NumberFormat('en-US').format(value);
}

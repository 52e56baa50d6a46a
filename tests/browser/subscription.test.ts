/** Money: plans and credits bought through Checkout, changed, ended and taken back. Each test has an organization of its own. */
import type { Browser, Locator } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let visitor: Visitor;
/** The organization that the test is about. */
let id: string;

beforeAll(async () => {
  browser = await startBrowser();
});

beforeEach(async () => {
  visitor = await Visitor.signIn(browser, 'owner');
  const made = await visitor.api<{ data: { createOrganization: { id: string } } }>(
    `mutation { createOrganization(input: { name: "Acme Research" }) { id } }`,
  );
  id = made.data.createOrganization.id;
  await visitor.page.goto(`/subscription?account=${id}`);
  await visitor.settle();
});

afterEach(async () => {
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

afterAll(() => browser.close());

test('PRO is bought by clicking through Checkout, and its 500 000 credits are there and arrive live elsewhere', async () => {
  const { page } = visitor;
  const before = await available();
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(`/?account=${id}`);
  const balance = elsewhere.getByRole('region', { name: 'Available' });
  await balance.getByText(credits(before), { exact: true }).waitFor();

  await buyPro();
  await page.getByText(/^Pro is paid: 500,000 credits have arrived/).waitFor();
  await fact('Available', credits(before + 500_000)).waitFor();
  await balance.getByText(credits(before + 500_000), { exact: true }).waitFor();
  await page.getByRole('region', { name: 'Pro' }).getByText('Your plan: 1 unit').waitFor();
  expect(page.url()).not.toContain('cs_test');
  const invoice = page.getByRole('table', { name: 'Invoices' }).getByRole('row').nth(1);
  await invoice.getByText('Paid').waitFor();
  await invoice.getByText('$20.00').waitFor();
  expect(await invoice.getByRole('link').getAttribute('href')).toMatch(/^http/);
});

test('whoever leaves Checkout has bought nothing, and is told so', async () => {
  const { page } = visitor;
  const before = await available();
  await page.getByRole('button', { name: 'Upgrade to Pro' }).click();
  await dialog('Upgrade to Pro').getByRole('button', { name: 'Go to payment of $20.00' }).click();
  await page.getByRole('link', { name: 'Cancel and go back' }).click();
  await page.getByText('You left the payment. Nothing was charged, and nothing has changed.').waitFor();
  await visitor.settle();
  expect(await available()).toBe(before);
  await page.reload();
  await page.getByRole('button', { name: 'Upgrade to Pro' }).waitFor();
  expect(await page.getByText('You left the payment').count()).toBe(0);
});

test('fewer units are noted for the end of the period and taken back, by keyboard alone', async () => {
  const { page } = visitor;
  await buyPro({ units: 3 });
  await page.getByText(/^Pro is paid: 1,500,000 credits/).waitFor();
  const open = page.getByRole('button', { name: 'Change units' });
  await open.press('Enter');
  const units = dialog('Units of Pro');
  await focusIn(units);
  await units.getByRole('textbox', { name: 'Units' }).focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('1');
  const send = units.getByRole('button', { name: 'Change to 1 unit' });
  await send.waitFor();
  await units.getByText('500,000 instead of 1,500,000').waitFor();
  await units.getByText('$20.00 instead of $60.00').waitFor();
  await page.keyboard.press('Tab');
  await focusOn(send);
  await page.keyboard.press('Enter');
  await units.waitFor({ state: 'detached' });
  await focusOn(open);
  await page.getByText(/on: 1 unit, 500,000 credits a month for \$20\.00\./).waitFor();

  await page.getByRole('button', { name: 'Keep 3 units' }).press('Enter');
  await page.getByText('Pro goes on as it is.').waitFor();
  await page.getByText(/on: 1 unit/).waitFor({ state: 'detached' });
  await page.getByText(/then \$60\.00 for the next/).waitFor();
});

test('a subscription is cancelled after its consequence was said in figures, and goes on again', async () => {
  const { page } = visitor;
  const before = await available();
  await buyPro();
  await page.getByText(/^Pro is paid/).waitFor();
  await page.getByRole('button', { name: 'Cancel subscription' }).click();
  const cancel = dialog('Cancel subscription');
  await cancel.getByText('500,000 credits of the plan, less what is used by then').waitFor();
  await cancel.getByText(credits(before), { exact: true }).waitFor();
  await cancel.getByText('All chatflows').waitFor();
  await cancel.getByText(/^\$20\.00 a month are no longer charged/).waitFor();
  expect(await visitor.faults()).toEqual([]);
  await cancel.getByRole('button', { name: 'Cancel subscription' }).click();
  await page.getByText(/^Pro ends on/).waitFor();
  expect(await page.getByRole('button', { name: 'Cancel subscription' }).count()).toBe(0);

  await page.getByRole('button', { name: 'Keep Pro' }).click();
  await page.getByText('Pro goes on as it is.').waitFor();
  await page.getByRole('button', { name: 'Cancel subscription' }).waitFor();
});

test('credits are bought once: what cannot be bought is said beside the field, what can be has its price', async () => {
  const { page } = visitor;
  const before = await available();
  await page.getByRole('button', { name: 'Buy credits' }).click();
  const buy = dialog('Buy credits');
  const amount = buy.getByRole('textbox', { name: 'Credits' });
  await amount.fill('13001');
  await amount.blur();
  await buy.getByText('Credits come in steps of 250: 13,000 or 13,250.', { exact: true }).first().waitFor();
  expect(await amount.getAttribute('aria-invalid')).toBe('true');
  await buy.getByRole('button', { name: '12,500 for $0.50' }).click();
  await buy.getByText('12,500 credits cost $0.50.').waitFor();
  expect(await visitor.faults()).toEqual([]);
  await buy.getByRole('button', { name: 'Go to payment of $0.50' }).click();
  await pay('Pay $0.50');
  await page.getByText('The payment went through, and the credits have arrived.').waitFor();
  await fact('Available', credits(before + 12_500)).waitFor();
});

test('overage is allowed up to a cap whose dollars stand beside it', async () => {
  const { page } = visitor;
  await buyPro();
  await page.getByText(/^Pro is paid/).waitFor();
  const overage = page.getByRole('form', { name: 'Overage' });
  await overage.getByText('Nothing is billed beyond the plan.').waitFor();
  await overage.getByRole('checkbox', { name: 'Allow overage' }).check();
  await overage.getByText('There is no upper limit to what is billed.').waitFor();
  await overage.getByRole('textbox', { name: /^Cap/ }).fill('200000');
  await overage.getByText('At most $8.00 a month beyond the plan: 200,000 credits.').waitFor();
  await overage.getByRole('button', { name: 'Save overage' }).click();
  await page.getByText('Overage is saved.').waitFor();
  await page.reload();
  await visitor.settle();
  expect(await overage.getByRole('checkbox', { name: 'Allow overage' }).isChecked()).toBe(true);
  expect(await overage.getByRole('textbox', { name: /^Cap/ }).inputValue()).toBe('200000');
});

test('more units that a bank must confirm wait, can be paid, and then bring their credits', async () => {
  const { page } = visitor;
  const before = await available();
  await buyPro({ card: /3184/ });
  await page.getByText(/^Pro is paid/).waitFor();
  await page.getByRole('button', { name: 'Change units' }).click();
  const units = dialog('Units of Pro');
  await units.getByRole('textbox', { name: 'Units' }).fill('2');
  await units.getByRole('button', { name: /^Pay \$\d+\.\d\d for 2 units$/ }).click();
  await page.getByText(/^The change to Pro, 2 units, waits for its payment/).waitFor();
  await fact('Available', credits(before + 500_000)).waitFor();

  const leads = await page.getByRole('link', { name: 'Pay now' }).getAttribute('href');
  const bank = await page.context().newPage();
  await bank.goto(leads ?? '');
  await bank.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('region', { name: 'Pro' }).getByText('Your plan: 2 units').waitFor();
  await page.getByText(/waits for its payment/).waitFor({ state: 'detached' });
  expect(await available()).toBeGreaterThan(before + 500_000);
});

interface Purchase {
  readonly units?: number;
  readonly card?: RegExp;
}

async function buyPro({ units = 1, card }: Purchase = {}): Promise<void> {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Upgrade to Pro' }).click();
  const upgrade = dialog('Upgrade to Pro');
  await upgrade.getByRole('textbox', { name: 'Units' }).fill(String(units));
  await upgrade.getByRole('button', { name: `Go to payment of $${units * 20}.00` }).click();
  await pay('Subscribe', card);
}

/** Pays on Stripe's page. */
async function pay(button: string, card?: RegExp): Promise<void> {
  const { page } = visitor;
  await page.getByRole('textbox', { name: 'E-mail' }).fill('oscar@example.com');
  if (card !== undefined) await page.getByRole('radio', { name: card }).check();
  await page.getByRole('button', { name: button }).click();
  if (card !== undefined) await page.getByRole('button', { name: 'Confirm' }).click();
  await page.waitForURL(/\/subscription/);
}

function dialog(name: string): Locator {
  return visitor.page.getByRole('dialog', { name });
}

/** A line of «Now». */
function fact(name: string, value: string): Locator {
  const now = visitor.page.getByRole('region', { name: 'Now' });
  return now.locator('div', { has: visitor.page.getByRole('term').getByText(name, { exact: true }) }).getByText(value);
}

async function available(): Promise<number> {
  const figure = visitor.page.getByRole('region', { name: 'Now' }).getByText(/^[\d,]+ credits?$/);
  return Number((await figure.innerText()).replaceAll(/\D/g, ''));
}

function credits(value: number): string {
  return `${value.toLocaleString('en-US')} credits`;
}

async function focusIn(where: Locator): Promise<void> {
  await where.waitFor();
  await visitor.page.waitForFunction(() => document.activeElement?.closest('[role=dialog]') != null);
}

async function focusOn(what: Locator): Promise<void> {
  const handle = await what.elementHandle();
  await visitor.page.waitForFunction((element) => document.activeElement === element, handle);
}

/** Changing a key, and the acts upon a webhook that say first what they do. */
import type { Browser } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

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

test('a key is given another name and limit, what the limit leaves is said before, and only what changed is sent', async () => {
  visitor = await Visitor.signIn(browser, 'user');
  const { data } = await visitor.api<{ data: { viewer: { user: { id: string } } } }>('{ viewer { user { id } } }');
  await visitor.api(
    `mutation { createApiKey(input: { billingEntityId: "${data.viewer.user.id}", name: "First name", type: PLATFORM, provider: OPENAI, creditLimit: 500 }) { secret } }`,
  );
  const { page } = visitor;
  await page.goto('/api-keys');
  await page.getByRole('button', { name: 'Edit First name' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Edit First name' });
  await dialog.getByLabel('Limit in credits a period').fill('40');
  await dialog.getByText('It has used 0 credits in this period; this limit leaves 40 credits.').waitFor();
  await dialog.getByLabel('Limit in credits a period').fill('0');
  await dialog.getByText('with this limit it is refused until the next one begins').waitFor();
  await dialog.getByLabel('Limit in credits a period').fill('');
  await dialog.getByText('has no limit of its own').waitFor();
  await dialog.getByLabel('Name').fill('Second name');
  expect(await visitor.faults()).toEqual([]);
  const sent = page.waitForRequest((request) => request.postData()?.includes('UpdateApiKey') === true);
  await dialog.getByRole('button', { name: 'Save key' }).press('Enter');
  const { variables } = (await sent).postDataJSON() as { variables: { input: Record<string, unknown> } };
  expect(variables.input).toEqual({ id: expect.any(String) as string, name: 'Second name', creditLimit: null });
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('row').filter({ hasText: 'Second name' }).getByRole('button', { name: /^Edit/ }).waitFor();
});

test('an address that the server refuses is refused beside its field; rotating and removing say first what they do', async () => {
  visitor = await Visitor.signIn(browser, 'user', '/alerts?tab=webhook');
  const { page } = visitor;
  await visitor.settle();
  const address = page.getByLabel('Address');
  await address.fill('https://10.0.0.1/');
  await page.getByRole('button', { name: 'Save endpoint' }).click();
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true');
  const described = (await address.getAttribute('aria-describedby'))?.split(' ').at(-1) ?? '';
  expect(await page.locator(`[id="${described}"]`).innerText()).toMatch(/^url /);

  await address.fill('http://localhost:9/hook');
  await page.getByRole('button', { name: 'Save endpoint' }).click();
  const secret = await storedSecret();
  await page.getByRole('button', { name: 'Rotate secret' }).click();
  const rotate = page.getByRole('dialog', { name: 'Rotate the webhook secret' });
  await rotate.getByText(/For 24 hours events are signed with both/).waitFor();
  expect(await visitor.faults()).toEqual([]);
  await rotate.getByRole('button', { name: 'Cancel' }).click();
  await rotate.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Rotate secret' }).click();
  await rotate.getByRole('button', { name: 'Rotate secret' }).click();
  expect(await storedSecret()).not.toBe(secret);

  await page.getByRole('button', { name: 'Remove endpoint' }).click();
  const remove = page.getByRole('dialog', { name: 'Remove the webhook endpoint' });
  await remove.getByText('Nothing is posted to http://localhost:9/hook any more').waitFor();
  await remove.getByRole('button', { name: 'Remove endpoint' }).click();
  await remove.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Remove endpoint' }).waitFor({ state: 'detached' });
  expect(await address.inputValue()).toBe('');
});

/** The secret that is shown once; closes its dialog. */
async function storedSecret(): Promise<string> {
  const dialog = visitor.page.getByRole('dialog', { name: 'Store this secret now' });
  const secret = await dialog.getByLabel('secret', { exact: true }).inputValue();
  await dialog.getByRole('button', { name: 'I have stored it' }).click();
  await dialog.waitFor({ state: 'detached' });
  return secret;
}

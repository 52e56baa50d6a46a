/** A subscription that does not go as it should: what each page says of it, and the button that helps. */
import type { Browser, Route } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let visitor: Visitor;
let id: string;

const GRACE_ENDS_AT = '2099-06-15T12:00:00.000Z';
const STANDINGS = [
  {
    status: 'PAST_DUE',
    onBalance: /^The last payment failed\. Use goes on until Jun/,
    onSubscription: /^The last payment failed\. What is left can be used until Jun/,
    helps: 'Give another card',
  },
  {
    status: 'UNPAID',
    onBalance: /^The last payment failed, and use is refused until it is paid/,
    onSubscription: /^The last payment failed, and all use is refused until it is paid/,
    helps: 'Give another card',
  },
  { status: 'INCOMPLETE', onBalance: null, onSubscription: /^The first payment did not go through/, helps: null },
  { status: 'PAUSED', onBalance: null, onSubscription: /^The subscription is paused/, helps: 'Let it go on' },
] as const;

beforeAll(async () => {
  browser = await startBrowser();
  visitor = await Visitor.signIn(browser, 'owner');
  const made = await visitor.api<{ data: { createOrganization: { id: string } } }>(
    `mutation { createOrganization(input: { name: "Standing Ltd" }) { id } }`,
  );
  id = made.data.createOrganization.id;
  const { page } = visitor;
  await page.goto(`/subscription?account=${id}`);
  await page.getByRole('button', { name: 'Upgrade to Pro' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Go to payment of $20.00' }).click();
  await page.getByRole('textbox', { name: 'E-mail' }).fill('oscar@example.com');
  await page.getByRole('button', { name: 'Subscribe' }).click();
  await page.getByText(/^Pro is paid/).waitFor();
});

afterAll(async () => {
  await visitor.leave();
  await browser.close();
});

// Stripe takes weeks to come there, so the true answers are altered on their way to the page.
test.each(STANDINGS)('$status is said on both pages, with what helps', async (standing) => {
  const { page } = visitor;
  await page.route('**/graphql', (route) => withStanding(route, standing.status));
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`/?account=${id}`);
    await visitor.settle();
    if (standing.onBalance !== null) {
      await page.getByRole('alert').getByText(standing.onBalance).waitFor();
      await page.getByRole('alert').getByRole('link', { name: 'See what is to be paid' }).waitFor();
    }
    expect(await visitor.faults()).toEqual([]);
    await page.goto(`/subscription?account=${id}`);
    await visitor.settle();
    await page.getByText(standing.onSubscription).waitFor();
    if (standing.helps !== null) await page.getByRole('button', { name: standing.helps }).waitFor();
    expect(await visitor.faults()).toEqual([]);
  }
  expect(visitor.complaints).toEqual([]);
  await page.unroute('**/graphql');
});

async function withStanding(route: Route, status: string): Promise<void> {
  const response = await route.fetch();
  const answer = JSON.parse(await response.text(), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'graceEndsAt')
      ? { ...value, status, graceEndsAt: status === 'PAST_DUE' ? GRACE_ENDS_AT : null }
      : value,
  ) as object;
  await route.fulfill({ response, json: answer });
}

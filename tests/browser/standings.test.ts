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
  await page.route('**/graphql', (route) => altered(route, standingOf(standing.status)));
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

test('what waits is said, with the button that helps the payer', async () => {
  const { page } = visitor;
  const waiting = [
    { __typename: 'SubscriptionWait', kind: 'PAYMENT_METHOD_MISSING', reason: 'for support' },
    { __typename: 'SubscriptionWait', kind: 'OVERAGE_UNBILLED', reason: 'for support' },
    { __typename: 'SubscriptionWait', kind: 'OF_A_LATER_RELEASE', reason: 'Its reason in words.' },
  ];
  await page.route('**/graphql', (route) => altered(route, { waiting }));
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`/subscription?account=${id}`);
    await visitor.settle();
    const missing = page.getByRole('status').filter({ hasText: /^No payment method is on file/ });
    await missing.getByRole('button', { name: 'Give a card' }).waitFor();
    await page.getByText(/^Use beyond the credits is not possible at the moment/).waitFor();
    await page.getByText('Something about this subscription waits: Its reason in words.').waitFor();
    expect(await visitor.faults()).toEqual([]);
  }
  expect(visitor.complaints).toEqual([]);
  await page.unroute('**/graphql');
});

function standingOf(status: string): object {
  return { status, graceEndsAt: status === 'PAST_DUE' ? GRACE_ENDS_AT : null };
}

/** Passes an answer on to the page with another state of the subscription in it. */
async function altered(route: Route, state: object): Promise<void> {
  const response = await route.fetch();
  const answer = JSON.parse(await response.text(), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'graceEndsAt') ? { ...value, ...state } : value,
  ) as object;
  await route.fulfill({ response, json: answer });
}

/** The first minutes: using credits in the demo, also until refused, and the call that fills an empty page. */
import type { Browser } from 'playwright-core';
import { startBrowser, Visitor } from './support/visitor.ts';

let browser: Browser;
let visitor: Visitor;
/** An organization without any use, whose credits were granted by the operator. */
let id: string;

beforeAll(async () => {
  browser = await startBrowser();
});

beforeEach(async () => {
  visitor = await Visitor.signIn(browser, 'owner');
  const made = await visitor.api<{ data: { createOrganization: { id: string } } }>(
    `mutation { createOrganization(input: { name: "New Lab" }) { id } }`,
  );
  id = made.data.createOrganization.id;
});

afterEach(async () => {
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

afterAll(() => browser.close());

test('in the demo credits are used for real until they are refused, and the refusal leads to where they are bought', async () => {
  const { page } = visitor;
  await page.goto(`/?account=${id}`);
  await visitor.settle();
  const balance = page.getByRole('region', { name: 'Available' }).getByText(/^[\d,]+ credits?$/);
  const before = Number((await balance.innerText()).replaceAll(/\D/g, ''));
  await grant(5_000);
  await balance.and(page.getByText(credits(before + 5_000), { exact: true })).waitFor();

  const demo = page.getByRole('region', { name: 'Try it: use some credits' });
  await demo.getByRole('button', { name: '1,000 tokens: 100 credits' }).click();
  await demo.getByText(`100 credits were used. ${credits(before + 4_900)} are left.`).waitFor();
  await balance.and(page.getByText(credits(before + 4_900), { exact: true })).waitFor();

  await demo.getByRole('button', { name: 'Until it is refused' }).click();
  const refusal = demo.getByRole('alert');
  await refusal.getByText('There are not enough credits').waitFor();
  await refusal
    .getByText(/The use needs 1,000 credits, and the balance leaves 0 credits\..*Waiting does not help\./)
    .waitFor();
  await demo.getByText(`${credits(before + 4_900)} were used before that.`).waitFor();
  await balance.and(page.getByText('0 credits', { exact: true })).waitFor();
  expect(await visitor.faults()).toEqual([]);

  await refusal.getByRole('link', { name: 'Buy credits' }).click();
  await page.getByRole('dialog', { name: 'Buy credits' }).waitFor();
  expect(page.url()).toContain(id);
});

test('an empty page shows the call that fills it: as it stands it runs, and the page fills', async () => {
  const { page } = visitor;
  await grant(500);
  for (const path of ['/usage', '/api-keys', '/ledger', '/']) {
    await page.goto(`${path}?account=${id}${path === '/ledger' ? '&kind=CONSUMPTION' : ''}`);
    await visitor.settle();
    await page.getByRole('tab', { name: 'curl' }).waitFor();
    expect({ path, faults: await visitor.faults() }).toEqual({ path, faults: [] });
  }
  const shown = await page.getByRole('region', { name: 'example call: curl' }).innerText();
  const body = /-d '(.*)'$/m.exec(shown)?.[1] ?? '';
  const { data } = await visitor.send<{ data: { consumeCredits: { credits: number } } }>(JSON.parse(body) as object);
  expect(data.consumeCredits.credits).toBe(196);
  await page.getByRole('table', { name: 'Latest use' }).getByText('196').waitFor();
});

test('the languages of the call are tabs for the keyboard, and GraphiQL opens with it, signed in', async () => {
  const { page } = visitor;
  await grant(500);
  await page.goto(`/usage?account=${id}`);
  await visitor.settle();
  await page.getByRole('tab', { name: 'curl' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'example call: TypeScript' }).getByText('await fetch(').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  const [graphiql] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('link', { name: 'Open in GraphiQL' }).press('Enter'),
  ]);
  graphiql.setDefaultTimeout(60_000);
  await graphiql.getByText('first-call').waitFor();
  await graphiql.getByRole('button', { name: /^Execute query/ }).click();
  await graphiql.getByText('196', { exact: true }).waitFor();
  expect(graphiql.url()).not.toContain('#');
});

/** Gives credits as the operator. */
async function grant(amount: number): Promise<void> {
  const operator = await Visitor.signIn(browser, 'operator');
  const input = `billingEntityId: "${id}", amount: ${amount}, source: PROMOTION, reason: "a test", idempotencyKey: "test-${id}-${amount}"`;
  const { data } = await operator.api<{ data: unknown }>(
    `mutation { grantCredits(input: { ${input} }) { balance { available } } }`,
  );
  expect(data).toBeTruthy();
  await operator.leave();
}

function credits(value: number): string {
  return `${value.toLocaleString('en-US')} credits`;
}

/** Each role of an organization on each page: nothing breaks, and what it may not do is in sight, disabled, with the reason. */
import type { Browser, Page } from 'playwright-core';
import { makeOrganization, type Organization } from './support/organizations.ts';
import { startBrowser, Visitor } from './support/visitor.ts';

interface Act {
  readonly name: string;
  /** The operation that permits it, as `viewerPermissions` names it. */
  readonly needs: string;
}

/**
 * The acts of each page that are there whatever the account has done so far. A page without one is opened all the same. Moving
 * credits is not among them: everybody may move their own, and what else may be moved is said in the dialog.
 */
const PAGES: Readonly<Record<string, readonly Act[]>> = {
  '/': [
    { name: 'Upgrade', needs: 'credits.purchase' },
    { name: 'Buy credits', needs: 'credits.purchase' },
    { name: 'Until it is refused', needs: 'credits.consume' },
  ],
  '/usage': [{ name: 'Download CSV', needs: 'usage.export' }],
  '/ledger': [{ name: 'Verify the ledger', needs: 'ledger.verify' }],
  '/subscription': [
    { name: 'Upgrade to Pro', needs: 'credits.purchase' },
    { name: 'Buy credits', needs: 'credits.purchase' },
  ],
  '/api-keys': [{ name: 'Create key', needs: 'apiKeys.create' }],
  '/alerts': [],
  '/alerts?tab=preferences': [{ name: 'Save preferences', needs: 'alertPreferences.set' }],
  '/alerts?tab=webhook': [{ name: 'Save endpoint', needs: 'webhooks.set' }],
  '/members': [
    { name: 'Invite', needs: 'members.set' },
    { name: 'Settings', needs: 'organization.update' },
  ],
  '/audit-log': [],
};
/** Who may not read the preferences is told so in place of the form. */
const HIDDEN_WITHOUT: Readonly<Record<string, string>> = { 'Save preferences': 'alertPreferences.read' };

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser.close());

test.each(['ADMIN', 'BILLING', 'MEMBER', 'SUSPENDED'] as const)('%s', async (role) => {
  const organization = await makeOrganization(browser, {
    name: `Roles of ${role.toLowerCase()}`,
    owner: 'owner',
    members: ['member'],
  });
  await give(role, organization);
  const visitor = await Visitor.signIn(browser, 'member');
  const permissions = await permissionsIn(organization, visitor);
  for (const [path, acts] of Object.entries(PAGES)) {
    await visitor.page.goto(`${path}${path.includes('?') ? '&' : '?'}account=${organization.id}`);
    await visitor.settle();
    expect(await visitor.page.getByText('This page could not be shown.').count()).toBe(0);
    for (const act of acts) {
      const hiddenWithout = HIDDEN_WITHOUT[act.name];
      const isThere = hiddenWithout === undefined || permissions.includes(hiddenWithout);
      const expected = isThere ? (permissions.includes(act.needs) ? 'enabled' : 'disabled with its reason') : 'absent';
      expect({ role, path, act: act.name, is: await stateOf(visitor.page, act.name) }).toEqual({
        role,
        path,
        act: act.name,
        is: expected,
      });
    }
  }
  expect(visitor.complaints).toEqual([]);
  await visitor.leave();
});

/** Gives demo-member the role; SUSPENDED is a membership that is suspended. */
async function give(role: string, { id }: Organization): Promise<void> {
  const owner = await Visitor.signIn(browser, 'owner');
  const terms = role === 'SUSPENDED' ? 'role: MEMBER, status: SUSPENDED, reason: "for a test"' : `role: ${role}`;
  const { data } = await owner.api<{ data: { setMember: { role: string; status: string } } }>(
    `mutation { setMember(input: { billingEntityId: "${id}", userExternalId: "demo-member", ${terms} }) { role status } }`,
  );
  expect([data.setMember.role, data.setMember.status]).toContain(role);
  await owner.leave();
}

async function permissionsIn({ id }: Organization, visitor: Visitor): Promise<readonly string[]> {
  const { data } = await visitor.api<{ data: { billingEntity: { viewerPermissions: string[] } } }>(
    `{ billingEntity(id: "${id}") { viewerPermissions } }`,
  );
  return data.billingEntity.viewerPermissions;
}

/** A button or a link that looks like one. The reason is what a screen reader says beside its name. */
async function stateOf(page: Page, name: string): Promise<string> {
  const control = page
    .getByRole('button', { name, exact: true })
    .or(page.getByRole('link', { name, exact: true }))
    .filter({ visible: true })
    .first();
  if ((await control.count()) === 0) return 'absent';
  if ((await control.getAttribute('aria-disabled')) !== 'true') return 'enabled';
  const described = (await control.getAttribute('aria-describedby')) ?? '';
  const reason = described === '' ? '' : await page.locator(`[id="${described}"]`).textContent();
  return reason?.includes('does not include this') === true ? 'disabled with its reason' : 'disabled without a reason';
}

import { existsSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { PORTAL } from './portal.ts';

export type Person = 'user' | 'owner' | 'member' | 'operator';

export interface Look {
  readonly width?: number;
  readonly theme?: 'light' | 'dark';
  /** Where the portal is; absent: the server of all files. */
  readonly origin?: string;
}

/** The system's Chromium: the shell without a window where there is one, since it takes a third of the time. */
const CHROMIUMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

/** Starts the Chromium that `CHROMIUM` names, or the system's. */
export function startBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? CHROMIUMS.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error('There is no Chromium: install it, or name it in CHROMIUM.');
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

/** Somebody at a browser of their own, signed in, whose console is listened to. */
export class Visitor {
  readonly page: Page;
  /** What the browser complained about since the visit began. */
  readonly complaints: string[] = [];
  readonly #context: BrowserContext;
  readonly #origin: string;

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.#context = context;
    this.#origin = origin;
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
  }

  /** Signs in as one of the demo's people and lands on `path`. */
  static async signIn(
    browser: Browser,
    as: Person,
    path = '/',
    { width = 1280, theme = 'light', origin = PORTAL.origin }: Look = {},
  ): Promise<Visitor> {
    const context = await browser.newContext({
      baseURL: origin,
      viewport: { width, height: 800 },
      colorScheme: theme,
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    // Long enough for a machine that does other things as well: what is waited for comes, or the test has found something.
    page.setDefaultTimeout(60_000);
    // Shifts are counted from the first paint on; those that follow a key or click at once are the person's own.
    await page.addInitScript(() => {
      const counted = window as unknown as { shift: number };
      counted.shift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[]) {
          if (!entry.hadRecentInput) counted.shift += entry.value;
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    const visitor = new Visitor(context, page, origin);
    await page.goto(`/sign-in?as=${as}&returnTo=${encodeURIComponent(path)}`);
    return visitor;
  }

  /** Waits until nothing on the page is being read any more, and the frame's menus have taken their places. */
  async settle(): Promise<void> {
    await this.page.getByRole('heading', { level: 1 }).waitFor();
    await this.page.waitForFunction(
      () => document.querySelector('.skeleton:not([data-sample] *), span.switcher, .person-place') === null,
    );
    await this.page.getByRole('button', { name: /theme, dates/ }).waitFor();
  }

  /** Sends a document as this person does, by the cookie. */
  api<T>(query: string): Promise<T> {
    return this.send({ query });
  }

  /** Sends a request's body, with its variables. */
  async send<T>(data: object): Promise<T> {
    const headers = { 'x-tollgate-csrf': '1', origin: this.#origin };
    const response = await this.page.request.post('/graphql', { headers, data });
    return (await response.json()) as T;
  }

  /** Uses tokens on one's own account. */
  async use(person: Person, { tokens, model }: { tokens: number; model: string }): Promise<void> {
    const line = `{ resource: AI_TOKENS, quantity: ${tokens}, model: ${JSON.stringify(model)} }`;
    const key = JSON.stringify(`${model}-${tokens}`);
    const { data } = await this.api<{ data: { consumeCredits: { __typename: string } } }>(
      `mutation { consumeCredits(input: { userExternalId: "demo-${person}", idempotencyKey: ${key}, lines: [${line}] }) { __typename } }`,
    );
    expect(data.consumeCredits.__typename).toBe('ConsumeCreditsSuccess');
  }

  /** What keeps people from using what is shown: barriers, and what is wider than its place. One line each. */
  async faults(): Promise<string[]> {
    return [...(await this.#barriers()), ...(await this.overflow())];
  }

  shift(): Promise<number> {
    return this.page.evaluate(() => (window as unknown as { shift: number }).shift);
  }

  focused(): Promise<string> {
    return this.page.evaluate(() => document.activeElement?.textContent ?? '');
  }

  leave(): Promise<void> {
    return this.#context.close();
  }

  /** What axe finds, one line each: also of targets under 24 px, which it looks for on demand. */
  async #barriers(): Promise<string[]> {
    const { violations } = await new AxeBuilder({ page: this.page })
      .options({ rules: { 'target-size': { enabled: true } } })
      .analyze();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} ${target.join(' ')}`));
  }

  /** What is wider than its place: the page than the window, a dialog's content than the dialog, a figure than its column. */
  overflow(): Promise<string[]> {
    return this.page.evaluate(() => {
      const wider = ({ scrollWidth, clientWidth }: Element): boolean => scrollWidth > clientWidth + 1;
      const found = wider(document.documentElement) ? ['page'] : [];
      for (const element of document.body.querySelectorAll<HTMLElement>('*')) {
        const { display, overflowX } = getComputedStyle(element);
        // Code scrolls by itself, and a name that is too long ends in dots.
        const isMeant = overflowX === 'hidden' || element.closest('pre, svg, .visually-hidden, input, select') !== null;
        if (display === 'inline' || isMeant || !element.checkVisibility() || !wider(element)) continue;
        found.push(`${element.tagName.toLowerCase()}.${element.className}: ${element.textContent.slice(0, 40)}`);
      }
      return found;
    });
  }
}

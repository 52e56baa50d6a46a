import type { Locator, Page } from 'playwright-core';

/** A page has fewer stops than that, its rows included. */
const MOST_STOPS = 300;

/** Somebody without a pointer. A control is reached by the tab key alone, and only what has the focus is used. */
export class Keyboard {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Tabs on until the control has the focus. */
  async reach(control: Locator): Promise<void> {
    await control.waitFor();
    const wanted = await control.elementHandle();
    for (let stops = 0; stops < MOST_STOPS; stops += 1) {
      if (await this.#page.evaluate((element) => document.activeElement === element, wanted)) return;
      await this.#page.keyboard.press('Tab');
    }
    throw new Error('The control cannot be reached by keyboard.');
  }

  /** Reaches a button or link, and uses it. */
  async use(control: Locator): Promise<void> {
    await this.reach(control);
    await this.#page.keyboard.press('Enter');
  }

  /** Reaches a field, and types over what stands in it. */
  async type(field: Locator, text: string): Promise<void> {
    await this.reach(field);
    await this.#page.keyboard.press('Control+a');
    await this.#page.keyboard.type(text);
  }

  /** Reaches a list of choices, and types the beginning of one. */
  async choose(list: Locator, beginning: string): Promise<void> {
    await this.reach(list);
    await this.#page.keyboard.type(beginning);
  }

  /** Opens a menu, and goes down it to an entry. */
  async pick(opener: Locator, entry: Locator): Promise<void> {
    await this.use(opener);
    await entry.waitFor();
    const wanted = await entry.elementHandle();
    for (let steps = 0; steps < MOST_STOPS; steps += 1) {
      if (await this.#page.evaluate((element) => document.activeElement === element, wanted)) break;
      await this.#page.keyboard.press('ArrowDown');
    }
    await this.#page.keyboard.press('Enter');
  }

  /** Waits until the focus is in the dialog. */
  async isIn(dialog: Locator): Promise<void> {
    await dialog.waitFor();
    const handle = await dialog.elementHandle();
    await this.#page.waitForFunction((element) => element?.contains(document.activeElement) ?? false, handle);
  }

  /** Waits until the control has the focus: it returns there once a dialog is gone. */
  async isOn(control: Locator): Promise<void> {
    const handle = await control.elementHandle();
    await this.#page.waitForFunction((element) => document.activeElement === element, handle);
  }

  /** Waits until the heading of the page that was gone to has the focus. */
  async isOnHeading(name: string): Promise<void> {
    await this.#page.waitForFunction((begins) => {
      const { activeElement } = document;
      return activeElement?.tagName === 'H1' && activeElement.textContent.startsWith(begins);
    }, name);
  }
}

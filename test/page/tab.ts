import type { BrowserContext, Locator, Page } from 'playwright-core';

/** The four panes of the page. */
export const PANES = ['chat', 'dashboard', 'notifications', 'document'] as const;
/** One of {@link PANES}. */
export type PaneName = (typeof PANES)[number];

/** An output in a pane's footer. */
type Shown = 'frames' | 'resumed' | 'gaps' | 'close' | 'way';

/** A tab with the demo page in it, as its user sees it. */
export class Tab {
  readonly page: Page;
  /** The console's errors and warnings. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
  }

  /** Opens the page for a user, and waits until all its connections are open. */
  static async open(context: BrowserContext, url: string, user: string, tenant = 'acme'): Promise<Tab> {
    const tab = await Tab.load(context, url, { tenant, user });
    await tab.opened();
    return tab;
  }

  /** Opens the page with this query. */
  static async load(context: BrowserContext, url: string, query: Record<string, string>): Promise<Tab> {
    const tab = new Tab(await context.newPage());
    await tab.page.goto(`${url}?${new URLSearchParams(query).toString()}`);
    return tab;
  }

  /** Opens the chat of this tab in another one, by its link, and waits until all connections there are open. */
  async openChatAgain(): Promise<Tab> {
    const opened = this.page.context().waitForEvent('page');
    await this.secondTabLink.click();
    const tab = new Tab(await opened);
    await tab.opened();
    return tab;
  }

  /** The chat's session, as the link to a second tab names it. */
  async session(): Promise<string> {
    await this.secondTabLink.waitFor();
    const address = new URL((await this.secondTabLink.getAttribute('href')) ?? '', this.page.url());
    return address.searchParams.get('session') ?? '';
  }

  get secondTabLink(): Locator {
    return this.pane('chat').getByRole('link', { name: 'Open in a second tab' });
  }

  /** Waits until the panes are connected. */
  async opened(panes: readonly PaneName[] = PANES): Promise<void> {
    for (const pane of panes) await this.pane(pane).and(this.page.locator('[data-state=open]')).waitFor();
  }

  pane(name: PaneName): Locator {
    return this.page.locator(`#${name}`);
  }

  /** A text in a pane's footer. */
  shown(name: PaneName, what: Shown): Promise<string> {
    return this.pane(name).locator(`[data-output=${what}]`).innerText();
  }

  /** Waits until a pane's footer shows this. */
  async shows(name: PaneName, what: Shown, text: string): Promise<void> {
    await this.pane(name).locator(`[data-output=${what}]`).getByText(text, { exact: true }).waitFor();
  }

  /** A pane's word on what happened last. */
  event(name: PaneName): Locator {
    return this.pane(name).locator('[data-output=event]');
  }

  press(name: PaneName, button: string): Promise<void> {
    return this.pane(name).getByRole('button', { name: button }).click();
  }

  get text(): Locator {
    return this.page.getByRole('textbox', { name: 'Shared text' });
  }

  document(): Promise<string> {
    return this.text.inputValue();
  }
}

import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContext } from 'playwright-core';
import { until } from '../fault/until';
import { UpgradeStripper } from '../fakes/upgrade-stripper';
import { launchChromium } from './chromium';
import { startDemo, type Demo } from './demo';
import { PANES, Tab } from './tab';

/** How long anything on the page may take, in milliseconds. */
const PATIENCE_MS = 45_000;
jest.setTimeout(4 * PATIENCE_MS);

let demo: Demo;
let proxy: UpgradeStripper;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  browser = await launchChromium();
  demo = await startDemo(20);
  proxy = await UpgradeStripper.start(demo.url);
}, 120_000);
afterAll(async () => {
  await browser.close();
  await proxy.stop();
  await demo.stop();
}, 60_000);
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 760 } });
  context.setDefaultTimeout(PATIENCE_MS);
});
afterEach(() => context.close());

/** Waits until all panes are connected this way. */
async function go(tab: Tab, way: 'HTTP' | 'WebSocket'): Promise<void> {
  for (const pane of PANES) await tab.shows(pane, 'way', way);
  await tab.opened();
}

async function asks(tab: Tab): Promise<void> {
  await tab.press('chat', 'Ask');
  await tab.pane('chat').locator('.turn:not([aria-busy])').last().locator('.chart').waitFor();
}

it('behind a proxy that blocks WebSockets the page works over HTTP, and goes back to WebSockets once they pass', async () => {
  proxy.strips = true;
  const tab = await Tab.load(context, proxy.url.replace(/^ws/, 'http'), { tenant: 'acme', user: 'ana' });
  await go(tab, 'HTTP');
  await asks(tab);
  const other = await Tab.open(context, demo.url, 'ben');
  await tab.text.pressSequentially('over HTTP');
  expect(await until(async () => (await other.document()) === 'over HTTP', PATIENCE_MS)).toBe(true);
  await tab.press('notifications', 'Notify me');
  await tab.pane('notifications').locator('.notices li').first().waitFor();
  proxy.strips = false;
  await go(tab, 'WebSocket');
  await asks(tab);
  for (const pane of PANES) expect(await tab.shown(pane, 'gaps')).toBe('0');
});

it('the page does so as well where its user blocks them in the page', async () => {
  const tab = await Tab.open(context, demo.url, 'ana');
  await go(tab, 'WebSocket');
  await tab.page.getByLabel('Block WebSockets').check();
  await go(tab, 'HTTP');
  await asks(tab);
  await tab.page.getByLabel('Block WebSockets').uncheck();
  await go(tab, 'WebSocket');
  for (const pane of PANES) expect(await tab.shown(pane, 'gaps')).toBe('0');
});

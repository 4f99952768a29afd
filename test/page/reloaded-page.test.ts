import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Browser, BrowserContext } from 'playwright-core';
import { demoAnswer } from '../../dev/demo/answer';
import type { DataFrame } from '../../protocol/frames';
import { launchChromium } from './chromium';
import { startDemo, type Demo } from './demo';
import { Tab } from './tab';

/** How long anything on the page may take, in milliseconds. */
const PATIENCE_MS = 45_000;
jest.setTimeout(2 * PATIENCE_MS);

/** How many frames of an answer come before its page is loaded again. */
const HALF = 12;

let demo: Demo;
let redis: Redis;
let browser: Browser;
let context: BrowserContext;
let tab: Tab;
let session: string;

beforeAll(async () => {
  browser = await launchChromium();
  demo = await startDemo(20);
  redis = new Redis(demo.redisUrl);
}, 120_000);
afterAll(async () => {
  await browser.close();
  redis.disconnect();
  await demo.stop();
}, 60_000);

beforeEach(async () => {
  await (context as BrowserContext | undefined)?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 760 } });
  context.setDefaultTimeout(PATIENCE_MS);
  tab = await Tab.open(context, demo.url, 'ana');
  session = await tab.session();
});

/** An answer whose frames come when the test says so, and not by the clock of the demo's service. */
class Answer {
  readonly #id: string;
  readonly #frames: readonly DataFrame[];

  constructor(id: string) {
    this.#id = id;
    this.#frames = demoAnswer(`${id}?`);
  }

  /** The text of the frames so far, or of all of them. */
  text(upTo = this.#frames.length): string {
    return this.#frames
      .slice(0, upTo)
      .map((frame) => (frame.type === 'token' ? frame.data.token : ''))
      .join('');
  }

  async publish(from = 0, to = this.#frames.length): Promise<void> {
    for (const frame of this.#frames.slice(from, to))
      await redis.publish(`ai:stream:${session}`, JSON.stringify({ ...frame, id: this.#id }));
  }
}

/** Waits until the newest answer of a tab is this, on its way or complete. */
async function shows(shown: Tab, text: string, state: 'on its way' | 'complete'): Promise<void> {
  const turn = shown.pane('chat').locator('.turn').last();
  const isBusy = shown.page.locator(state === 'complete' ? ':not([aria-busy])' : '[aria-busy]');
  await turn.and(isBusy).locator('.answer').getByText(text.trim(), { exact: true }).waitFor();
  if (state === 'complete') await turn.locator('.chart').waitFor();
}

/** The texts of a tab's answers, in order. */
function answers(shown: Tab): Promise<string[]> {
  return shown.pane('chat').locator('.turn .answer').allTextContents();
}

describe('the chat of a page that is loaded again in the middle of an answer', () => {
  it('shows all of the answer, from its beginning, in order and once', async () => {
    const answer = new Answer('first');
    await answer.publish(0, HALF);
    await shows(tab, answer.text(HALF), 'on its way');
    await tab.page.reload();
    await shows(tab, answer.text(HALF), 'on its way');
    await answer.publish(HALF);
    await shows(tab, answer.text(), 'complete');
    expect(await answers(tab)).toEqual([answer.text()]);
    expect(await tab.session()).toBe(session);
    expect(await tab.shown('chat', 'gaps')).toBe('0');
    expect(tab.complaints).toEqual([]);
  });

  it('shows an answer that it had asked for itself, and can ask again', async () => {
    await tab.press('chat', 'Ask');
    await tab.pane('chat').locator('.turn .answer').getByText('You asked').waitFor();
    await tab.page.reload();
    const whole = demoAnswer('How was revenue by region?')
      .map((frame) => (frame.type === 'token' ? frame.data.token : ''))
      .join('');
    await shows(tab, whole, 'complete');
    await tab.press('chat', 'Ask');
    await tab.pane('chat').locator('.turn').nth(1).waitFor();
    await shows(tab, whole, 'complete');
    expect(await answers(tab)).toEqual([whole, whole]);
  });

  it('shows the answers before it as well, and each of two that run at once', async () => {
    const [over, slow, fast] = [new Answer('over'), new Answer('slow'), new Answer('fast')];
    await over.publish();
    await slow.publish(0, HALF);
    await fast.publish();
    await shows(tab, fast.text(), 'complete');
    await tab.page.reload();
    await shows(tab, fast.text(), 'complete');
    expect(await answers(tab)).toEqual([over.text(), slow.text(HALF), fast.text()]);
    await slow.publish(HALF);
    await tab.pane('chat').locator('.turn').nth(1).locator('.chart').waitFor();
    expect(await answers(tab)).toEqual([over.text(), slow.text(), fast.text()]);
  });

  it('shows all of it in a second tab, too, at the address that its link has', async () => {
    const answer = new Answer('twice');
    await answer.publish(0, HALF);
    const second = await tab.openChatAgain();
    await shows(second, answer.text(HALF), 'on its way');
    expect(await second.session()).toBe(session);
    await answer.publish(HALF);
    for (const each of [tab, second]) {
      await shows(each, answer.text(), 'complete');
      expect(await answers(each)).toEqual([answer.text()]);
      expect(each.complaints).toEqual([]);
    }
  });

  it('shows all of it when another bridge has taken over meanwhile', async () => {
    const answer = new Answer('replaced');
    await answer.publish(0, HALF);
    await shows(tab, answer.text(HALF), 'on its way');
    await tab.page.goto('about:blank');
    await replaceBridge();
    await answer.publish(HALF, 2 * HALF);
    await tab.page.goBack();
    await shows(tab, answer.text(2 * HALF), 'on its way');
    await answer.publish(2 * HALF);
    await shows(tab, answer.text(), 'complete');
    expect(await answers(tab)).toEqual([answer.text()]);
    expect(await tab.shown('chat', 'gaps')).toBe('0');
  });

  it('begins a new chat for another user of the tab', async () => {
    const answer = new Answer('secret');
    await answer.publish();
    await shows(tab, answer.text(), 'complete');
    await tab.page.getByLabel('User').fill('ben');
    await tab.page.getByRole('button', { name: 'Switch' }).click();
    await tab.page.waitForURL(/user=ben/);
    await tab.opened();
    expect(await tab.session()).not.toBe(session);
    expect(await answers(tab)).toEqual([]);
  });
});

/** As the page's button does. It is over when upgrades go to the new one. */
async function replaceBridge(): Promise<void> {
  const response = await context.request.post(`${demo.url}demo/restart-bridge`, {
    headers: { Origin: new URL(demo.url).origin },
    data: {},
  });
  expect(response.status()).toBe(204);
}

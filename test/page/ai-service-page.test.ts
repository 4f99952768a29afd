import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { token } from '../e2e/client';
import type { Stack } from '../e2e/stack';
import { startStack } from '../e2e/start-stack';
import { AiService, hasPython, ownerOf } from '../fakes/ai-service';
import { launchChromium } from './chromium';
import { serveOwnPage, type OwnPage } from './own-page';

/** How long anything on the page may take, in milliseconds. */
const PATIENCE_MS = 45_000;
jest.setTimeout(2 * PATIENCE_MS);

/** So slow that an answer is on its way for as long as a test wants. */
const SLOW = { SECONDS_A_TOKEN: '0.2' };

const describeWithPython = hasPython() ? describe : describe.skip;

describeWithPython('a page whose answer comes from docs/examples/ai-service', () => {
  let stack: Stack;
  let own: OwnPage;
  let browser: Browser;
  let context: BrowserContext | undefined;

  beforeAll(async () => {
    browser = await launchChromium();
    own = await serveOwnPage('answer.js');
    stack = await startStack({ config: { rate_limits: [] } });
  }, 180_000);
  afterEach(async () => {
    await context?.close();
    await AiService.endAll();
  });
  afterAll(async () => {
    await browser.close();
    await own.stop();
    await stack.stop();
  }, 60_000);

  function startService(): Promise<AiService> {
    const { host = '', port = 0 } = stack.redis.options;
    return AiService.start(`redis://${host}:${port}`, SLOW);
  }

  /** Opens the page, asks, and waits for the beginning of the answer. */
  async function asking(session: string, more: Record<string, string> = {}): Promise<Page> {
    context = await browser.newContext({ permissions: ['local-network-access'] });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const query = new URLSearchParams({ url: stack.url, token: await token(), session, ...more });
    await page.goto(`${own.url}?${query.toString()}`);
    await page.locator('#state', { hasText: 'open' }).waitFor();
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.locator('#text', { hasText: 'You asked' }).waitFor();
    return page;
  }

  /** How the page says that the answer ended. */
  async function endOf(page: Page): Promise<string> {
    const end = page.locator('#end', { hasText: /./ });
    await end.waitFor();
    return end.innerText();
  }

  it('is told so when the process is killed in the middle, by another process', async () => {
    const services = [await startService(), await startService()];
    const page = await asking('killed');
    const owner = await ownerOf(stack.redis);
    await services.find(({ child }) => child.pid === owner)?.end('SIGKILL');
    expect(await endOf(page)).toBe('WORKER_LOST');
  });

  it('is told so by the process itself once it is back, where it was the only one', async () => {
    const only = await startService();
    const page = await asking('alone');
    await only.end('SIGKILL');
    await startService();
    expect(await endOf(page)).toBe('WORKER_LOST');
  });

  it('is told by its client that nothing more comes where nobody is left', async () => {
    const only = await startService();
    const page = await asking('nobody', { answerTimeoutMs: '5000' });
    await only.end('SIGKILL');
    expect(await endOf(page)).toBe('TIMEOUT');
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { token } from '../e2e/client';
import { GatedService, WHOLE } from '../e2e/gated-service';
import type { Stack } from '../e2e/stack';
import { startStack } from '../e2e/start-stack';
import { eventually } from '../service/answers/fixture';
import { launchChromium } from './chromium';
import { serveOwnPage, type OwnPage } from './own-page';

/** How long anything on the page may take, in milliseconds. */
const PATIENCE_MS = 45_000;
jest.setTimeout(4 * PATIENCE_MS);

const onKong = process.env['GATEWAY'] === 'kong';
/** A page of another origin reads HTTP with Kong's plugin cors alone, which the stand-in has not. */
const WAYS = onKong ? ['websocket', 'http'] : ['websocket'];
/** As client/README.md has it. */
const CORS = {
  name: 'cors',
  config: {
    // A pattern: the page's port is another one each time.
    origins: [String.raw`http://127\.0\.0\.1:[0-9]+`],
    methods: ['GET', 'POST'],
    headers: ['Authorization', 'Content-Type'],
    exposed_headers: ['Retry-After', 'Date'],
  },
};

let stack: Stack;
let service: GatedService;
let own: OwnPage;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  browser = await launchChromium();
  own = await serveOwnPage('ai-sdk.js');
  stack = await startStack({ config: { rate_limits: [] }, routePlugins: { 'ai-chat': [CORS] } });
  service = new GatedService(stack.redis);
}, 180_000);
afterEach(() => context.close());
afterAll(async () => {
  await browser.close();
  await own.stop();
  await service.close();
  await stack.stop();
}, 60_000);

async function openPage(session: string, over: string): Promise<Page> {
  context = await browser.newContext({ permissions: ['local-network-access'] });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const query = new URLSearchParams({ url: stack.url, token: await token(), session, over });
  await page.goto(`${own.url}?${query.toString()}`);
  return page;
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox').fill(text);
  await page.getByRole('button', { name: 'Ask' }).click();
}

/** Waits until the chat's newest message has these parts, and nothing is on its way. */
async function expectShown(page: Page, parts: object): Promise<void> {
  const shown = async (): Promise<unknown> => JSON.parse(await page.locator('#parts').innerText());
  await page.locator('#parts', { hasText: 'data-complete' }).waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await shown()).toMatchObject(parts);
}

const begins = (page: Page): Promise<void> =>
  page.locator('#parts', { hasText: /"type":"text","text":"Revenue "/ }).waitFor();

describe.each(WAYS)('a page with a chat of the AI SDK, over %s', (over) => {
  it('shows text, steps, tools and the end of an answer, and asks again', async () => {
    const page = await openPage(`asks-${over}`, over);
    await ask(page, 'Revenue?');
    await expectShown(page, WHOLE);
    expect(service.asked.at(-1)).toEqual({ text: 'Revenue?' });
    await ask(page, 'fail');
    await page.locator('#status', { hasText: 'error' }).waitFor();
  });

  it('that is loaded again in the middle shows all of the answer, from its beginning', async () => {
    const page = await openPage(`again-${over}`, over);
    const text = `wait again ${over}`;
    await ask(page, text);
    await begins(page);
    await page.reload();
    await begins(page);
    service.open(text);
    await expectShown(page, WHOLE);
  });

  it('that is loaded again stops the answer, and the service as well', async () => {
    const page = await openPage(`stop-${over}`, over);
    const text = `wait stop ${over}`;
    await ask(page, text);
    await begins(page);
    await page.reload();
    await begins(page);
    await page.getByRole('button', { name: 'Stop' }).click();
    await eventually('the handler to stop', () => service.stopped.includes(text));
    await page.locator('#status', { hasText: 'ready' }).waitFor();
    expect(await page.locator('#parts').innerText()).not.toContain('data-complete');
  });
});

import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContext } from 'playwright-core';
import { open, token } from '../e2e/client';
import type { Stack } from '../e2e/stack';
import { startStack } from '../e2e/start-stack';
import { eventually } from '../sidecar/fixture';
import { launchChromium } from './chromium';
import { Tab } from './tab';

/** How long anything on the page may take, in milliseconds. */
const PATIENCE_MS = 45_000;
jest.setTimeout(2 * PATIENCE_MS);

const PAGE = join(__dirname, '../../dist/dev/page');
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/demo/main.js': 'main.js',
  '/demo/style.css': 'style.css',
  '/demo/icon.svg': 'icon.svg',
};

let stack: Stack;
let url: string;
let browser: Browser;
let context: BrowserContext;
/** The claims of the page's tokens. */
let claims: Record<string, unknown>;

beforeAll(async () => {
  browser = await launchChromium();
  stack = await startStack({
    config: {
      rate_limits: [
        {
          ...{ by: 'tenant', limit: 1_000, window_seconds: 60, burst: 1_000 },
          tiers: { free: { limit: 1, window_seconds: 3_600, burst: 1 } },
        },
      ],
    },
  });
  url = `${stack.url.replace('ws:', 'http:')}/`;
}, 120_000);
afterAll(async () => {
  await browser.close();
  await stack.stop();
}, 60_000);

/** The demo page at the address of a gateway that does not serve it, with tokens of the test's. */
beforeEach(async () => {
  claims = {};
  await (context as BrowserContext | undefined)?.close();
  // Chromium takes a page that a test answers for one from elsewhere.
  context = await browser.newContext({ permissions: ['local-network-access'] });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.route(
    ({ pathname }) => pathname in FILES,
    (route) => route.fulfill({ path: join(PAGE, FILES[new URL(route.request().url()).pathname] ?? '') }),
  );
  await context.route(/demo\/token/, async (route) => {
    const { searchParams: query } = new URL(route.request().url());
    const named = { tenant_id: query.get('tenant'), sub: query.get('user') };
    await route.fulfill({ contentType: 'text/plain', body: await token({ ...named, ...claims }) });
  });
});

/** Waits until the chat's pane has said this. */
async function says(tab: Tab, text: RegExp): Promise<void> {
  await tab.page.locator('#log li', { hasText: 'Chat' }).getByText(text).first().waitFor();
}

describe('a page whose handshake is refused, in a browser that tells it nothing', () => {
  it('says the status and the message of a token that is not accepted, and comes in with a good one', async () => {
    claims = { iss: 'somebody-else' };
    const tab = await Tab.load(context, url, { tenant: 'acme', user: 'ana' });
    await says(tab, /^refused: 401 \S.*/);
    expect(await tab.pane('chat').getAttribute('data-state')).not.toBe('closed');
    claims = {};
    await tab.opened();
  });

  it('says the status, the message and Retry-After of a limit, and waits as long as that says', async () => {
    const free = { tenant_id: 'busy', tier: 'free' };
    // The limit, and its burst.
    for (let i = 0; i < 2; i += 1) (await open(stack, '/ws/notifications', await token(free))).cut();
    claims = { tier: 'free' };
    const asked: string[] = [];
    context.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const tab = await Tab.load(context, url, { tenant: 'busy', user: 'ana' });
    await says(tab, /^refused: 429 Too many connections, try again later \(Retry-After: 3\d\d\d\.0 s\)$/);
    expect(asked.filter((path) => path === '/ws/ai/chat')).toHaveLength(1);
  });

  it("stops, and says why, where the chat is somebody else's", async () => {
    const owner = await open(
      stack,
      '/ws/ai/chat?session=anas',
      await token({ tenant_id: 'acme', sub: 'ana' }),
    );
    const tab = await Tab.load(context, url, { tenant: 'acme', user: 'ben', session: 'anas' });
    await says(tab, /^closed for good: 4403 the session is somebody else's$/);
    expect(await tab.pane('chat').getAttribute('data-state')).toBe('closed');
    const refusals = async (): Promise<number> => (await stack.bridgeUpgrades())['forbidden'] ?? 0;
    await eventually(async () => (await refusals()) > 0);
    expect(await refusals()).toBe(1);
    await owner.close();
  });
});

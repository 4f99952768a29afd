import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium } from '../page/chromium';
import { eventually } from '../sidecar/fixture';
import { FakeBridge } from './fake-bridge';
import { numbered } from './fixture';
import { serve, type WsServer } from './ws-server';

/** How long anything on the page may take, in milliseconds. */
const PATIENCE_MS = 45_000;
jest.setTimeout(2 * PATIENCE_MS);

const SRC = join(__dirname, '../../client/src');

let app: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let bridge: FakeBridge;
let server: WsServer;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(__dirname, 'react-app.js')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"development"' },
    alias: {
      'ws-bridge-client': join(SRC, 'index.ts'),
      'ws-bridge-client/react': join(SRC, 'react.ts'),
    },
    tsconfigRaw: {},
  });
  app = outputFiles[0]?.text ?? '';
  browser = await launchChromium();
}, 120_000);
afterAll(() => browser.close());

beforeEach(async () => {
  bridge = new FakeBridge();
  server = await serve(bridge);
  // Chromium takes a page that a test answers for one from elsewhere.
  context = await browser.newContext({ permissions: ['local-network-access'] });
  context.setDefaultTimeout(PATIENCE_MS);
  page = await context.newPage();
  await page.route(
    ({ pathname }) => ['/', '/app.js'].includes(pathname),
    (route) =>
      route.fulfill(
        new URL(route.request().url()).pathname === '/app.js'
          ? { contentType: 'text/javascript', body: app }
          : {
              contentType: 'text/html',
              body: '<!doctype html><body><script type="module" src="/app.js"></script>',
            },
      ),
  );
  await page.goto(`${server.url.replace('ws:', 'http:')}/?bridge=${server.url}`);
  await expectShown('state', 'open');
});
afterEach(async () => {
  await context.close();
  await server.stop();
});

/** Waits until an output shows this. */
async function expectShown(id: string, text: string): Promise<void> {
  await page.locator(`#${id}`).getByText(text, { exact: true }).waitFor();
}

async function press(name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
}

/** Asks, and waits until the command is taken over. */
async function ask(): Promise<string> {
  const before = bridge.taken.length;
  await press('Ask');
  await eventually(() => bridge.taken.length > before);
  return bridge.taken.at(-1)?.id ?? '';
}

function publish(type: string, id: string, data: object): void {
  bridge.publish(JSON.stringify({ type, id, data }));
}

describe('useBridge', () => {
  it('connects once under StrictMode as well, and closes with its component', async () => {
    expect(bridge.greeted).toHaveLength(1);
    await press('Show nothing');
    await eventually(() => bridge.peers.size === 0);
  });

  it('tells frames and gaps to the listeners of the latest render', async () => {
    bridge.publish(numbered(1));
    await expectShown('heard', 'token after 0');
    bridge.publish(numbered(2));
    await expectShown('heard', 'token after 0,token after 1');
    for (const peer of bridge.peers) bridge.gap(peer, 'slow');
    await expectShown('heard', 'token after 0,token after 1,slow');
  });

  it('tells them of a frame that comes in the very moment in which that render is shown', async () => {
    await page.evaluate(`globalThis.comesWhenShown = ${JSON.stringify(numbered(2))}`);
    bridge.publish(numbered(1));
    await expectShown('heard', 'token after 0,token after 1');
  });

  it('shows that it reconnects, and keeps its connection from render to render', async () => {
    const greeted = bridge.greeted.length;
    bridge.publish(numbered(1));
    await expectShown('heard', 'token after 0');
    expect(bridge.greeted).toHaveLength(greeted);
    server.reset();
    await expectShown('state', 'open');
    await eventually(() => bridge.greeted.length > greeted);
  });
});

describe('useAnswer', () => {
  it('shows an answer as its tokens come, then its end', async () => {
    await expectShown('running', 'false');
    const id = await ask();
    await expectShown('running', 'true');
    publish('token', id, { token: 'one ' });
    await expectShown('text', 'one');
    publish('token', id, { token: 'two' });
    await expectShown('text', 'one two');
    publish('complete', id, { sql: 'SELECT 1' });
    await expectShown('sql', 'SELECT 1');
    await expectShown('running', 'false');
    await expectShown('text', 'one two');
  });

  it('says why an answer has no end', async () => {
    const id = await ask();
    publish('token', id, { token: 'one' });
    publish('error', id, { code: 'QUERY_FAILED', message: 'no' });
    await expectShown('error', 'QUERY_FAILED');
    await expectShown('running', 'false');
    await expectShown('text', 'one');
  });

  it('stops an answer, keeps its text, and tells the service', async () => {
    const id = await ask();
    publish('token', id, { token: 'one' });
    await expectShown('text', 'one');
    await press('Stop');
    await expectShown('running', 'false');
    await eventually(() => bridge.taken.length === 2);
    expect(bridge.taken[1]).toMatchObject({ type: 'cancel', data: { id } });
    publish('token', id, { token: 'two' });
    const next = await ask();
    publish('token', next, { token: 'three' });
    await expectShown('text', 'three');
    await expectShown('error', 'none');
  });

  it('stops an answer whose component goes with its connection, and tells the service first', async () => {
    const id = await ask();
    publish('token', id, { token: 'one' });
    await expectShown('text', 'one');
    await press('Show nothing');
    await eventually(() => bridge.peers.size === 0);
    expect(bridge.taken.at(-1)).toMatchObject({ type: 'cancel', data: { id } });
  });

  it('takes back what it has shown of an answer that another worker begins anew', async () => {
    const id = await ask();
    publish('token', id, { token: 'lost' });
    await expectShown('text', 'lost');
    publish('start', id, { attempt: 2 });
    publish('token', id, { token: 'new' });
    await expectShown('text', 'new');
    await expectShown('error', 'none');
  });

  it('shows the answer to the last question only', async () => {
    const first = await ask();
    publish('token', first, { token: 'one' });
    await expectShown('text', 'one');
    await press('Ask');
    await eventually(() => bridge.taken.length === 3);
    const second = bridge.taken.find(({ type, id }) => type === 'message' && id !== first)?.id ?? '';
    publish('token', first, { token: 'two' });
    publish('token', second, { token: 'three' });
    await expectShown('text', 'three');
    expect(bridge.taken).toContainEqual(expect.objectContaining({ type: 'cancel', data: { id: first } }));
  });
});

describe('useLatest', () => {
  it('shows the newest frame, and none of another route once that is shown', async () => {
    bridge.session = undefined;
    await press('Show sales');
    await expectShown('latest', 'sales open none');
    bridge.publish(numbered(1));
    await expectShown('latest', 'sales open 1');
    bridge.publish(numbered(2));
    await expectShown('latest', 'sales open 2');
    await press('Show costs');
    await expectShown('latest', 'costs open none');
    bridge.publish(numbered(3));
    await expectShown('latest', 'costs open 3');
    expect([...bridge.peers].map(({ url }) => url.pathname)).toEqual(['/ws/bi/dashboards/costs']);
  });
});

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Browser } from 'playwright-core';
import { demoAnswer } from '../../dev/demo/answer';
import { eventually } from '../sidecar/fixture';
import { launchChromium } from './chromium';
import { faintTexts } from './contrast';
import { startDemo, type Demo } from './demo';
import { PANES, Tab } from './tab';

/** Slow enough that a click lands in the middle of an answer. */
const TOKEN_INTERVAL_MS = 100;

/** A browser's complaint about a handshake that was refused, or that the page gave up. */
const REFUSED_OR_GIVEN_UP =
  /^WebSocket connection to .* failed: .*(response code: (502|503)|closed before the connection is established\.)$/;
/** Its complaint about a page that asks for the reason: that is answered with 426 where the next handshake would be admitted. */
const ASKED_FOR_REASON = /^Failed to load resource: the server responded with a status of (426|502|503) /;

/** A small laptop's. */
const VIEWPORT = { width: 1280, height: 800 };

/** The channel of the dashboard that the page shows. */
const DASHBOARD = 'acme:dashboard:refresh:sales';

/** How long anything on the page may take, in milliseconds; a bridge that starts on a busy machine takes longest. */
const PATIENCE_MS = 45_000;
jest.setTimeout(2 * PATIENCE_MS);

/** As much of a frame as tells answers apart. */
interface Published {
  readonly id: string;
  readonly data: { readonly code?: string };
}

let demo: Demo | undefined;
let browser: Browser | undefined;
let ana: Tab;
let ben: Tab;

beforeAll(async () => {
  browser = await launchChromium();
  demo = await startDemo(TOKEN_INTERVAL_MS);
  const context = await browser.newContext({ viewport: VIEWPORT });
  context.setDefaultTimeout(PATIENCE_MS);
  [ana, ben] = [await Tab.open(context, demo.url, 'ana'), await Tab.open(context, demo.url, 'ben')];
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
}, 60_000);

function answerTo(question: string): string {
  return demoAnswer(question)
    .map((frame) => (frame.type === 'token' ? frame.data.token : ''))
    .join('');
}

async function ask(tab: Tab, question: string) {
  const turns = tab.pane('chat').locator('.turn');
  const turn = turns.nth(await turns.count());
  await tab.page.getByRole('textbox', { name: 'Question' }).fill(question);
  await tab.press('chat', 'Ask');
  const complete = turn.and(tab.page.locator(':not([aria-busy])'));
  return { turn, complete, text: turn.locator('.answer') };
}

/** Its answer repeats it, and is still on its way after some clicks, on a busy machine too. The page takes 300 characters. */
const LONG_QUESTION = `One? ${'And once more? '.repeat(18)}`.trim();

/** Asks twice, and stops the second answer. */
async function stopTheSecond() {
  const [first, second] = [await ask(ana, LONG_QUESTION), await ask(ana, 'Two?')];
  for (const { text } of [first, second]) await text.getByText('You asked').waitFor();
  // An answer that has ended cannot be stopped.
  const stop = ana.pane('chat').getByRole('button', { name: 'Stop' });
  if (await stop.isEnabled()) await stop.click();
  await second.complete.waitFor();
  const goesOn = (await first.turn.getAttribute('aria-busy')) === 'true';
  return { first, stopped: (await second.text.textContent()) ?? '', goesOn };
}

async function resumedInEachPane(): Promise<number[]> {
  const shown = [ana, ben].flatMap((tab) => PANES.map((pane) => tab.shown(pane, 'resumed')));
  return (await Promise.all(shown)).map(Number);
}

/** Waits until both tabs show the same document, with all this in it. */
async function expectSameDocument(...parts: readonly string[]): Promise<void> {
  await eventually(async () => {
    const text = await ana.document();
    return parts.every((part) => text.includes(part)) && (await ben.document()) === text;
  });
  expect(await ben.document()).toBe(await ana.document());
}

// One after the other, in the same two tabs, as somebody would use them.
describe('the demo page, open in two tabs', () => {
  it('is served at the address of the gateway, and takes everything from there', async () => {
    const url = ana.page.url();
    const response = await ana.page.request.get(url);
    expect(response.headers()['content-security-policy']).toContain("default-src 'self';");
    const hosts = await ana.page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin),
    );
    expect(new Set(hosts)).toEqual(new Set([new URL(url).origin]));
  });

  it('shows all of it at 1280×800 without scrolling, with what happened beside the panes', async () => {
    const { page } = ana;
    expect(await page.evaluate<number>('document.documentElement.scrollHeight')).toBeLessThanOrEqual(
      VIEWPORT.height,
    );
    for (const part of [...PANES.map((pane) => ana.pane(pane)), page.locator('#log ol li').first()]) {
      const { x = NaN, y = NaN, width = NaN, height = NaN } = (await part.boundingBox()) ?? {};
      expect([x >= 0, y >= 0, x + width <= VIEWPORT.width, y + height <= VIEWPORT.height]).not.toContain(
        false,
      );
    }
  });

  it('clips nothing on a lower screen: whatever does not fit can be scrolled', async () => {
    await ana.page.setViewportSize({ ...VIEWPORT, height: 760 });
    await ana.pane('dashboard').locator('.bar').first().waitFor();
    for (const pane of PANES) {
      const overflow = `(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)`;
      expect(await ana.page.evaluate(`${overflow}(document.querySelector('#${pane} .body'))`)).toBe(0);
    }
    await ana.page.setViewportSize(VIEWPORT);
  });

  it('shows an answer while its tokens arrive, with its SQL and its chart at the end', async () => {
    const { turn, complete, text } = await ask(ana, LONG_QUESTION);
    await text.getByText('You asked').waitFor();
    expect(await turn.getAttribute('aria-busy')).toBe('true');
    expect(await turn.locator('.sql, .chart').count()).toBe(0);
    await complete.waitFor();
    expect(await text.textContent()).toBe(answerTo(LONG_QUESTION));
    expect(await turn.locator('.sql').innerText()).toMatch(/^SELECT region/);
    expect(await turn.locator('.chart').getAttribute('aria-label')).toContain('North 1.70 million');
    expect(await turn.locator('.chart .bar').count()).toBe(4);
    expect(await ana.shown('chat', 'frames')).toBe(String(demoAnswer(LONG_QUESTION).length));
  });

  it('shows two answers at once, and stops one in the service while the other goes on to its end', async () => {
    const redis = new Redis(demo?.redisUrl ?? '');
    const frames: Published[] = [];
    redis.on('pmessage', (_pattern, _channel, text: string) => frames.push(JSON.parse(text) as Published));
    await redis.psubscribe('ai:stream:*');
    let { first, stopped, goesOn } = await stopTheSecond();
    // On a busy machine the first may be at its end before the second is stopped.
    for (let tries = 1; tries < 5 && !goesOn; tries += 1)
      ({ first, stopped, goesOn } = await stopTheSecond());
    expect([goesOn, stopped]).toEqual([true, expect.stringMatching(/^You asked.* \[stopped\]$/)]);
    expect(answerTo('Two?').startsWith(stopped.replace(' [stopped]', ''))).toBe(true);
    await first.complete.waitFor();
    expect(await first.text.textContent()).toBe(answerTo(LONG_QUESTION));
    expect(await ana.pane('chat').getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true);
    const end = frames.find(({ data }) => data.code === 'CANCELLED');
    expect(frames.filter(({ id }) => id === end?.id).at(-1)).toBe(end);
    redis.disconnect();
  });

  it('draws each refresh of the dashboard', async () => {
    const line = ana.pane('dashboard').locator('.orders .line');
    const before = await line.getAttribute('points');
    await eventually(async () => (await line.getAttribute('points')) !== before);
    expect(await ana.pane('dashboard').locator('.regions .bar').count()).toBe(4);
  });

  it('shows what is for everyone to both, and what is for one user to that one alone', async () => {
    await ana.press('notifications', 'Notify me');
    await ana.pane('notifications').getByText('A note for ana').waitFor();
    await ana.press('notifications', 'Notify everyone');
    for (const tab of [ana, ben])
      await tab.pane('notifications').getByText('ana says hello to everyone').waitFor();
    expect(await ben.pane('notifications').getByText('A note for ana').count()).toBe(0);
  });

  it('keeps what both write into the document at once', async () => {
    await Promise.all([
      ana.text.pressSequentially('Ana wrote this. '),
      ben.text.pressSequentially('Ben wrote that. '),
    ]);
    await eventually(async () => (await ana.document()).length === 'Ana wrote this. Ben wrote that. '.length);
    await expectSameDocument();
  });

  it('resumes an answer whose connection is dropped in the middle, and shows all of it', async () => {
    const { turn, complete, text } = await ask(ana, LONG_QUESTION);
    await text.getByText('You asked').waitFor();
    await ana.press('chat', 'Drop the connection');
    await ana.shows('chat', 'close', '1006 Abnormal Closure');
    expect(await turn.getAttribute('aria-busy')).toBe('true');
    await ana.shows('chat', 'resumed', '1');
    await complete.waitFor();
    expect(await text.textContent()).toBe(answerTo(LONG_QUESTION));
    expect(await ana.shown('chat', 'gaps')).toBe('0');
    // However short it was: it stays in the pane and in the log, and the pane flashes.
    expect(await ana.event('chat').innerText()).toMatch(
      /^back after \d+\.\d s: resumed where it left off, nothing missed$/,
    );
    expect(await ana.pane('chat').getAttribute('class')).toBe('flash');
    await ana.page.locator('#log').getByText('connection lost: 1006 Abnormal Closure').waitFor();
  });

  it('shows who is at the document, and lets one of them write at a time', async () => {
    const here = (tab: Tab) => tab.pane('document').locator('[data-output=here]');
    for (const tab of [ana, ben]) await here(tab).getByText('Here: ana, ben', { exact: true }).waitFor();
    await ana.press('document', 'Take the pen');
    await here(ana).getByText('you have the pen').waitFor();
    await here(ben).getByText('ana has the pen').waitFor();
    expect([await ana.text.isEditable(), await ben.text.isEditable()]).toEqual([true, false]);
    await ana.press('document', 'Drop the connection');
    await ana.shows('document', 'resumed', '1');
    await ana.press('document', 'Give the pen back');
    await here(ben).getByText('Here: ana, ben', { exact: true }).waitFor();
    expect(await ben.text.isEditable()).toBe(true);
  });

  it('comes back with a new token when its token is revoked, and misses nothing', async () => {
    await ben.press('notifications', 'Revoke the token');
    await ben.shows('notifications', 'close', '4401 Token Expired');
    await ana.press('notifications', 'Notify everyone');
    await ben.shows('notifications', 'resumed', '1');
    await ben.opened();
    await ben.pane('notifications').getByText('ana says hello to everyone').nth(1).waitFor();
    expect(await ben.shown('notifications', 'gaps')).toBe('0');
  });

  it('brings in what was written while the connection was away', async () => {
    await ben.press('document', 'Drop the connection');
    await ben.text.press('ControlOrMeta+Home');
    await ben.text.pressSequentially('From a tab that was away. ');
    await ana.text.pressSequentially('In the meantime. ');
    await ben.shows('document', 'resumed', '1');
    await expectSameDocument('From a tab that was away. ', 'In the meantime. ');
  });

  it('resumes where it left off when another bridge takes over', async () => {
    const before = await resumedInEachPane();
    const { complete, text } = await ask(ana, 'And with a new bridge?');
    await text.getByText('You asked').waitFor();
    await ana.page.getByRole('button', { name: 'Have another bridge take over' }).click();
    await ana.shows('chat', 'close', '1012 Service Restart');
    await ana.text.pressSequentially('While bridges change. ');
    await complete.waitFor();
    expect(await text.textContent()).toBe(answerTo('And with a new bridge?'));
    await expectSameDocument('While bridges change. ');
    await eventually(async () => (await resumedInEachPane()).every((count, i) => count > (before[i] ?? 0)));
    for (const tab of [ana, ben])
      for (const pane of PANES) expect([pane, await tab.shown(pane, 'gaps')]).toEqual([pane, '0']);
    expect([...ana.complaints, ...ben.complaints]).toEqual([]);
  });

  it.each([
    ['notifications', 'a text that is no JSON', 'acme:notifications', 'no JSON at all'],
    ['notifications', 'no data', 'acme:notifications', '{"type":"notification","data":null}'],
    ['dashboard', 'words for figures', DASHBOARD, '{"type":"refresh","data":{"ordersPerMinute":["many"]}}'],
    ['document', 'a text', 'acme:collaboration:notes', 'where bytes are expected'],
    ['document', 'bytes that are no update', 'acme:collaboration:notes', Buffer.from([0, 2, 2, 255, 255])],
  ] as const)('says in the %s pane that it cannot show %s', async (pane, _, channel, frame) => {
    const redis = new Redis(demo?.redisUrl ?? '');
    await redis.publish(channel, frame);
    redis.disconnect();
    await ana.page
      .locator('#log li')
      .getByText(/^bad frame: /)
      .first()
      .waitFor();
    await ana.pane(pane).and(ana.page.locator('[data-state=open]')).waitFor();
    await eventually(async () => (await ana.event(pane).innerText()).startsWith('bad frame: '));
    expect(ana.complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'has texts of a contrast of at least 4.5 in the %s scheme',
    async (colorScheme) => {
      await ana.page.emulateMedia({ colorScheme });
      expect(await faintTexts(ana.page, 4.5)).toEqual([]);
      await ana.page.emulateMedia({ colorScheme: null });
    },
  );

  it('comes back when the bridge is killed, says that frames may be lost, and makes the documents equal', async () => {
    // The service does not end this answer before the bridge is killed, however long that takes.
    const redis = new Redis(demo?.redisUrl ?? '');
    const begun = { type: 'token', id: 'endless', data: { token: 'An answer without an end', index: 0 } };
    await redis.publish(`ai:stream:${await ana.session()}`, JSON.stringify(begun));
    redis.disconnect();
    const cut = ana.pane('chat').locator('.turn', { hasText: begun.data.token });
    await cut.and(ana.page.locator('[aria-busy]')).waitFor();
    await ana.page.getByRole('button', { name: 'Kill the bridge' }).click();
    await ana.shows('document', 'close', '1006 Abnormal Closure');
    await ana.text.pressSequentially('Ana, without a bridge. ');
    await ben.text.pressSequentially('Ben, without a bridge. ');
    for (const tab of [ana, ben]) {
      await tab.opened();
      for (const pane of PANES) await eventually(async () => (await tab.shown(pane, 'gaps')) !== '0');
    }
    await expectSameDocument('Ana, without a bridge. ', 'Ben, without a bridge. ');
    await cut.and(ana.page.locator(':not([aria-busy])')).waitFor();
    expect(await cut.locator('.answer').textContent()).toContain('lost');
    const { complete, text } = await ask(ana, 'Still there?');
    await complete.waitFor();
    expect(await text.textContent()).toBe(answerTo('Still there?'));
  });

  it('ends with the same document in both tabs, each word once, and nothing to complain of', async () => {
    const text = await ana.document();
    expect(await ben.document()).toBe(text);
    const written = [
      'Ana wrote this. ',
      'Ben wrote that. ',
      'From a tab that was away. ',
      'In the meantime. ',
      'While bridges change. ',
      'Ana, without a bridge. ',
      'Ben, without a bridge. ',
    ];
    // Texts that two people type at the same place and time may be interleaved.
    expect(Array.from(text).sort()).toEqual(Array.from(written.join('')).sort());
    // A browser says of each handshake that was refused or given up that it was; while there was no bridge, that is so.
    const others = [...ana.complaints, ...ben.complaints].filter(
      (complaint) => !REFUSED_OR_GIVEN_UP.test(complaint) && !ASKED_FOR_REASON.test(complaint),
    );
    expect(others).toEqual([]);
  });
});

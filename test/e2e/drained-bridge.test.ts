import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openStream, type StreamClient } from '../fakes/event-source';
import { until } from '../fault/until';
import { token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

/** So that each of two bridges has some. */
const STREAMS = 12;
const PUBLISH_MS = 20;
const PATIENCE_MS = 30_000;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    bridges: 2,
    config: { rate_limits: [] },
    // It ends once what it keeps for those who left has been fetched, or is too old.
    bridgeEnv: { BRIDGE_DRAIN_MS: '2000', BRIDGE_LINGER_MS: '20000' },
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** Reads one session's frames, and comes back with the last event's id whenever the stream ends, as an EventSource does. */
class Reader {
  readonly got: number[] = [];
  readonly gaps: string[] = [];
  /** The codes of the ends that the bridge told. */
  readonly closes: number[] = [];
  readonly #path: string;
  #stream: StreamClient | undefined;
  #isOver = false;

  constructor(session: string) {
    this.#path = `/ws/ai/chat?session=${session}`;
  }

  async open(): Promise<void> {
    const lastEventId = this.#stream?.lastEventId;
    const resuming = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    const headers = { Authorization: `Bearer ${await token()}`, ...resuming };
    this.#stream = await openStream(stack.url + this.#path, headers);
    void this.#read(this.#stream);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#stream?.cut();
  }

  async #read(stream: StreamClient): Promise<void> {
    for (;;) {
      await stream.until(() => stream.kept > 0);
      if (stream.kept === 0) break;
      const { type, data } = await stream.next();
      if (type === 'message') this.got.push(Number(data));
      else if (type === 'gap') this.gaps.push(data);
      else if (type === 'close') this.closes.push((JSON.parse(data) as { readonly code: number }).code);
    }
    if (!this.#isOver) await this.open();
  }
}

describe('a bridge that drains', () => {
  it('leaves its event streams to the other one, where their clients get every frame once', async () => {
    const readers = Array.from({ length: STREAMS }, (_, i) => new Reader(`drained${i}`));
    for (const reader of readers) await reader.open();
    let published = 0;
    const over = new AbortController();
    const publishing = (async () => {
      for (; !over.signal.aborted; published += 1) {
        const frames = readers.map((_, i) => stack.redis.publish(`ai:stream:drained${i}`, `${published}`));
        await Promise.all([...frames, sleep(PUBLISH_MS)]);
      }
    })();
    await stack.drainBridge();
    over.abort();
    await publishing;
    const hasAll = ({ got }: Reader): boolean => got.length >= published;
    expect(await until(() => readers.every(hasAll), PATIENCE_MS)).toBe(true);
    const whole = Array.from({ length: published }, (_, i) => i);
    for (const reader of readers) expect(reader.got).toEqual(whole);
    expect(readers.flatMap(({ gaps }) => gaps)).toEqual([]);
    // Some were on it, and came back once; the others noticed nothing.
    const moved = readers.filter(({ closes }) => closes.length > 0);
    expect(moved.map(({ closes }) => closes)).toEqual(moved.map(() => [1012]));
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.length).toBeLessThan(STREAMS);
    await Promise.all(readers.map((reader) => reader.stop()));
  }, 120_000);
});

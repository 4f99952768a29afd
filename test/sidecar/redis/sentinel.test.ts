import assert from 'node:assert/strict';
import { jest } from '@jest/globals';
import { publisher } from '../../../sidecar/redis/publish';
import { DOWN_AFTER_MS, startSentinels, type SentinelSetup } from '../../fakes/redis-sentinel';
import { connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';
import { expectBackInTime, faultsOf, Heard, publishNumbered, type Traffic } from './traffic';

const ALICE = { tenant: 'acme', user: 'alice' };
const CHANNEL = 'ai:stream:s1';

jest.setTimeout(90_000);

let setup: SentinelSetup;
let bridge: TestBridge;
let traffic: Traffic;
let heard: Heard;

beforeEach(async () => {
  setup = await startSentinels();
  bridge = await startBridge(setup.url, {
    BRIDGE_REDIS_TIMEOUT_MS: '4000',
    BRIDGE_PROBE_INTERVAL_MS: '500',
    BRIDGE_PROBE_TIMEOUT_MS: '4000',
  });
  await eventually(ready);
  heard = new Heard(await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE));
  traffic = publishNumbered(publisher(setup.client), [CHANNEL]);
  await eventually(() => heard.items.length > 20);
});
afterEach(async () => {
  await traffic.stop();
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  await setup.stop();
});

async function ready(): Promise<boolean> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
}

async function expectNothingSilent(): Promise<void> {
  await traffic.stop();
  const confirmed = traffic.confirmed.get(CHANNEL) ?? [];
  await eventually(() => heard.items.includes(confirmed.at(-1) ?? 0));
  const { silent, twice, late } = faultsOf(heard.items, confirmed);
  expect({ closed: heard.closed, silent, twice, late }).toEqual({
    closed: false,
    silent: [],
    twice: [],
    late: [],
  });
  expect(new Set(heard.gaps)).toEqual(new Set(['redis']));
}

describe('a bridge on sentinels, under traffic', () => {
  it('outlives the death of the master: its sockets get a gap and go on', async () => {
    const victim = await setup.master();
    const killedAt = Date.now();
    await victim.stop();
    await eventually(() => heard.gaps.length > 0 && heard.sinceGap > 20);
    expectBackInTime(killedAt, `kill -9 (down-after-milliseconds ${DOWN_AFTER_MS})`);
    expect(await setup.master()).not.toBe(victim);
    await expectNothingSilent();
    // Its connection for commands is back by itself, sooner or later than the one that hears.
    await eventually(ready);
    heard.client.send('{"type":"ask","id":"c1"}');
    await eventually(async () => (await setup.client.xlen('ai:commands')) === 1);
  });

  it('outlives a master that hangs, and is not on it when it comes back', async () => {
    const victim = await setup.master();
    const hungAt = Date.now();
    process.kill(victim.pid, 'SIGSTOP');
    try {
      await eventually(() => heard.gaps.length > 0 && heard.sinceGap > 20);
      expectBackInTime(hungAt, 'SIGSTOP');
    } finally {
      process.kill(victim.pid, 'SIGCONT');
    }
    await expectNothingSilent();
    await eventually(ready);
  });

  it('follows a failover that an operator asks for', async () => {
    const before = await setup.master();
    const startedAt = Date.now();
    await setup.failOver();
    await eventually(() => heard.gaps.length > 0 && heard.sinceGap > 20);
    expectBackInTime(startedAt, 'SENTINEL FAILOVER');
    expect(await setup.master()).not.toBe(before);
    await expectNothingSilent();
  });
});

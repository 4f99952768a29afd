import assert from 'node:assert/strict';
import { publisher } from '../../../sidecar/redis/publish';
import type { ClusterNode, RedisCluster } from '../../fakes/redis-cluster';
import { connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';
import { faultsOf, Heard, publishNumbered, type Traffic } from './traffic';

/** Who the clients are. */
export const ALICE = { tenant: 'acme', user: 'alice' };
/** Sessions whose channels are spread over all three masters. */
const SESSIONS = ['s1', 's2', 's3', 's4', 's5', 's6'];
const CHANNELS = SESSIONS.map((session) => `ai:stream:${session}`);

/** A bridge on a cluster, with a client and numbered frames on each of some channels of all masters. */
export class ClusterTraffic {
  readonly bridge: TestBridge;
  readonly #cluster: RedisCluster;
  readonly #heard: ReadonlyMap<string, Heard>;
  readonly #traffic: Traffic;

  private constructor(cluster: RedisCluster, bridge: TestBridge, heard: ReadonlyMap<string, Heard>) {
    this.bridge = bridge;
    this.#cluster = cluster;
    this.#heard = heard;
    this.#traffic = publishNumbered(publisher(cluster.client), CHANNELS);
  }

  /** Resolves once every client has heard several frames. */
  static async start(cluster: RedisCluster): Promise<ClusterTraffic> {
    const bridge = await startBridge(cluster.url, {
      BRIDGE_REDIS_TIMEOUT_MS: '4000',
      BRIDGE_PROBE_INTERVAL_MS: '500',
      BRIDGE_PROBE_TIMEOUT_MS: '4000',
    });
    await eventually(() => isReady(bridge));
    const sockets = SESSIONS.map((session) =>
      connectCounting(`${bridge.url}/ws/ai/chat?session=${session}`, ALICE),
    );
    const clients = await Promise.all(sockets);
    const heard = new Map(clients.map((client, index) => [CHANNELS[index] ?? '', new Heard(client)]));
    const started = new ClusterTraffic(cluster, bridge, heard);
    await eventually(() => [...heard.values()].every(({ items }) => items.length > 20));
    return started;
  }

  /** Ends all of it; nothing may be left in the bridge. */
  async stop(): Promise<void> {
    await this.#traffic.stop();
    await this.bridge.bridge.close();
    assert.deepEqual(this.bridge.bridge.openState(), EMPTY);
  }

  isReady(): Promise<boolean> {
    return isReady(this.bridge);
  }

  /** The channels that a node serves, and the others. */
  async channelsOf(node: ClusterNode): Promise<[readonly string[], readonly string[]]> {
    const owners = await Promise.all(CHANNELS.map((channel) => this.#cluster.ownerOf(channel)));
    const isOn = (_: string, index: number): boolean => owners[index] === node;
    return [CHANNELS.filter(isOn), CHANNELS.filter((channel, index) => !isOn(channel, index))];
  }

  /** Resolves once each of these channels has had so many gaps. */
  async gapsTold(channels: readonly string[], count = 1): Promise<void> {
    await eventually(() => this.#on(channels).every(({ gaps }) => gaps.length >= count));
  }

  /** Resolves once each of these channels had a gap and delivers again. */
  async deliveredAgain(channels: readonly string[]): Promise<void> {
    await eventually(() =>
      this.#on(channels).every(({ gaps, sinceGap }) => gaps.length > 0 && sinceGap > 20),
    );
  }

  /** After the traffic: no socket was closed, no frame is missing untold, and only these channels had gaps. */
  async expectNothingSilent(lost: readonly string[], inOrder = true): Promise<void> {
    await this.#traffic.stop();
    const { confirmed } = this.#traffic;
    await Promise.all([...this.#heard].map(([channel, { items }]) => this.#arrived(channel, items)));
    for (const [channel, { items, gaps, closed }] of this.#heard) {
      const { silent, twice, late } = faultsOf(items, confirmed.get(channel) ?? []);
      expect({ channel, closed, silent, twice }).toEqual({ channel, closed: false, silent: [], twice: [] });
      if (inOrder) expect({ channel, late }).toEqual({ channel, late: [] });
      expect(new Set(gaps)).toEqual(new Set(lost.includes(channel) ? ['redis'] : []));
    }
  }

  /**
   * Resolves once what Redis confirmed on a channel has come, or never will. Each node passes on what it took in the
   * order in which it took it, so a mark through each of them comes behind all the rest.
   */
  async #arrived(channel: string, items: Heard['items']): Promise<void> {
    const running = this.#cluster.nodes.filter(({ pid }) => pid !== 0);
    const marks = running.map(async ({ redis }, index) => {
      const mark = -1 - index;
      const send = (): Promise<boolean> =>
        redis.spublish(channel, `${mark}`).then(
          () => true,
          () => false,
        );
      // A node of another shard takes no message of this channel.
      if (!(await send())) return false;
      // One that was away may have no way to its new master yet.
      await eventually(async () => items.includes(mark) || ((await send()) && items.includes(mark)));
      return true;
    });
    assert.ok((await Promise.all(marks)).includes(true), `no node takes a message of ${channel}`);
  }

  #on(channels: readonly string[]): readonly Heard[] {
    return channels.map((channel) => this.#heard.get(channel)).filter((one) => one !== undefined);
  }
}

async function isReady({ adminUrl }: TestBridge): Promise<boolean> {
  return (await fetch(`${adminUrl}/readyz`)).status === 200;
}

import { setImmediate as turn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { FakeRedis } from './fake-redis';
import { HANDOVER_MS, LINGER_MS, ModelBridge, RING_BYTES, RING_FRAMES } from './model-bridge';
import { ModelClient, type Session } from './model-client';

/** One thing that happens. Bridges and clients are named by number. */
export type Step = WorldStep | BridgeStep | ClientStep;

type WorldStep = { readonly do: 'publish' } | { readonly do: 'flood' | 'oversize' } | { readonly do: 'wait' };
type BridgeStep =
  | { readonly do: 'hear'; readonly bridge: number; readonly count: number }
  | { readonly do: 'lose' | 'restore' | 'kill' | 'drain'; readonly bridge: number };
type ClientStep =
  | { readonly do: 'join' | 'oldest'; readonly client: number; readonly bridge: number }
  | { readonly do: 'cut' | 'take' | 'stall'; readonly client: number };

const CHANNEL = 'ai:stream:s';

/** Bridges, clients of one session, and Redis between them. */
export class World {
  readonly #redis = new FakeRedis();
  readonly #session: Session;
  readonly #bridges: ModelBridge[] = [];
  readonly #clients: readonly ModelClient[];
  #bridgeCount = 0;

  private constructor(clients: number, isClaimed: boolean) {
    this.#session = { channel: CHANNEL, redis: this.#redis, isClaimed, published: 0, claimedAt: undefined };
    this.#clients = Array.from({ length: clients }, () => new ModelClient(this.#session));
  }

  /**
   * Starts with bridges that have heard all answers.
   * @param isClaimed whether the clients' route has sessions
   */
  static async start(bridges: number, clients: number, isClaimed: boolean): Promise<World> {
    const world = new World(clients, isClaimed);
    for (let index = 0; index < bridges; index += 1) world.#bridges.push(world.#newBridge());
    await world.#settle();
    return world;
  }

  /** Does a step, if it can be done now. */
  async perform(step: Step): Promise<void> {
    this.#act(step);
    await this.#settle();
  }

  /** Heals everything. From then on all clients get all that is published. @returns how the property was broken */
  async end(): Promise<readonly string[]> {
    for (const bridge of this.#bridges) if (!bridge.isUp) bridge.restore();
    await this.#settleAll();
    for (const client of this.#clients) if (!client.isConnected) void client.connect(this.#at(0), false);
    await this.#settleAll();
    this.#publish();
    await this.#settleAll();
    const newest = this.#session.published - 1;
    return this.#clients.flatMap(({ faults, last }, index) => {
      const missing = last === newest ? [] : [`client ${index} ended with frame ${last}, not with ${newest}`];
      return [...faults, ...missing];
    });
  }

  #act(step: Step): void {
    if ('client' in step) this.#useClient(step, this.#who(step.client));
    else if ('count' in step) this.#at(step.bridge).hear(step.count);
    else if ('bridge' in step) this.#befall(step.do, step.bridge);
    else if (step.do === 'publish') this.#publish();
    else if (step.do === 'flood') this.#flood();
    else if (step.do === 'oversize') this.#publish(RING_BYTES + 1);
    else this.#wait(LINGER_MS + 100);
  }

  #useClient(step: ClientStep, client: ModelClient): void {
    if ('bridge' in step) {
      if (!client.isConnected) void client.connect(this.#at(step.bridge), step.do === 'oldest');
    } else if (step.do === 'cut') client.cut();
    else if (step.do === 'take') client.take();
    else client.stall();
  }

  #befall(what: 'lose' | 'restore' | 'kill' | 'drain', index: number): void {
    const bridge = this.#at(index);
    if (what === 'lose' && bridge.isUp) bridge.lose();
    if (what === 'restore' && !bridge.isUp) bridge.restore();
    if (what !== 'kill' && what !== 'drain') return;
    if (what === 'kill') {
      bridge.die();
      this.#bridges[index % this.#bridges.length] = this.#newBridge();
    }
    for (const client of this.#clients) if (client.bridge === bridge) client.cut();
  }

  #publish(bytes = 0): void {
    this.#redis.publish(CHANNEL, Buffer.from(`${this.#session.published}`.padEnd(bytes)));
    this.#session.published += 1;
  }

  /** More than a replay log keeps. */
  #flood(): void {
    for (let count = 0; count <= RING_FRAMES; count += 1) this.#publish();
  }

  #wait(ms: number): void {
    for (const bridge of this.#bridges) bridge.wait(ms);
    jest.advanceTimersByTime(ms);
  }

  #newBridge(): ModelBridge {
    this.#bridgeCount += 1;
    return new ModelBridge(this.#bridgeCount.toString(16).padStart(16, '0'), this.#redis);
  }

  #at(index: number): ModelBridge {
    const bridge = this.#bridges[index % this.#bridges.length];
    if (bridge === undefined) throw new RangeError('expected a bridge');
    return bridge;
  }

  #who(index: number): ModelClient {
    const client = this.#clients[index % this.#clients.length];
    if (client === undefined) throw new RangeError('expected a client');
    return client;
  }

  /**
   * Until all that is sent is heard and taken, and whatever waits for an answer in vain has given up: a client may wait for the bridge
   * that it left, and then for those that keep its session.
   */
  async #settleAll(): Promise<void> {
    for (let round = 0; round < 16; round += 1) {
      for (const bridge of this.#bridges) bridge.hear(Infinity);
      await this.#settle();
      for (const client of this.#clients) client.take();
      if (round % 8 === 4) this.#wait(HANDOVER_MS + 100);
      await this.#settle();
    }
  }

  async #settle(): Promise<void> {
    await turn();
    for (const bridge of this.#bridges) bridge.scheduler.end();
  }
}

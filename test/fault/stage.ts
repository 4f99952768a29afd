import { Redis } from 'ioredis';
import type { Commands } from '../../redis/options';
import type { Publish } from '../../sidecar/redis/publish';
import { RedisNames } from '../../sidecar/redis/names';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { BridgeProcess } from './bridge-process';
import { Commander, commandName, type CommandScore } from './commander';
import { FaultyGateway } from './gateway';
import { totalOf, type Ledger, type Score } from './ledger';
import { Listener, type ListenerTimes } from './listener';
import type { Plan } from './plan';
import { Publisher } from './publisher';
import { randomFrom, type Random } from './random';
import { seatsFor, sendsCommands, someOverHttp, subjectsOf, type Seat } from './seat';
import { Tally } from './tally';
import { until, wait } from './until';

/** The setup of a run. */
export interface StageOptions {
  readonly plan: Plan;
  /** Settings of the bridges. */
  readonly env: Readonly<Record<string, string>>;
  readonly times: ListenerTimes;
  /** Whether the bridges' wall clocks can be set. */
  readonly stepped?: boolean;
  /** Who sits where; by default on each kind of route, some over HTTP. */
  readonly seats?: readonly Seat[];
  /** How services publish; by default as Pub/Sub has it. */
  readonly publishing?: (redis: Commands) => Publish;
}

/** Clients that connect at the same time, at most. */
const CONNECTING_AT_ONCE = 50;
/** Who is not back by then, on a busy machine, needs a token that lives longer than it takes to come back. */
const CALM_AFTER_MS = 15_000;
/** Redis on a noisy machine reads what it was sent within this, in milliseconds. */
const REDIS_HEARS_MS = 10_000;

/** Redis, two bridges, the gateway before them, a publisher, and clients that keep account of what they hear. */
export class Stage {
  readonly plan: Plan;
  readonly random: Random;
  readonly tally = new Tally();
  readonly redis: RedisServer;
  readonly gateway: FaultyGateway;
  readonly publisher: Publisher;
  readonly listeners: Listener[] = [];
  /** The commander of those who sit at a chat. */
  commander = new Commander([]);
  /** Those that serve, the oldest first. */
  readonly bridges: BridgeProcess[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #stopped: BridgeProcess[] = [];
  /** How those ended that were told to before the end. */
  readonly #exits: (number | NodeJS.Signals)[] = [];
  /** How far the bridges' clocks are from the truth; undefined when they cannot be set. */
  #clockMs: number | undefined;
  /** Whether everybody is to come back and stay. */
  #isCalm = false;
  readonly #done: Record<string, number> = {};
  readonly #startedAt = performance.eventLoopUtilization();

  private constructor(
    { plan, env, stepped = false }: StageOptions,
    random: Random,
    redis: RedisServer,
    gateway: FaultyGateway,
    publisher: Publisher,
  ) {
    this.plan = plan;
    // The preloaded clock is of one process.
    const workers = stepped ? '1' : (process.env['BRIDGE_WORKERS'] ?? '1');
    this.#env = { BRIDGE_WORKERS: workers, BRIDGE_COMMENT_INTERVAL_MS: '500', ...env };
    this.#clockMs = stepped ? 0 : undefined;
    this.random = random;
    this.redis = redis;
    this.gateway = gateway;
    this.publisher = publisher;
  }

  /** Sets everything up; every client is open when this resolves, and nothing has been published. */
  static async open(options: StageOptions): Promise<Stage> {
    const { plan, times, publishing } = options;
    const { seats = someOverHttp(seatsFor(plan.clients, plan.tenants)) } = options;
    const random = randomFrom(plan.seed);
    const redis = await startRedis();
    const gateway = await FaultyGateway.start(random);
    const publisher = new Publisher(redis.url, subjectsOf(seats, plan.rate), publishing);
    await publisher.ready();
    const stage = new Stage(options, random, redis, gateway, publisher);
    const calming = { ...times, isCalm: (): boolean => stage.#isCalm };
    await Promise.all([stage.addBridge(), stage.addBridge()]);
    for (let start = 0; start < seats.length; start += CONNECTING_AT_ONCE) {
      const batch = seats
        .slice(start, start + CONNECTING_AT_ONCE)
        .map((seat) => new Listener(seat, gateway.url, stage.tally, calming, () => random.next()));
      stage.listeners.push(...batch);
      await until(() => batch.every(({ wasOpen }) => wasOpen));
    }
    const chats = stage.listeners.filter(({ seat }) => sendsCommands(seat));
    stage.commander = new Commander(chats.map(({ client }) => client));
    return stage;
  }

  /** From now on services publish and clients send commands, until {@link settle}. */
  start(): void {
    this.#isCalm = false;
    this.publisher.start();
    this.commander.start();
  }

  /** Starts a bridge, and sends clients there once it is ready. */
  async addBridge(): Promise<void> {
    const bridge = await BridgeProcess.start(this.redis.url, this.#env, this.#clockMs);
    this.bridges.push(bridge);
    await this.gateway.add(bridge);
  }

  /**
   * Starts a bridge in the place of the oldest, which is told to stop by SIGTERM.
   * @returns the one that stops, which goes on for a while
   */
  async replaceOne(): Promise<BridgeProcess | undefined> {
    await this.addBridge();
    const [oldest] = this.bridges.splice(0, 1);
    if (oldest === undefined) return undefined;
    this.#count('bridges stopped with SIGTERM');
    this.#stopped.push(oldest);
    oldest.signal('SIGTERM');
    await this.gateway.removeOnceUnready(oldest);
    return oldest;
  }

  /** Sets the wall clock of every bridge, of those that stop too, so far from the truth. */
  async setBridgeClocks(offsetMs: number): Promise<void> {
    this.#count("times that the bridges' clocks were set");
    this.#clockMs = offsetMs;
    await Promise.all([...this.#stopped, ...this.bridges].map((bridge) => bridge.setClock(offsetMs)));
  }

  /** Kills the oldest bridge with SIGKILL, then starts another. */
  async killOne(): Promise<void> {
    const [oldest] = this.bridges.splice(0, 1);
    if (oldest === undefined) return;
    this.#count('bridges killed with SIGKILL');
    oldest.signal('SIGKILL');
    await oldest.ended;
    this.gateway.remove(oldest);
    await this.addBridge();
  }

  /** Kills a worker of the bridge that has gone longest without that, with SIGKILL. Its primary starts another. */
  killWorker(): void {
    const [bridge] = this.bridges;
    const [number, pid] = this.random.pick([...(bridge?.workers ?? [])]) ?? [];
    if (bridge === undefined || number === undefined || pid === undefined) return;
    // Known anew when another listens.
    bridge.workers.delete(number);
    this.bridges.push(...this.bridges.splice(0, 1));
    this.#count('workers killed with SIGKILL');
    process.kill(pid, 'SIGKILL');
  }

  /** Kills Redis and starts an empty one in its place, after a while. */
  async restartRedis(awayMs: number): Promise<void> {
    this.#count('Redis restarts');
    await this.redis.stop();
    await wait(awayMs);
    await this.redis.restart();
  }

  /** Makes Redis drop its subscribers, as it does with those that read too slowly. */
  async dropSubscribers(): Promise<void> {
    this.#count('times that Redis dropped its subscribers');
    await this.#asked((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
  }

  /** Cuts a share of all connections each second, each at its own time and in its own way, until told to stop. */
  cutAtRandom(sharePerSecond: number): () => void {
    return this.gateway.cutAtRandom(this.plan.clients * sharePerSecond);
  }

  /**
   * Goes on publishing until every client has heard something that was published from now on, then stops and waits
   * for the rest.
   * @returns whether all have it, or were told of a gap, in time
   */
  async settle(timeoutMs: number): Promise<boolean> {
    const calming = setTimeout(() => (this.#isCalm = true), CALM_AFTER_MS);
    try {
      return await this.#settles(timeoutMs);
    } finally {
      clearTimeout(calming);
    }
  }

  async #settles(timeoutMs: number): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    const { published } = this.publisher;
    const inTime = (holds: (ledger: Ledger) => boolean): Promise<boolean> =>
      until(() => this.listeners.every(({ ledger }) => holds(ledger)), endMs - performance.now());
    const from = this.publisher.counts();
    const hasReached = await inTime((ledger) => ledger.hasReached(from));
    // In vain, too: a test after this one would have twice the traffic.
    this.publisher.stop();
    this.commander.stop();
    if (!hasReached) return false;
    if (!(await inTime((ledger) => ledger.isComplete(published)))) return false;
    return until(() => this.commander.isSettled, endMs - performance.now());
  }

  /** The fate of the frames of all clients. */
  score(): Score {
    return totalOf(this.listeners.map(({ ledger }) => ledger.score(this.publisher.published)));
  }

  /** The fate of the commands, of which Redis must have lost none. */
  async commands(): Promise<CommandScore> {
    const entries = await this.#asked((redis) => redis.xrange('ai:commands', '-', '+'));
    return this.commander.score(entries.map(([, fields]) => commandName(fields)));
  }

  /**
   * Prints the counts, and what happened to the first faulty clients.
   * @param gapsAreFaults whether one that was told of a gap is faulty
   */
  async report(title: string, gapsAreFaults: boolean): Promise<void> {
    const { plan, tally, gateway, publisher } = this;
    const counts = {
      ...plan,
      overHttp: this.listeners.filter(({ seat }) => seat.overHttp === true).length,
      ...this.#done,
      // Near 1 this process, not the bridges, is what the clients waited for.
      ownEventLoopUtilization: performance.eventLoopUtilization(this.#startedAt).utilization,
      published: publisher.total,
      cuts: gateway.cuts,
      replays: gateway.replays,
      upgrades: { asked: tally.attempts, unserved: gateway.unserved, ...tally.greetings },
      closes: tally.closes,
      gaps: tally.gaps,
      errors: tally.errors,
      frames: this.score(),
      commands: await this.commands(),
    };
    const lines = Object.entries(counts).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`);
    const faulty = this.listeners.filter(
      ({ isFaulty, wasToldOfGap, ledger }) =>
        isFaulty || (gapsAreFaults && wasToldOfGap) || !ledger.isComplete(publisher.published),
    );
    const notes = faulty
      .slice(0, 3)
      .map(({ seat, notes: said }) => `${JSON.stringify(seat)}\n${said.join('\n')}`);
    process.stdout.write(`${[title, ...lines, ...notes].join('\n')}\n`);
  }

  /** Closes every client, and waits until no bridge has a connection. */
  async leave(): Promise<void> {
    for (const listener of this.listeners) listener.leave();
    this.gateway.cutAll();
    await this.#untilZero('ws_bridge_connections');
  }

  /** Waits until the bridges hold nothing any more. */
  async untilEmpty(): Promise<void> {
    await this.#untilZero('ws_bridge_streams');
    await this.#untilZero('ws_bridge_subscriptions');
  }

  /** The channels that are subscribed to in Redis, but for the bridges' own, once there are none or Redis has had time to hear. */
  clientChannels(): Promise<readonly string[]> {
    return this.#leftOf(async () => {
      const channels = (await this.#asked((redis) => redis.pubsub('CHANNELS'))) as string[];
      return channels.filter((name) => !new RedisNames('').isOwnChannel(name));
    });
  }

  /**
   * Stops every bridge, those too that were told to stop before and have not ended yet.
   * @returns how each of them ended
   */
  async stopBridges(signal: 'SIGTERM' | 'SIGINT'): Promise<readonly (number | NodeJS.Signals)[]> {
    const bridges = [...this.#stopped, ...this.bridges.splice(0)];
    for (const bridge of bridges) bridge.signal(signal);
    return [...this.#exits, ...(await Promise.all(bridges.map(({ ended }) => ended)))];
  }

  /** Ends those that linger after SIGTERM: everybody has what they kept. {@link stopBridges} tells how they ended. */
  async endLingering(): Promise<void> {
    const bridges = this.#stopped.splice(0);
    for (const bridge of bridges) bridge.signal('SIGINT');
    this.#exits.push(...(await Promise.all(bridges.map(({ ended }) => ended))));
  }

  /** The names of the connections that Redis has, apart from the publisher's and its own; waits as {@link clientChannels} does. */
  redisClients(): Promise<readonly string[]> {
    return this.#leftOf(async () => {
      const list = (await this.#asked((redis) => redis.client('LIST'))) as string;
      const names = [...list.matchAll(/ name=(\S*)/g)].map(([, name]) => name ?? '');
      return names.filter((name) => name.startsWith('ws-bridge'));
    });
  }

  /** Ends whatever is left. */
  async close(): Promise<void> {
    for (const listener of this.listeners) listener.leave();
    this.publisher.close();
    this.commander.stop();
    await this.gateway.stop();
    for (const bridge of [...this.#stopped, ...this.bridges]) bridge.signal('SIGKILL');
    await this.redis.stop();
  }

  /** A bridge forgets at once, and Redis once it has read so. */
  async #leftOf(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
    let left: readonly string[] = [];
    await until(async () => (left = await look()).length === 0, REDIS_HEARS_MS);
    return left;
  }

  async #untilZero(gauge: string): Promise<void> {
    await until(async () => {
      const values = await Promise.all(this.bridges.map((bridge) => bridge.gauge(gauge)));
      return values.every((value) => value === 0);
    });
  }

  #count(what: string): void {
    this.#done[what] = (this.#done[what] ?? 0) + 1;
  }

  async #asked<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.url);
    try {
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }
}

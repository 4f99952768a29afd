import { Redis } from 'ioredis';
import { startSentinels, type SentinelSetup } from '../../fakes/redis-sentinel';
import { BridgeProcess } from '../bridge-process';
import { Commander } from '../commander';
import { FaultyGateway } from '../gateway';
import { GatekeeperProcess } from '../gatekeeper-process';
import { totalOf, type Score } from '../ledger';
import { Listener } from '../listener';
import type { Plan } from '../plan';
import { Publisher } from '../publisher';
import { randomFrom, type Random } from '../random';
import { seatsFor, sendsCommands, someOverHttp, subjectsOf } from '../seat';
import { lingerOf } from '../settings-linger';
import { setClock } from '../stepped-date.cjs';
import { Tally } from '../tally';
import { until } from '../until';
import { Admissions, REVOKED_JTI } from './admissions';
import { Visitors } from './visitors';

const LINGER_MS = 20_000;
const ENV = {
  BRIDGE_DRAIN_MS: '2000',
  BRIDGE_PING_INTERVAL_MS: '10000',
  BRIDGE_CONNECTION_LEASE_MS: '10000',
  // Short, so that what is kept of a session is gone within the run.
  BRIDGE_SESSION_TTL_MS: '60000',
  BRIDGE_COMMAND_ID_TTL_MS: '60000',
  // So small that it is full, and stays so, long before the end.
  BRIDGE_COMMAND_STREAM_MAX_BYTES: '262144',
  BRIDGE_COMMAND_TENANT_BYTES: '65536',
  BRIDGE_LOG_LEVEL: 'info',
};
const TIMES = {
  tokenLifetimeMs: 60_000,
  renewBeforeMs: 10_000,
  idleTimeoutMs: 15_000,
  connectTimeoutMs: 10_000,
};
const VISITOR_EVERY_MS = 1000;
const STEP_MS = 3_600_000;

/**
 * Everything at once, for a long time: a master and its replica watched by sentinels, two bridges behind a gateway that cuts connections, a
 * gatekeeper that decides upgrades, clients that stay and visitors that come once. One bridge and the gatekeeper live as long as the run.
 */
export class SoakStage {
  readonly plan: Plan;
  readonly random: Random;
  readonly tally = new Tally();
  readonly redis: SentinelSetup;
  readonly gateway: FaultyGateway;
  /** The one that stays. */
  readonly bridge: BridgeProcess;
  readonly gatekeeper: GatekeeperProcess;
  readonly publisher: Publisher;
  readonly visitors: Visitors;
  readonly admissions: Admissions;
  readonly listeners: readonly Listener[];
  readonly commander: Commander;
  readonly #env: Readonly<Record<string, string>>;
  /** The one that is replaced now and then. */
  #other: BridgeProcess;
  readonly #stopping = new Set<BridgeProcess>();
  /** How those ended that were told to. */
  readonly exits: (number | NodeJS.Signals)[] = [];
  #clockMs = 0;

  private constructor(
    plan: Plan,
    env: Readonly<Record<string, string>>,
    parts: Pick<SoakStage, 'redis' | 'gateway' | 'bridge' | 'gatekeeper'> & { readonly other: BridgeProcess },
  ) {
    this.plan = plan;
    this.random = randomFrom(plan.seed);
    this.#env = env;
    ({ redis: this.redis, gateway: this.gateway, bridge: this.bridge, gatekeeper: this.gatekeeper } = parts);
    this.#other = parts.other;
    const seats = someOverHttp(seatsFor(plan.clients, plan.tenants));
    const random = (): number => this.random.next();
    this.publisher = new Publisher(this.redis.client, subjectsOf(seats, plan.rate));
    this.visitors = new Visitors(this.gateway.url, this.tally, TIMES, this.random, plan.tenants);
    this.admissions = new Admissions(this.gatekeeper, this.redis.url, plan.tenants);
    this.listeners = seats.map((seat) => new Listener(seat, this.gateway.url, this.tally, TIMES, random));
    const chats = this.listeners.filter(({ seat }) => sendsCommands(seat));
    this.commander = new Commander(chats.map(({ client }) => client));
  }

  /** Sets everything up; every client is open when this resolves. */
  static async open(plan: Plan): Promise<SoakStage> {
    const redis = await startSentinels();
    await redis.client.set(`blacklist:${REVOKED_JTI}`, '1', 'EX', 10_000_000);
    const env = { ...ENV, ...lingerOf(LINGER_MS) };
    const gateway = await FaultyGateway.start(randomFrom(plan.seed));
    const [bridge, other, gatekeeper] = await Promise.all([
      BridgeProcess.start(redis.url, env, 0),
      BridgeProcess.start(redis.url, env, 0),
      GatekeeperProcess.start([], 0),
    ]);
    await Promise.all([gateway.add(bridge), gateway.add(other)]);
    const stage = new SoakStage(plan, env, { redis, gateway, bridge, gatekeeper, other });
    await until(() => stage.listeners.every(({ wasOpen }) => wasOpen));
    return stage;
  }

  /** From now on services publish, clients send commands, visitors come, and the gatekeeper is asked. */
  start(): void {
    this.publisher.start();
    this.commander.start();
    this.visitors.start(VISITOR_EVERY_MS);
    this.admissions.start();
  }

  /** Whether every client heard something that was published from now on, and somebody was admitted, within so long. */
  async isWellWithin(timeoutMs: number): Promise<boolean> {
    const from = this.publisher.counts();
    const admitted = this.admissions.answers['admitted'] ?? 0;
    return until(
      () =>
        this.listeners.every(({ ledger }) => ledger.hasReached(from)) &&
        (this.admissions.answers['admitted'] ?? 0) > admitted,
      timeoutMs,
    );
  }

  /** Starts a bridge in the place of the one that does not stay, which is told to stop. */
  async replaceBridge(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const old = this.#other;
    this.#other = await BridgeProcess.start(this.redis.url, this.#env, this.#clockMs);
    await this.gateway.add(this.#other);
    old.signal(signal);
    this.#stopping.add(old);
    void old.ended.then((how) => {
      this.#stopping.delete(old);
      if (signal === 'SIGTERM') this.exits.push(how);
    });
    if (signal === 'SIGTERM') await this.gateway.removeOnceUnready(old);
    else this.gateway.remove(old);
  }

  /** Sets every wall clock an hour back or on, or right again. */
  async setClocks(hours: number): Promise<void> {
    this.#clockMs = hours * STEP_MS;
    setClock(this.#clockMs);
    const programs = [this.bridge, this.#other, this.gatekeeper, ...this.#stopping];
    await Promise.all(programs.map((program) => program.setClock(this.#clockMs)));
  }

  /** An order to every bridge. */
  async order(order: object): Promise<void> {
    await this.redis.client.publish('ws:control', JSON.stringify(order));
  }

  /** A connection to the master, for as long as the work takes. */
  async onMaster<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis((await this.redis.master()).url, { maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Everybody stops; resolves with whether each client has its last frame, or was told of a gap. */
  async settle(timeoutMs: number): Promise<boolean> {
    const { published } = this.publisher;
    await Promise.all([this.visitors.stop(), this.admissions.stop()]);
    if (!(await this.#isHeardWithin(timeoutMs))) return false;
    this.publisher.stop();
    this.commander.stop();
    return until(() => this.listeners.every(({ ledger }) => ledger.isComplete(published)), timeoutMs);
  }

  /** The fate of the frames of the clients that stay. */
  score(): Score {
    return totalOf(this.listeners.map(({ ledger }) => ledger.score(this.publisher.published)));
  }

  /** Closes every client. @returns what the bridge that stays still holds after its replay logs had time to end */
  async leave(): Promise<readonly number[]> {
    for (const listener of this.listeners) listener.leave();
    this.gateway.cutAll();
    const held = [
      'ws_bridge_connections',
      'ws_bridge_streams',
      'ws_bridge_subscriptions',
      'ws_bridge_sessions',
    ];
    let left: readonly number[] = [];
    const isEmpty = async (): Promise<boolean> => {
      left = await Promise.all(held.map((name) => this.bridge.gauge(name)));
      return left.every((count) => count === 0);
    };
    await until(isEmpty, 3 * LINGER_MS);
    return left;
  }

  /** Stops every bridge. @returns how all of them ended that were told to */
  async stopBridges(): Promise<readonly (number | NodeJS.Signals)[]> {
    const last = [this.bridge, this.#other];
    for (const bridge of [...last, ...this.#stopping]) bridge.signal('SIGINT');
    const ended = await Promise.all(last.map((bridge) => bridge.ended));
    await Promise.all([...this.#stopping].map((bridge) => bridge.ended));
    return [...this.exits, ...ended];
  }

  /** Ends whatever is left. */
  async close(): Promise<void> {
    setClock(0);
    this.publisher.stop();
    this.commander.stop();
    for (const listener of this.listeners) listener.leave();
    await this.gateway.stop();
    for (const bridge of [this.bridge, this.#other, ...this.#stopping]) bridge.signal('SIGKILL');
    await this.gatekeeper.stop();
    await this.redis.stop();
  }

  async #isHeardWithin(timeoutMs: number): Promise<boolean> {
    const from = this.publisher.counts();
    return until(() => this.listeners.every(({ ledger }) => ledger.hasReached(from)), timeoutMs);
  }
}

import type { Cluster, Redis } from 'ioredis';
import { BridgeProcess } from './bridge-process';
import { FaultyGateway } from './gateway';
import { totalOf, type Score } from './ledger';
import { Listener, type ListenerTimes } from './listener';
import type { Plan } from './plan';
import { Publisher } from './publisher';
import { randomFrom } from './random';
import { seatsFor, subjectsOf } from './seat';
import { Tally } from './tally';
import { until } from './until';

/** The setup of a small run. */
export interface SmallStageOptions {
  /** Where the bridge finds Redis, of whatever kind that is. */
  readonly url: string;
  /** The connection that services publish over. */
  readonly publishing: Redis | Cluster;
  readonly plan: Plan;
  readonly env: Readonly<Record<string, string>>;
  readonly times: ListenerTimes;
}

/** One bridge on somebody else's Redis, the gateway before it, a publisher, and clients that keep account of what they hear. */
export class SmallStage {
  readonly bridge: BridgeProcess;
  readonly publisher: Publisher;
  readonly tally = new Tally();
  readonly #gateway: FaultyGateway;
  readonly #listeners: readonly Listener[];

  private constructor(
    { publishing, plan, times }: SmallStageOptions,
    bridge: BridgeProcess,
    gateway: FaultyGateway,
  ) {
    const random = randomFrom(plan.seed);
    const seats = seatsFor(Math.min(plan.clients, 60), plan.tenants);
    this.bridge = bridge;
    this.#gateway = gateway;
    this.publisher = new Publisher(publishing, subjectsOf(seats, plan.rate));
    this.#listeners = seats.map(
      (seat) => new Listener(seat, gateway.url, this.tally, times, () => random.next()),
    );
  }

  /** Sets everything up; every client is open when this resolves, and nothing has been published. */
  static async open(options: SmallStageOptions): Promise<SmallStage> {
    const bridge = await BridgeProcess.start(options.url, options.env);
    const gateway = await FaultyGateway.start(randomFrom(options.plan.seed));
    await gateway.add(bridge);
    const stage = new SmallStage(options, bridge, gateway);
    await until(() => stage.#listeners.every(({ wasOpen }) => wasOpen));
    return stage;
  }

  /** Resolves once every client has heard something that was published from now on. */
  async untilAllHear(timeoutMs = Infinity): Promise<boolean> {
    const from = this.publisher.counts();
    return until(() => this.#listeners.every(({ ledger }) => ledger.hasReached(from)), timeoutMs);
  }

  /** As that of Stage. */
  async settle(timeoutMs: number): Promise<boolean> {
    if (!(await this.untilAllHear(timeoutMs))) return false;
    this.publisher.stop();
    const { published } = this.publisher;
    return until(() => this.#listeners.every(({ ledger }) => ledger.isComplete(published)), timeoutMs);
  }

  /** The fate of the frames of all clients. */
  score(): Score {
    return totalOf(this.#listeners.map(({ ledger }) => ledger.score(this.publisher.published)));
  }

  /** Ends everything but Redis and what is published over. */
  async close(): Promise<void> {
    this.publisher.stop();
    for (const listener of this.#listeners) listener.leave();
    await this.#gateway.stop();
    this.bridge.signal('SIGKILL');
    await this.bridge.ended;
  }
}

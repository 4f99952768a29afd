import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { tellRefused, type Receiver } from '../fanout/deliver';
import { askView, filledUp, mergeViews, parseAddress, type SlotMap, type ClusterView } from './slot-map';
import type { Subscriber } from './subscriber';
import { keySlot } from '../../redis/key-slot';
import { addressText } from '../../redis/url';
import { singleSubscriber, type SubscriberContext } from './single-subscriber';
import { shardConnection } from '../redis/connections';
import { LossTeller } from './loss-teller';
import { ShardConnection } from './shard-connection';
import { ClusterChannels } from './cluster-channels';
import type { Commands } from '../../redis/options';

/** How long a node has to say what it knows of the cluster, in milliseconds. */
export const VIEW_WAIT_MS = 500;
/** Between two looks at the cluster while a part of it is away, in milliseconds. */
export const SEARCH_INTERVAL_MS = 250;

/** The subscriber of a cluster works with these. */
export interface ClusterSubscriberContext extends SubscriberContext {
  readonly commands: Cluster;
}

/** How messages come in is up to how many masters there are. */
export function subscriberFor(commands: Commands, context: SubscriberContext): Subscriber {
  return commands instanceof Cluster
    ? new ClusterSubscriber({ ...context, commands })
    : singleSubscriber(context);
}

/** The subscriber of a cluster: a connection to each master, each with the channels of its slots. */
export class ClusterSubscriber implements Subscriber {
  readonly subscriptions: ClusterChannels<Receiver>;
  readonly #context: ClusterSubscriberContext;
  readonly #owner = Symbol('subscriptions of a cluster');
  readonly #shards = new Map<string, ShardConnection>();
  #map: SlotMap = [];
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #lookAgain = false;
  #restoring = false;
  #stopped = false;

  constructor(context: ClusterSubscriberContext) {
    this.#context = context;
    const { listener, commands, shares, log } = context;
    const losses = new LossTeller(shares);
    this.subscriptions = new ClusterChannels<Receiver>({
      lost: (channels) => {
        losses.tell(listener.lost(channels));
      },
      whenTold: (act) => {
        losses.whenTold(act);
      },
      share: (steps) => {
        shares.run(this.#owner, steps);
      },
      restored: () => {
        this.#tellRestored();
      },
      refused: () => {
        this.#look();
      },
      notAllowed: (channel, members, reason) => {
        log.warn({ channel, members: members.size, reason: reason.message }, 'redis refuses a channel');
        tellRefused(members);
      },
    });
    commands.on('ready', () => {
      this.#look();
    });
  }

  get isConnected(): boolean {
    const served = this.#map.length > 0 && !this.#map.includes(undefined);
    return served && this.subscriptions.isWhole && [...this.#shards.values()].every((shard) => shard.isReady);
  }

  get delivers(): boolean {
    return this.#shards.size > 0 && [...this.#shards.values()].every((shard) => shard.delivers);
  }

  /** True for channels of one slot, wherever that slot goes. */
  inOneOrder(channels: readonly string[]): boolean {
    return new Set(channels.map(keySlot)).size === 1;
  }

  async proveArrival(): Promise<void> {
    await Promise.all([...this.#shards.values()].map((shard) => shard.proveArrival()));
  }

  /** Connections come and go with the masters; none has a listener from elsewhere. */
  readonly listenerCount = 0;

  /** Resolves once every master is connected, or `redisTimeoutMs` later. */
  async connect(): Promise<void> {
    const until = performance.now() + this.#context.settings.redisTimeoutMs;
    while (!this.isConnected && !this.#stopped && performance.now() < until) await sleep(CONNECT_ROUND_MS);
  }

  start(): void {
    // Each shard probes from the moment that it is there.
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  disconnect(): Promise<void> {
    this.stop();
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
    return Promise.resolve();
  }

  /** Looks at the cluster now; once more after that when it is being looked at. */
  #look(): void {
    this.#lookAgain = true;
    if (this.#looking || this.#stopped) return;
    this.#looking = true;
    clearTimeout(this.#timer);
    void this.#lookUntilDone().finally(() => {
      this.#looking = false;
      if (this.#stopped) return;
      const intervalMs = this.isConnected
        ? this.#context.settings.redisTopologyIntervalMs
        : SEARCH_INTERVAL_MS;
      this.#timer = setTimeout(() => {
        this.#look();
      }, intervalMs);
    });
  }

  async #lookUntilDone(): Promise<void> {
    do {
      this.#lookAgain = false;
      const { views, silent } = await this.#askNodes();
      // Who says nothing may serve what nobody claims.
      if (views.length > 0) this.#adopt(filledUp(mergeViews(views), this.#map, silent));
    } while (await this.#isAskedAgain());
  }

  /** A node that keeps telling of something does not make it ask in a tight loop. */
  async #isAskedAgain(): Promise<boolean> {
    if (!this.#lookAgain || this.#stopped) return false;
    await sleep(LOOK_AGAIN_MS);
    return !this.#stopped;
  }

  /** @returns what nodes say, and the addresses of those that say nothing */
  async #askNodes(): Promise<{
    readonly views: readonly ClusterView[];
    readonly silent: ReadonlySet<string>;
  }> {
    const views: ClusterView[] = [];
    const silent = new Set<string>();
    const asked = this.#context.commands.nodes('all').map(async (node) => {
      const { host = '', port = 0 } = node.options;
      const address = addressText({ host, port });
      silent.add(address);
      views.push(await askView(node));
      silent.delete(address);
    });
    await Promise.race([Promise.allSettled(asked), sleep(VIEW_WAIT_MS)]);
    return { views: [...views], silent: new Set(silent) };
  }

  #adopt(map: SlotMap): void {
    if (this.#stopped) return;
    this.#map = map;
    const addresses = new Set(map.filter((address) => address !== undefined));
    for (const address of addresses) {
      const shard = this.#shards.get(address) ?? this.#open(address);
      shard.serve((slot) => map[slot] === address);
    }
    for (const [address, shard] of this.#shards) {
      if (!addresses.has(address)) this.#retire(address, shard);
    }
    this.subscriptions.route((slot) => this.#shards.get(map[slot] ?? ''));
    void this.subscriptions.verify(this.#shards.values());
  }

  #open(address: string): ShardConnection {
    const { settings, connection, log, probeId, names, publish, onProbe, deliver } = this.#context;
    const shard: ShardConnection = new ShardConnection({
      redis: shardConnection(connection, parseAddress(address), settings, log),
      probeId,
      names,
      publish,
      onProbe,
      probeIntervalMs: settings.probeIntervalMs,
      probeTimeoutMs: settings.probeTimeoutMs,
      events: {
        ready: () => {
          this.subscriptions.restore();
          this.#look();
        },
        closed: () => {
          this.subscriptions.down(shard);
          this.#look();
        },
        moved: () => {
          this.#look();
        },
        doubted: () => {
          this.#look();
        },
        message: (channel, payload) => {
          deliver(payload, this.subscriptions.receivers(channel, shard));
        },
      },
      log: log.child({ shard: address }),
    });
    this.#shards.set(address, shard);
    shard.open();
    return shard;
  }

  /** The connection is closed first: Redis then lets all its channels go, and none costs a SUNSUBSCRIBE of its own. */
  #retire(address: string, shard: ShardConnection): void {
    this.#shards.delete(address);
    shard.close();
    this.subscriptions.down(shard);
  }

  /** Answers come one after the other, often many in one chunk; whoever waits for several is told once. */
  #tellRestored(): void {
    if (this.#restoring) return;
    this.#restoring = true;
    queueMicrotask(() => {
      this.#restoring = false;
      this.#context.listener.restored();
    });
  }
}

const CONNECT_ROUND_MS = 10;
const LOOK_AGAIN_MS = 25;

import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { giveUp } from '../../redis/give-up-silent';
import { hearAnswer } from '../../redis/hear-answer';
import { frameOf } from '../fanout/frame';
import { onceATurn } from '../lib/once-a-turn';
import { keySlot, SLOT_COUNT } from '../../redis/key-slot';
import { DeliveryProbe, type ProbeContext } from './delivery-probe';
import type { RedisNames } from '../redis/names';

/** A shard's connection works with these. */
export interface ShardContext {
  /** Not connected yet. */
  readonly redis: Redis;
  /** Names its probe's channel: no other subscriber, of any bridge, has the same. */
  readonly probeId: string;
  readonly names: RedisNames;
  readonly publish: (channel: string, message: string) => Promise<unknown>;
  /** Told of each probe. */
  readonly onProbe: ProbeContext['onOutcome'];
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly events: ShardEvents;
  readonly log: Logger;
}

/** The events of a shard's connection. */
export interface ShardEvents {
  /** It can be subscribed to; nothing is subscribed. */
  ready(): void;
  /** Its connection, and every subscription on it, is lost. */
  closed(): void;
  /** Redis took a subscription away, or refused one, because another node serves its slot now. */
  moved(): void;
  /** A probe was not taken: somebody else may be the master now. */
  doubted(): void;
  message(channel: string, payload: Buffer): void;
}

/**
 * ioredis says so of a reply that no command waits for: those before it went to the wrong ones. It takes Redis's word that a channel's slot has
 * moved for the answer to a SUNSUBSCRIBE of it, to which Redis answers with an error as well. Such an error alone shifts nothing.
 */
const MISMATCHED = /^Command queue state error\b.*\bLast reply: /s;

/**
 * One subscriber connection to one master of a cluster, with a probe of its own that proves its delivery.
 */
export class ShardConnection {
  readonly #redis: Redis;
  readonly #context: ShardContext;
  readonly #probe: DeliveryProbe;
  #probeChannel: string | undefined;
  #serves: (slot: number) => boolean = () => false;
  #closed = false;

  constructor(context: ShardContext) {
    const { redis, publish, onProbe, events, log } = context;
    this.#redis = redis;
    this.#context = context;
    this.#probe = new DeliveryProbe({
      publish: (message) => publish(this.#probeChannel ?? '', message),
      onSilence: () => {
        log.warn('a published probe was not heard: the subscriptions of a shard are opened anew');
        this.reset();
      },
      onOutcome: (outcome, seconds) => {
        onProbe(outcome, seconds);
        if (outcome === 'unsent') events.doubted();
      },
      intervalMs: context.probeIntervalMs,
      timeoutMs: context.probeTimeoutMs,
    });
    redis.on('ready', () => {
      this.#probeChannel = undefined;
      this.#keepProbed();
      events.ready();
    });
    redis.on('close', () => {
      this.#probe.down();
      events.closed();
    });
    redis.on('moved', () => {
      events.moved();
    });
    redis.on('error', (error: Error) => {
      if (MISMATCHED.test(error.message)) this.reset();
    });
    redis.on('smessageBuffer', (channel: Buffer, payload: Buffer) => {
      const name = channel.toString();
      if (name === this.#probeChannel) this.#probe.deliver(frameOf(payload, false));
      else events.message(name, payload);
    });
  }

  get isReady(): boolean {
    return !this.#closed && this.#redis.status === 'ready';
  }

  /** Whether the latest probe was heard. */
  get delivers(): boolean {
    return this.#probe.delivers;
  }

  /** Resolves once what was published to its channels before has come in, or never will. */
  proveArrival(): Promise<void> {
    return this.#probe.prove();
  }

  /** Connects, and from then on stays connected. */
  open(): void {
    this.#probe.start();
    // A failure is followed by "close" and another attempt.
    this.#redis.connect().catch(() => undefined);
  }

  /** Ends it for good. No event follows. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#probe.stop();
    this.#redis.removeAllListeners();
    // Errors on its way out are nobody's concern.
    this.#redis.on('error', () => undefined);
    this.#redis.disconnect();
  }

  /** Which slots its node serves, from now on. */
  serve(serves: (slot: number) => boolean): void {
    this.#serves = serves;
    this.#keepProbed();
  }

  /** Subscribes to channels of one slot. Rejects when Redis does not confirm it. */
  subscribe(channels: readonly string[]): Promise<unknown> {
    return this.#redis.ssubscribe(...channels);
  }

  unsubscribe(channel: string): void {
    // A failure means that the subscription is lost with its connection or its slot.
    if (this.isReady) this.#redis.sunsubscribe(channel).catch(() => undefined);
  }

  /** Resolves with an answer that comes behind all that its node has published before. */
  readonly ping = onceATurn(() => hearAnswer(this.#redis));

  /**
   * How many channels Redis holds for this connection, at this place in the order of commands. A repeated subscription
   * changes nothing and is answered with the count.
   * @returns undefined when there is no telling
   */
  async count(): Promise<number | undefined> {
    if (!this.isReady || this.#probeChannel === undefined) return undefined;
    const count = await this.#redis.ssubscribe(this.#probeChannel).catch(() => undefined);
    return typeof count === 'number' ? count - 1 : undefined;
  }

  /** Gives the connection up for a new one. */
  reset(): void {
    giveUp(this.#redis, 'its subscriptions are not what they should be');
  }

  /** Holds a probe channel in a slot that the node serves. */
  #keepProbed(): void {
    const held = this.#probeChannel;
    if (!this.isReady || (held !== undefined && this.#serves(keySlot(held)))) return;
    this.#probe.down();
    if (held !== undefined) this.unsubscribe(held);
    this.#probeChannel = this.#newProbeChannel();
    const channel = this.#probeChannel;
    if (channel === undefined) return;
    this.#redis.ssubscribe(channel).then(
      () => {
        if (this.#probeChannel === channel) this.#probe.up();
      },
      () => {
        if (this.#probeChannel === channel) this.#probeChannel = undefined;
      },
    );
  }

  #newProbeChannel(): string | undefined {
    const { names, probeId } = this.#context;
    for (let tag = 0; tag < SLOT_COUNT; tag += 1) {
      const channel = names.shardProbe(probeId, tag);
      if (this.#serves(keySlot(channel))) return channel;
    }
    return undefined;
  }
}

import { pino } from 'pino';
import { deliver, type Receiver } from '../../../sidecar/fanout/deliver';
import type { ChannelState } from '../../../sidecar/fanout/channel-state';
import type { Frame } from '../../../sidecar/fanout/frame';
import { deferred, type Deferred } from '../../../sidecar/lib/promises';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import type { StateOutcome } from '../../../sidecar/metrics/outcomes';
import { SubscriptionError, type ChannelRegistry } from '../../../sidecar/pubsub/channel-registry';
import { ChannelStates, type Viewer } from '../../../sidecar/states/channel-states';

export const PLACE = { channel: 'c', key: 'k' };

/** A bridge's question to Redis, on one of two connections, to which no answer came yet. */
interface Question {
  readonly answer: Deferred<Buffer>;
  value: Buffer | undefined;
}

/**
 * A Redis that does each thing when the test lets it: services' commands, the bridge's read of the key on one connection, and
 * its PING on another, behind the messages that were published before. Items on their way arrive when the test lets them, each
 * connection in its order.
 */
export class TwoConnections implements ChannelRegistry<Receiver> {
  readonly size = 1;
  readonly #members = new Set<Receiver>();
  /** On their way to the bridge: messages, and answers to PING. */
  readonly #incoming: (string | Deferred<'answered' | 'lost'>)[] = [];
  /** On their way to Redis. */
  readonly #pings: Deferred<'answered' | 'lost'>[] = [];
  readonly #reads: Question[] = [];
  #value = '';
  #isLive = true;

  set(value: string): void {
    this.#value = value;
  }

  publish(message: string): void {
    if (this.#isLive) this.#incoming.push(message);
  }

  readonly read = (): Promise<Buffer> => {
    const answer = deferred<Buffer>();
    this.#reads.push({ answer, value: undefined });
    return answer.promise;
  };

  /** Redis reads the key for the bridge. */
  serveRead(): void {
    const unserved = this.#reads.find(({ value }) => value === undefined);
    if (unserved !== undefined) unserved.value = Buffer.from(this.#value);
  }

  /** An answer of Redis arrives. */
  answerRead(): void {
    const [first] = this.#reads;
    if (first?.value === undefined) return;
    this.#reads.shift();
    first.answer.resolve(first.value);
  }

  /** Redis answers PING. */
  servePing(): void {
    const ping = this.#pings.shift();
    if (ping !== undefined) this.#incoming.push(ping);
  }

  /** The next message, or answer to PING, arrives. */
  arrive(): void {
    const next = this.#incoming.shift();
    if (typeof next === 'string') deliver(Buffer.from(next), this.#members);
    else next?.resolve('answered');
  }

  /** The connection of messages is lost with all that is on its way. */
  lose(): void {
    this.#isLive = false;
    const pings = [
      ...this.#pings.splice(0),
      ...this.#incoming.splice(0).filter((item) => typeof item !== 'string'),
    ];
    for (const ping of pings) ping.resolve('lost');
  }

  /** It is back. */
  restore(): void {
    this.#isLive = true;
  }

  members(): ReadonlySet<Receiver> {
    return this.#members;
  }

  pin(): void {
    throw new Error('expected no pin');
  }

  join(_: string, member: Receiver): Promise<void> {
    this.#members.add(member);
    return Promise.resolve();
  }

  leave(_: string, member: Receiver): void {
    this.#members.delete(member);
  }

  isLive(): boolean {
    return this.#isLive;
  }

  async arrived(): Promise<void> {
    if (!this.#isLive) throw new SubscriptionError('away');
    const ping = deferred<'answered' | 'lost'>();
    this.#pings.push(ping);
    if ((await ping.promise) === 'lost') throw new SubscriptionError('lost');
  }

  get isQuiet(): boolean {
    return this.#incoming.length + this.#pings.length + this.#reads.length === 0;
  }
}

/** A plain client's socket: it keeps what it was sent. */
export class Socket implements Viewer, Receiver {
  readonly place;
  readonly route;
  readonly owner;
  readonly senderId = undefined;
  readonly shown: string[] = [];
  readonly outcomes: StateOutcome[] = [];
  readonly #states: ChannelStates;

  constructor(states: ChannelStates, place = PLACE, route = 'board', owner = 'acme') {
    this.owner = owner;
    this.#states = states;
    this.place = place;
    this.route = route;
  }

  deliver({ payload }: Frame): void {
    this.shown.push(payload.toString());
  }

  restored(): void {
    this.#states.ask(this);
  }

  show({ frame }: ChannelState): StateOutcome {
    this.deliver(frame);
    return 'sent';
  }

  told(outcome: StateOutcome): void {
    this.outcomes.push(outcome);
  }
}

/** States that are read of it; `log` gets each line of the log. */
export function statesOn(
  redis: ChannelRegistry<Receiver>,
  read: (key: string) => Promise<Buffer>,
  log: string[] = [],
): ChannelStates {
  return new ChannelStates({
    registry: redis,
    read,
    maxStateBytes: 16,
    shares: LoopShares.uncut(),
    monotonicMs: () => 0,
    log: pino({}, { write: (line: string) => void log.push(line) }),
  });
}

/** Lets all that can settle do so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

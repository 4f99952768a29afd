import type { Logger } from 'pino';
import { ToldReasons } from '../../redis/told-reasons';
import { ChannelState } from '../fanout/channel-state';
import type { Receiver } from '../fanout/deliver';
import { FairTurns } from '../lib/fair-turns';
import type { LoopShares, Owner, Steps } from '../lib/loop-shares';
import { RepeatedPass } from '../lib/repeated-pass';
import type { StateOutcome } from '../metrics/outcomes';
import { SubscriptionError, type ChannelRegistry } from '../pubsub/channel-registry';

/**
 * Keys that are read at once, at most: with the largest state, what the answers may take of memory. The tenants that wait for others
 * take turns.
 */
export const MAX_READS = 64;
/** So many of them may be one tenant's: others find a place, however slow the Redis is that has this one's. */
export const MAX_READS_OF_TENANT = 48;

/** So many channels are noted, or looked at, at a stretch. */
const LOOKED_AT_A_STEP = 256;

/** Where the state of a channel is. */
export interface StatePlace {
  readonly channel: string;
  readonly key: string;
}

/** A member of a channel that is to get its state. */
export interface Viewer {
  readonly place: StatePlace;
  readonly route: string;
  /** Whose work it is. */
  readonly owner: Owner;
  /** Hands it the state. @returns what came of it */
  show(state: ChannelState): StateOutcome;
  /** Told what came of each question. */
  told(outcome: StateOutcome): void;
}

/** States are read with these. */
export interface ChannelStatesContext {
  readonly registry: ChannelRegistry<Receiver>;
  /** The first bytes of a key, one more than a state may have; empty when it is not there. */
  readonly read: (key: string) => Promise<Buffer>;
  readonly maxStateBytes: number;
  readonly shares: LoopShares;
  /** The clock of durations, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** Counts the messages of a channel as long as its state is looked for, so that nobody has to count them for good. */
class Witness implements Receiver {
  readonly senderId = undefined;
  messages = 0;

  deliver(): void {
    this.messages += 1;
  }
}

/** Everybody who waits for the state of one channel, each with how many messages its witness had heard by then. */
interface Look {
  readonly name: string;
  readonly place: StatePlace;
  /** Whose turn its readings take. */
  readonly owner: Owner;
  readonly witness: Witness;
  /** The witness could not join the channel. */
  isDeaf: boolean;
  /** Who is waited for by the reading that goes on. */
  asked: Map<Viewer, number>;
  /** Who asked since it began, or before any did: for them the key is read next. */
  late: Map<Viewer, number>;
}

/** The outcome of a read: a state to show, or why there is none. */
type Reading = ChannelState | StateOutcome;

/**
 * Reads the states of channels, which services keep in keys, for members that have just come or may have missed something.
 * Messages come over another connection than the key's answer. So whoever is shown a state has been delivered everything that
 * was published before it was read: the state goes to those members to whom nothing was delivered since they asked.
 */
export class ChannelStates {
  readonly #context: ChannelStatesContext;
  readonly #looks = new Map<string, Look>();
  readonly #lost = new Set<string>();
  readonly #owner = Symbol('states');
  readonly #unread: ToldReasons;
  readonly #restoring: RepeatedPass;
  readonly #toldTooLarge = new Set<string>();
  readonly #turns = new FairTurns({ atOnce: MAX_READS, ofOne: MAX_READS_OF_TENANT });
  /** Those that are asked for in this turn of the event loop. */
  #next: Look[] = [];

  constructor(context: ChannelStatesContext) {
    this.#context = context;
    this.#unread = new ToldReasons(context.monotonicMs);
    this.#restoring = new RepeatedPass(
      (steps) => {
        context.shares.run(this.#owner, steps);
      },
      () => this.#tellRestored([...this.#lost]),
    );
  }

  /** How many channels' states are looked for. */
  get size(): number {
    return this.#looks.size;
  }

  /** Looks for the state for a member of the channel: once more when it has asked already. */
  ask(viewer: Viewer): void {
    const look = this.#lookOf(viewer);
    look.asked.delete(viewer);
    look.late.set(viewer, look.witness.messages);
  }

  /** The viewer is gone. Does nothing for one that waits for no state. */
  forget(viewer: Viewer): void {
    const look = this.#looks.get(nameOf(viewer.place));
    if (look === undefined) return;
    look.asked.delete(viewer);
    look.late.delete(viewer);
    if (look.asked.size + look.late.size === 0) this.#close(look);
  }

  /** The subscriptions of these channels are lost. */
  *lost(channels: Iterable<string>): Generator<undefined, undefined> {
    for (const channel of channels) {
      this.#lost.add(channel);
      if (this.#lost.size % LOOKED_AT_A_STEP === 0) yield;
    }
  }

  /** Lost subscriptions are back, those that the registry says: their members are told. */
  restored(): void {
    if (this.#lost.size > 0) this.#restoring.ask();
  }

  *#tellRestored(channels: readonly string[]): Generator<undefined, undefined> {
    const { registry } = this.#context;
    let looked = 0;
    for (const channel of channels) {
      // One of two connections may be back, and all of the other's are looked at in vain.
      if ((looked += 1) % LOOKED_AT_A_STEP === 0) yield;
      const members = registry.members(channel);
      const isOver = members.size === 0 || registry.isLive(channel);
      // Since it was listed it may be lost again, or told already.
      if (!isOver || !this.#lost.delete(channel)) continue;
      for (const member of [...members]) member.restored?.();
      yield;
    }
  }

  #lookOf({ place, owner }: Viewer): Look {
    const name = nameOf(place);
    const there = this.#looks.get(name);
    if (there !== undefined) return there;
    const look: Look = {
      name,
      place,
      owner,
      witness: new Witness(),
      isDeaf: false,
      asked: new Map(),
      late: new Map(),
    };
    this.#looks.set(name, look);
    this.#context.registry.join(place.channel, look.witness).catch(() => {
      look.isDeaf = true;
    });
    this.#schedule(look);
    return look;
  }

  /** All that is asked for in a turn of the event loop is read in one write. */
  #schedule(look: Look): void {
    if (this.#next.push(look) > 1) return;
    setImmediate(() => {
      const looks = this.#next;
      this.#next = [];
      for (const each of looks) void this.#turns.take(each.owner, 'awaited', () => this.#serve(each));
    });
  }

  async #serve(look: Look): Promise<void> {
    if (this.#looks.get(look.name) !== look) return;
    look.asked = look.late;
    look.late = new Map();
    const reading = await this.#reading(look);
    const [first] = look.asked.keys();
    if (first === undefined) this.#goOn(look);
    else this.#context.shares.run(first.owner, this.#tell(look, reading));
  }

  /** Never rejects. */
  async #reading(look: Look): Promise<Reading> {
    const { registry, read, maxStateBytes } = this.#context;
    const { place, asked, witness } = look;
    const [first] = asked.keys();
    try {
      const value = await read(place.key);
      if (value.length === 0) return 'absent';
      if (value.length > maxStateBytes) return this.#tooLarge(first?.route ?? '');
      if ([...asked.values()].every((heard) => heard !== witness.messages)) return 'superseded';
      await registry.arrived(place.channel);
      if (look.isDeaf) throw new SubscriptionError('the channel could not be joined');
      return new ChannelState(value);
    } catch (error) {
      this.#tellUnread(first?.route ?? '', error);
      return 'unread';
    }
  }

  *#tell(look: Look, reading: Reading): Steps {
    for (const [viewer, heard] of look.asked) {
      look.asked.delete(viewer);
      viewer.told(outcomeFor(viewer, reading, heard === look.witness.messages));
      if (look.asked.size > 0) yield;
    }
    this.#goOn(look);
  }

  /** A new look is for those who asked late: its witness hears the channel from now on, and the key is read after that. */
  #goOn(look: Look): void {
    if (this.#looks.get(look.name) !== look) return;
    this.#close(look);
    for (const viewer of look.late.keys()) this.ask(viewer);
  }

  #close(look: Look): void {
    this.#looks.delete(look.name);
    this.#context.registry.leave(look.place.channel, look.witness);
  }

  #tooLarge(route: string): StateOutcome {
    if (!this.#toldTooLarge.has(route)) {
      this.#toldTooLarge.add(route);
      const { maxStateBytes } = this.#context;
      this.#context.log.warn(
        { route, maxStateBytes },
        'a state is larger than BRIDGE_MAX_STATE_BYTES: not sent',
      );
    }
    return 'too_large';
  }

  #tellUnread(route: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : 'unknown';
    if (this.#unread.hear(reason, route)) {
      this.#context.log.warn({ route, reason }, 'a state cannot be read: the first frame is missing');
    }
  }
}

function outcomeFor(viewer: Viewer, reading: Reading, isNewest: boolean): StateOutcome {
  if (typeof reading === 'string') return reading;
  return isNewest ? viewer.show(reading) : 'superseded';
}

/** Neither name has a space. */
function nameOf({ channel, key }: StatePlace): string {
  return `${channel} ${key}`;
}

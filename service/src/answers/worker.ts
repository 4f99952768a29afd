import { setTimeout as delay } from 'node:timers/promises';
import { PresenceReader } from '../presence/presence-reader';
import type { RedisClient } from '../redis/client';
import type { ServiceNames } from '../redis/names';
import { ownConnection } from '../redis/own-connection';
import { answerError } from './answer-error';
import { AnswerRecords } from './answer-records';
import { Answering } from './answering';
import { Bell } from './bell';
import { Cancels } from './cancels';
import { cancelledId, readCommand, type CommandToAnswer, type Delivery } from './command';
import {
  CommandGroup,
  isGroupGone,
  type Came,
  type Cancel,
  type GroupPlace,
  type Past,
} from './command-group';
import { Counters, type AnswerCounts } from './counters';
import { Held } from './held';
import { Life } from './life';
import type { Answerer, AnsweringSettings } from './options';
import { LONGEST_TIMER_MS } from './longest-timer';
import { Outbox } from './outbox';
import { Unheard } from './unheard';

/** Between two signs of life. A cancel is heard as fast. */
const BEAT_MS = 250;
/** A take-over is tried each so many beats. */
const BEATS_A_TAKE_OVER = 4;
/** How many entries one take-over brings at most. */
const MAX_TAKEN_OVER = 100;
/** How long a read waits for a command. */
const READ_WAIT_MS = 1_000;
/** How many commands one read brings at most: several workers shall share a backlog. */
const MAX_READ = 16;
/** How many it brings of tenants that have no place: another's may be behind them, and each read takes its time. */
const MAX_READ_PAST = 128;
/** After how long a worker without a free place looks for commands again. */
const BUSY_READ_MS = 100;
/** How long Redis may take to answer, as a part of the lease. */
const TIMEOUT_PART = 0.3;

/** A worker's dependencies. */
export interface WorkerOptions {
  readonly redis: RedisClient;
  readonly names: ServiceNames;
  readonly place: GroupPlace;
  readonly settings: AnsweringSettings;
  readonly channelOf: (command: CommandToAnswer) => string;
  /** A name for a consumer that no other has. */
  readonly newName: () => string;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
}

/** Reads commands as a consumer of the group, answers them in turn, and takes over what dead workers had. */
export class Worker {
  readonly #answerers = new Map<string, Answerer>();
  readonly #options: WorkerOptions;
  readonly #counters = new Counters();
  readonly #redis: RedisClient;
  readonly #reader: RedisClient;
  readonly #group: CommandGroup;
  readonly #answering: Answering;
  readonly #cancels: Cancels;
  readonly #unheard: Unheard;
  /** Made with the first handler that asks for it. */
  #presence: PresenceReader | undefined;
  /** Rings when there may be room to read. */
  readonly #room = new Bell();
  readonly #closing = new AbortController();
  /** The last answer without an id of each session: its frames do not say which command they answer. */
  readonly #last = new Map<string, Promise<unknown>>();
  /** Commands without an id that wait for the answer before theirs. */
  readonly #inLine = new Set<Held>();
  /** Those whose turn came when this worker had begun to close. */
  readonly #unbegun: Held[] = [];
  /** Answers on their way. */
  readonly #answers = new Set<Promise<void>>();
  readonly #lived: Promise<void>;
  #beating: Promise<void> = Promise.resolve();
  #life: Life;

  /** Begins with the next turn of the event loop, so that every type's handler is there. */
  constructor(options: WorkerOptions) {
    const { redis, names, place, settings, monotonicMs } = options;
    const { onFault } = settings;
    this.#options = options;
    this.#redis = ownConnection(redis, onFault);
    this.#reader = ownConnection(redis, onFault);
    const timeoutMs = Math.min(Math.round(settings.leaseMs * TIMEOUT_PART), LONGEST_TIMER_MS - READ_WAIT_MS);
    this.#group = new CommandGroup(this.#redis, this.#reader, place, timeoutMs);
    this.#unheard = new Unheard(monotonicMs);
    const records = new AnswerRecords(this.#redis, names, place.stream, place.group, timeoutMs);
    this.#answering = new Answering({
      ...{ settings, monotonicMs, group: this.#group, counters: this.#counters },
      ...{ answerers: this.#answerers, unheard: this.#unheard, records },
      outbox: new Outbox(this.#redis, records),
    });
    this.#cancels = new Cancels(monotonicMs);
    this.#life = this.#newLife();
    this.#lived = new Promise((resolve) => setImmediate(resolve)).then(() => this.#live());
  }

  /** Answers the commands of a type. */
  answer(type: string, answerer: Answerer): void {
    this.#answerers.set(type, answerer);
    if (answerer.unheardMs === undefined) return;
    const { redis, names, settings } = this.#options;
    this.#presence ??= new PresenceReader({
      ...{ redis, stream: names.presence, from: 'oldest', onFault: settings.onFault },
      told: (change) => {
        this.#unheard.take({ ...change, channel: names.of(change.channel) });
      },
    });
  }

  /** Whether commands of a type are answered. */
  answers(type: string): boolean {
    return this.#answerers.has(type);
  }

  get counts(): AnswerCounts {
    const { read, takenOver, evicted, ignored, ended } = this.#counters;
    const { waiting, running } = this.#life.queue;
    return { waiting, running, read, takenOver, evicted, ignored, ended };
  }

  /**
   * Reads no more, gives back what it has not begun, and waits for the answers on their way.
   * @param timeoutMs after so long they are stopped: one that may be repeated is given back
   */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort();
    this.#room.ring();
    await this.#lived;
    const life = this.#life;
    await this.#giveBack(life, life.queue.clear().map(deliveryOf));
    const over = new AbortController();
    const timeout = delay(Math.min(timeoutMs, LONGEST_TIMER_MS), undefined, { signal: over.signal }).catch(
      () => undefined,
    );
    await Promise.race([this.#idle(), timeout]);
    over.abort();
    const begun = [...life.held].filter((held) => !this.#inLine.has(held));
    const repeatable = begun.filter(({ command }) => (this.#maxAttempts(command) ?? 1) > 1);
    for (const { stop } of repeatable) stop.abort();
    for (const { stop } of begun) stop.abort(answerError('STOPPED'));
    await this.#idle();
    const unanswered = [...repeatable, ...this.#unbegun, ...life.queue.clear()];
    life.end();
    // A sign of life behind the last word would have Redis take this consumer for one that came anew.
    await this.#beating;
    await this.#giveBack(life, [...unanswered, ...life.queue.clear()].map(deliveryOf));
    this.#presence?.close();
    this.#reader.disconnect();
    this.#redis.disconnect();
  }

  async #live(): Promise<void> {
    await this.#mend();
    while (!this.#closing.signal.aborted) {
      const life = this.#life;
      this.#beating = this.#beat(life);
      await this.#read(life);
      if (life.over.aborted) this.#life = this.#newLife();
    }
  }

  #newLife(): Life {
    const { newName, settings, monotonicMs } = this.#options;
    return new Life(newName(), settings, settings.leaseMs, monotonicMs);
  }

  /** Reads as far ahead as there is room, without a free place too: somebody else's command may be behind one tenant's. */
  async #read(life: Life): Promise<void> {
    // Others may have left a backlog. And Redis has the script then, before a tenant's commands stand in the way of another's.
    let isBehind = true;
    let isFull = false;
    const came = this.#lateTaker(life);
    while (life.lives() && !this.#closing.signal.aborted) {
      const wasFull = isFull;
      isFull = life.queue.free <= 0;
      // Others may have places, and have not come to read.
      if (isFull && !wasFull) await this.#whileBusy();
      const room = this.#roomIn(life);
      if (room <= 0) {
        await this.#room.rung();
        continue;
      }
      const { free } = life.queue;
      const count = Math.min(MAX_READ, room, free > 0 ? free : MAX_READ);
      try {
        const read: readonly Delivery[] = isBehind
          ? await this.#group.readPast(life.consumer, count, this.#past(life, room), came)
          : await this.#group.read(life.consumer, count, free > 0 ? READ_WAIT_MS : 0, came);
        this.#counters.read += read.length;
        this.#take(read, life);
        // With places free, what waits is of tenants that have none.
        isBehind = read.length > 0 && life.queue.free > 0 && life.queue.waiting > 0;
        // A worker with a free place waits at Redis, and goes before this one.
        if (read.length === 0 && free <= 0) await this.#whileBusy();
      } catch (cause) {
        life.doubt();
        await this.#mend(cause);
      }
    }
  }

  /** Waits a while, or until an answer is over. */
  async #whileBusy(): Promise<void> {
    await Promise.race([this.#room.rung(), delay(BUSY_READ_MS)]);
  }

  #past({ queue }: Life, room: number): Past {
    const bytes = this.#options.settings.readAheadBytes - queue.bytes;
    return { tenants: queue.full, commands: Math.min(MAX_READ_PAST, room), bytes };
  }

  #roomIn({ queue }: Life): number {
    const { readAheadCommands, readAheadBytes } = this.#options.settings;
    return queue.bytes < readAheadBytes ? readAheadCommands - queue.waiting : 0;
  }

  /** Says that this worker lives, hears cancels, and looks for what others left. */
  async #beat(life: Life): Promise<void> {
    for (let beat = 0; life.lives(); beat += 1) {
      const sentMs = this.#options.monotonicMs();
      try {
        const cancels = await this.#group.beat(life.consumer);
        life.prove(sentMs);
        for (const cancel of cancels) this.#cancel(cancel, life);
        await this.#find(life, beat % BEATS_A_TAKE_OVER === 0);
      } catch (cause) {
        life.doubt();
        await this.#mend(cause);
      }
      await pause(BEAT_MS, life.over);
    }
    this.#room.ring();
  }

  /** Finds what this worker has by Redis alone, and takes over what nobody has. */
  async #find(life: Life, takesOver: boolean): Promise<void> {
    if (life.hasDoubts) {
      life.hasDoubts = false;
      this.#take(await this.#group.missing(life.consumer, (entryId) => life.has(entryId)), life);
    }
    const most = Math.min(MAX_TAKEN_OVER, this.#roomIn(life));
    if (!takesOver || most <= 0 || this.#closing.signal.aborted) return;
    const { leaseMs, onFault } = this.#options.settings;
    const silentMs = life.isSteady ? leaseMs : undefined;
    const { evicted, deliveries } = await this.#group.takeOver(
      life.consumer,
      silentMs,
      most,
      this.#lateTaker(life),
    );
    this.#counters.takenOver += deliveries.length;
    this.#counters.evicted += evicted;
    if (evicted > 0) onFault(new Error(`${evicted} commands were evicted before they were answered`));
    this.#take(deliveries, life);
  }

  /** Makes the group if it is not there, and gives Redis time when it refused something. */
  async #mend(cause?: unknown): Promise<void> {
    if (cause !== undefined) this.#options.settings.onFault(cause);
    try {
      if (cause === undefined || isGroupGone(cause)) {
        await this.#group.create();
        return;
      }
    } catch (refused) {
      this.#options.settings.onFault(refused);
    }
    await pause(BEAT_MS, this.#closing.signal);
  }

  #take(deliveries: readonly Delivery[], life: Life): void {
    for (const delivery of deliveries) {
      if (life.has(delivery.entryId)) continue;
      const held = this.#hold(delivery);
      if (held === undefined) this.#settle(delivery, life, () => this.#group.acknowledge(delivery.entryId));
      else if (held.command.type === 'cancel') this.#tellCancel(held, life);
      else this.#enqueue(held, life);
    }
    this.#schedule(life);
  }

  /** Takes what came after it was waited for. Where the life is over by then, others need not wait for its lease. */
  #lateTaker(life: Life): Came {
    return (deliveries) => {
      if (life.lives()) this.#take(deliveries, life);
      else void this.#giveBack(life, deliveries);
    };
  }

  /** @returns undefined for an entry that is not to be answered here */
  #hold(delivery: Delivery): Held | undefined {
    const { settings, channelOf, names, monotonicMs } = this.#options;
    try {
      const command = readCommand(delivery.fields);
      if (command === undefined) throw new Error(`expected a command in entry ${delivery.entryId}`);
      const { type } = command;
      if (type !== 'cancel' && settings.ignoresOthers && !this.#answerers.has(type)) {
        this.#counters.ignored += 1;
        return undefined;
      }
      const channel = names.of(channelOf(command));
      return new Held(delivery, command, channel, monotonicMs());
    } catch (cause) {
      this.#counters.ignored += 1;
      settings.onFault(cause);
      return undefined;
    }
  }

  /** Asks Redis to take note of an entry. An entry that it does not confirm is found again. */
  #settle({ entryId }: Delivery, life: Life, ask: () => Promise<void>): void {
    ask().catch((cause: unknown) => {
      this.#options.settings.onFault(new Error(`entry ${entryId} is not settled`, { cause }));
      life.hasDoubts = true;
    });
  }

  #tellCancel({ command, delivery }: Held, life: Life): void {
    const id = cancelledId(command);
    if (id === undefined) {
      this.#settle(delivery, life, () => this.#group.acknowledge(delivery.entryId));
      return;
    }
    const cancel = { entryId: delivery.entryId, session: command.session, id };
    this.#cancel(cancel, life);
    this.#settle(delivery, life, () => this.#group.cancel(cancel));
  }

  #cancel(cancel: Cancel, life: Life): void {
    this.#cancels.add(cancel);
    for (const held of life.named(cancel.session, cancel.id)) {
      if (!this.#cancels.has(held)) continue;
      held.stop.abort(answerError('CANCELLED'));
      if (life.queue.remove(held)) this.#start(held, life, false);
    }
  }

  #enqueue(held: Held, life: Life): void {
    life.hold(held);
    if (this.#cancels.has(held)) {
      held.stop.abort(answerError('CANCELLED'));
      this.#start(held, life, false);
    } else life.queue.add(held);
  }

  #schedule(life: Life): void {
    while (life.lives() && !this.#closing.signal.aborted) {
      const held = life.queue.next();
      if (held === undefined) return;
      this.#start(held, life, true);
    }
  }

  #start(held: Held, life: Life, hasPlace: boolean): void {
    const answer = this.#inTurn(held, life)
      .catch(this.#options.settings.onFault)
      .then(() => {
        this.#answers.delete(answer);
        life.drop(held);
        if (hasPlace) life.queue.done(held);
        this.#schedule(life);
        this.#room.ring();
      });
    this.#answers.add(answer);
  }

  /** Answers of one session without ids come one after the other. */
  async #inTurn(held: Held, life: Life): Promise<void> {
    const { id, session } = held.command;
    if (id !== undefined) {
      await this.#answering.answer(held, life);
      return;
    }
    const before = this.#last.get(session) ?? Promise.resolve();
    this.#inLine.add(held);
    const answered = before.then(() => this.#itsTurn(held, life)).catch(this.#options.settings.onFault);
    this.#last.set(session, answered);
    await answered;
    if (this.#last.get(session) === answered) this.#last.delete(session);
  }

  async #itsTurn(held: Held, life: Life): Promise<void> {
    this.#inLine.delete(held);
    if (this.#closing.signal.aborted && !held.stop.signal.aborted) this.#unbegun.push(held);
    else await this.#answering.answer(held, life);
  }

  #maxAttempts({ type }: CommandToAnswer): number | undefined {
    return this.#answerers.get(type)?.maxAttempts;
  }

  async #giveBack({ consumer }: Life, deliveries: readonly Delivery[]): Promise<void> {
    const ids = deliveries.map(({ entryId }) => entryId);
    await this.#group.giveBack(consumer, ids).catch(this.#options.settings.onFault);
  }

  /** Resolves when no answer is on its way. */
  async #idle(): Promise<void> {
    while (this.#answers.size > 0) await Promise.all(this.#answers);
  }
}

const deliveryOf = ({ delivery }: Held): Delivery => delivery;

/** Waits for so long, or until a signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

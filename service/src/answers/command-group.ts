import { answered } from '../redis/own-connection';
import { loadScript, type Script } from '../redis/script';
import type { RedisClient } from '../redis/client';
import type { Delivery } from './command';

/** The consumer that has what workers gave back: it belongs to nobody. */
const RETURNED = 'returned';
/** Higher than the id of any entry: who reads its own entries after it reads none, and is heard. */
const AFTER_ALL = '18446744073709551615-0';
/** How many of a worker's own entries are looked at in one call. */
const PAGE = 1_000;
/** How many cancels a beat reads. */
const MAX_CANCELS_A_BEAT = 1_000;
/** How long a cancel is told, so that it finds a command that is taken over meanwhile. */
const CANCEL_TTL_MS = 60_000;
/** How many cancels are told at most. */
const MAX_CANCELS = 10_000;

type Entry = readonly [id: string, fields: readonly string[]];
type Pending = readonly [id: string, consumer: string, idleMs: number, deliveries: number];

/** An answer that is wanted no longer. */
export interface Cancel {
  /** The cancel's own entry: it is for a command before it. */
  readonly entryId: string;
  readonly session: string;
  /** The command's id. */
  readonly id: string;
}

/** Where the group is. */
export interface GroupPlace {
  readonly stream: string;
  readonly group: string;
  readonly cancels: string;
}

/** How far a read may go past commands of tenants that have no place. */
export interface Past {
  readonly tenants: readonly string[];
  /** About. */
  readonly commands: number;
  readonly bytes: number;
}

/** The outcome of a take-over. */
export interface TakenOver {
  /** How many entries the stream had evicted before anybody answered them. */
  readonly evicted: number;
  readonly deliveries: readonly Delivery[];
}

/**
 * Called with what was asked for and came after it was waited for. Redis obeys a call that waits for a connection once there is
 * one, and gives to nobody else what it gave then.
 */
export type Came = (deliveries: readonly Delivery[]) => void;

/** The consumer group on the stream of commands, in which a worker is a consumer. */
export class CommandGroup {
  readonly #redis: RedisClient;
  readonly #reader: RedisClient;
  readonly #place: GroupPlace;
  readonly #timeoutMs: number;
  readonly #cancel: Script;
  readonly #readPast: Script;
  readonly #takeOver: Script;
  readonly #giveBack: Script;
  /** The time of the latest cancel that was read, as Redis writes it. */
  #read = '-inf';

  /** @param reader a connection of its own: reads block it */
  constructor(redis: RedisClient, reader: RedisClient, place: GroupPlace, timeoutMs: number) {
    this.#redis = redis;
    this.#reader = reader;
    this.#place = place;
    this.#timeoutMs = timeoutMs;
    this.#cancel = loadScript(redis, __dirname, 'cancel');
    this.#readPast = loadScript(redis, __dirname, 'read-past');
    this.#takeOver = loadScript(redis, __dirname, 'take-over');
    this.#giveBack = loadScript(redis, __dirname, 'give-back');
  }

  /** Makes the group where there is none. It begins with the oldest command that the stream has. */
  async create(): Promise<void> {
    const { stream, group } = this.#place;
    try {
      await this.#ask(this.#redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM'));
    } catch (cause) {
      if (!startsWith(cause, 'BUSYGROUP')) throw cause;
    }
  }

  /** Reads commands that nobody has read, and waits so long for one. */
  async read(consumer: string, count: number, waitMs: number, came: Came): Promise<readonly Delivery[]> {
    const { stream, group } = this.#place;
    const to = ['GROUP', group, consumer, 'COUNT', count] as const;
    const from = ['STREAMS', stream, '>'] as const;
    const reply =
      waitMs > 0
        ? this.#reader.xreadgroup(...to, 'BLOCK', waitMs, ...from)
        : this.#reader.xreadgroup(...to, ...from);
    const read = reply.then((streams) => firstDeliveries((streams?.[0]?.[1] ?? []) as readonly Entry[]));
    return answered(this.#reader, waitMs + this.#timeoutMs, read, came);
  }

  /** Reads commands that nobody has read, past those of some tenants, until one comes of another. It waits for none. */
  async readPast(
    consumer: string,
    count: number,
    { tenants, commands, bytes }: Past,
    came: Came,
  ): Promise<readonly Delivery[]> {
    const { stream, group } = this.#place;
    const args = [group, consumer, count, commands, bytes, ...tenants];
    const read = this.#readPast([stream], args).then((texts) => deliveriesOf(texts as readonly string[]));
    return answered(this.#redis, this.#timeoutMs, read, came);
  }

  /** Takes what this consumer has by Redis, and of which it does not know itself, because a reply was lost. */
  async missing(consumer: string, known: (entryId: string) => boolean): Promise<Delivery[]> {
    const { stream, group } = this.#place;
    const found: Delivery[] = [];
    let from = '-';
    for (;;) {
      const asked = this.#redis.xpending(stream, group, from, '+', PAGE, consumer);
      const page = (await this.#ask(asked)) as unknown as readonly Pending[];
      const fences = new Map(page.filter(([id]) => !known(id)).map(([id, , , count]) => [id, count + 1]));
      if (fences.size > 0) {
        const claim = this.#redis.call('xclaim', [stream, group, consumer, 0, ...fences.keys()]);
        for (const [entryId, fields] of (await this.#ask(claim)) as readonly Entry[])
          found.push({ entryId, fields, fence: fences.get(entryId) ?? 1 });
      }
      if (page.length < PAGE) return found;
      from = `(${page.at(-1)?.[0] ?? '+'}`;
    }
  }

  /** Says that this consumer lives. @returns the latest cancels, some for the second time @throws when the group is gone */
  async beat(consumer: string): Promise<readonly Cancel[]> {
    const { stream, group, cancels } = this.#place;
    const step = this.#redis.pipeline();
    step.xreadgroup('GROUP', group, consumer, 'COUNT', 1, 'STREAMS', stream, AFTER_ALL);
    const limit = ['LIMIT', 0, MAX_CANCELS_A_BEAT] as const;
    step.zrangebyscore(cancels, this.#read, '+inf', 'WITHSCORES', ...limit);
    const [heard, told] = (await this.#ask(step.exec())) ?? [];
    const refused = heard?.[0] ?? told?.[0];
    if (refused) throw refused;
    return this.#cancels(told?.[1] as readonly string[]);
  }

  /**
   * Takes over what was given back, and what dead workers had.
   * @param silentMs after so long without a beat a worker is dead; undefined judges nobody
   */
  async takeOver(
    consumer: string,
    silentMs: number | undefined,
    most: number,
    came: Came,
  ): Promise<TakenOver> {
    const { stream, group } = this.#place;
    const args = [group, consumer, silentMs ?? '', most, RETURNED];
    const taken = this.#takeOver([stream], args).then(takenOverOf);
    return answered(this.#redis, this.#timeoutMs, taken, ({ deliveries }) => {
      came(deliveries);
    });
  }

  /** Tells every worker of a cancel, and acknowledges its command. */
  async cancel({ entryId, session, id }: Cancel): Promise<void> {
    const { stream, group, cancels } = this.#place;
    const told = JSON.stringify([entryId, session, id]);
    const args = [group, entryId, told, CANCEL_TTL_MS, MAX_CANCELS];
    await this.#ask(this.#cancel([stream, cancels], args));
  }

  async acknowledge(entryId: string): Promise<void> {
    const { stream, group } = this.#place;
    await this.#ask(this.#redis.xack(stream, group, entryId));
  }

  /** Gives entries back for others, and leaves the group when this consumer has no more. */
  async giveBack(consumer: string, entryIds: readonly string[]): Promise<void> {
    const { stream, group } = this.#place;
    for (let i = 0; i === 0 || i < entryIds.length; i += PAGE) {
      const some = entryIds.slice(i, i + PAGE);
      await this.#ask(this.#giveBack([stream], [group, consumer, RETURNED, ...some]));
    }
  }

  #cancels(told: readonly string[]): Cancel[] {
    const cancels: Cancel[] = [];
    // The one that was read last is kept no longer, and a clock that was set back goes on from none.
    if (told.length === 0) this.#read = '-inf';
    for (let i = 0; i + 1 < told.length; i += 2) {
      const [entryId = '', session = '', id = ''] = JSON.parse(told[i] ?? '[]') as string[];
      cancels.push({ entryId, session, id });
      // The last one comes again with the next beat: another may have come in the same moment.
      this.#read = told[i + 1] ?? this.#read;
    }
    return cancels;
  }

  #ask<T>(asked: Promise<T>): Promise<T> {
    return answered(this.#redis, this.#timeoutMs, asked);
  }
}

/** @param read ids of entries, and their names and values as JSON, in turn */
function deliveriesOf(read: readonly string[]): Delivery[] {
  const deliveries: Delivery[] = [];
  for (let i = 0; i + 1 < read.length; i += 2)
    deliveries.push({
      entryId: read[i] ?? '',
      fields: JSON.parse(read[i + 1] ?? '[]') as readonly string[],
      fence: 1,
    });
  return deliveries;
}

function takenOverOf(reply: unknown): TakenOver {
  const [evicted, taken] = reply as [number, (readonly [string, number, readonly string[]])[]];
  return { evicted, deliveries: taken.map(([entryId, fence, fields]) => ({ entryId, fence, fields })) };
}

function firstDeliveries(entries: readonly Entry[]): Delivery[] {
  return entries.map(([entryId, fields]) => ({ entryId, fields, fence: 1 }));
}

/** Whether Redis said that there is no such group. */
export function isGroupGone(cause: unknown): boolean {
  return startsWith(cause, 'NOGROUP') || startsWith(cause, 'UNBLOCKED');
}

function startsWith(cause: unknown, code: string): boolean {
  return cause instanceof Error && cause.message.startsWith(code);
}

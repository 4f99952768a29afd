import { isCluster, type RedisClient } from '../redis/client';
import type { ServiceNames } from '../redis/names';
import { answered } from '../redis/own-connection';
import { loadScript, orderedScript, type Script } from '../redis/script';
import { addedMs, type Delivery } from './command';

/** For how long it is known that an answer was begun. */
const KEPT_MS = 86_400_000;
/** For how long it is known that an answer has ended, although its command is not acknowledged. */
const ENDED_MS = 600_000;

/** Where an answer goes. */
export interface AnswerPlace {
  readonly delivery: Delivery;
  /** With its prefix. */
  readonly channel: string;
}

/**
 * - `ended`: its last frame is out
 * - `lost`: another worker has it
 */
export type NotMine = 'ended' | 'lost';

/** A frame of an answer, before its last one. */
export interface AnswerFrame {
  readonly place: AnswerPlace;
  readonly text: string;
}

/** Who has an answer and whether it has ended: in Redis, in the slot of its channel, so that one step decides and publishes. */
export class AnswerRecords {
  readonly #redis: RedisClient;
  readonly #names: ServiceNames;
  readonly #stream: string;
  readonly #group: string;
  readonly #timeoutMs: number;
  readonly #begin: Script;
  readonly #publish: Script;
  readonly #end: Script;

  constructor(redis: RedisClient, names: ServiceNames, stream: string, group: string, timeoutMs: number) {
    this.#redis = redis;
    this.#names = names;
    this.#stream = stream;
    this.#group = group;
    this.#timeoutMs = timeoutMs;
    this.#begin = loadScript(redis, __dirname, 'begin');
    this.#publish = orderedScript(redis, __dirname, 'publish');
    this.#end = loadScript(redis, __dirname, 'end');
  }

  /** @returns how often the answer was begun, this time included */
  async begin(place: AnswerPlace): Promise<number | NotMine> {
    const { delivery } = place;
    const args = [delivery.fence, KEPT_MS, addedMs(delivery)];
    const begun = Number(await this.#ask(this.#begin([this.#key(place)], args)));
    if (begun === 0) return 'ended';
    return begun < 0 ? 'lost' : begun;
  }

  /**
   * Publishes frames in turn, in a cluster those of one channel. One that was on its way for long, or whose worker was paused, may
   * come when another worker has the answer: it is held back.
   * @returns for each frame undefined, or that it was not published
   */
  async publish(frames: readonly AnswerFrame[]): Promise<readonly ('lost' | Error | undefined)[]> {
    const keys = frames.map(({ place }) => this.#key(place));
    const args = frames.flatMap(({ place, text }) => [place.delivery.fence, place.channel, text]);
    const said = (await this.#publish(keys, [this.#verb, ...args])) as readonly string[];
    return said.map((why) => (why === '' ? undefined : why === 'lost' ? why : new Error(why)));
  }

  /**
   * Publishes the last frame of an answer, and acknowledges its command where that can be one step.
   * @returns whether the command is still to be acknowledged
   */
  async end(
    place: AnswerPlace,
    text: string,
  ): Promise<{ readonly isMine: boolean; readonly isOpen: boolean }> {
    const { channel, delivery } = place;
    const isApart = isCluster(this.#redis);
    const keys = isApart ? [this.#key(place)] : [this.#key(place), this.#stream];
    const frame = [this.#verb, channel, text];
    const args = [delivery.fence, ENDED_MS, ...frame, this.#group, delivery.entryId, KEPT_MS];
    const outcome = Number(await this.#ask(this.#end(keys, args)));
    return { isMine: outcome === 1, isOpen: isApart && outcome >= 0 };
  }

  get #verb(): string {
    return isCluster(this.#redis) ? 'SPUBLISH' : 'PUBLISH';
  }

  #key({ channel, delivery }: AnswerPlace): string {
    return this.#names.answer(channel, this.#group, delivery.entryId);
  }

  #ask<T>(asked: Promise<T>): Promise<T> {
    return answered(this.#redis, this.#timeoutMs, asked);
  }
}

import { batchLength, batchOf, type WriteBatch } from './write-batch';
import type { Outgoing } from './frame';

/**
 * The messages that wait for a socket that does not take more now. They are not written yet, so they are still ours to
 * replace.
 */
export class BackpressureQueue {
  #items: Outgoing[] = [];
  #start = 0;
  #bytes = 0;
  #noteBytes = 0;
  #frames = 0;

  /** The bytes of all messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The bytes of messages that cannot be replaced. */
  get noteBytes(): number {
    return this.#noteBytes;
  }

  /** How many data frames wait. */
  get frames(): number {
    return this.#frames;
  }

  get isEmpty(): boolean {
    return this.#start === this.#items.length;
  }

  push(item: Outgoing): void {
    this.#items.push(item);
    this.#count(item, 1);
  }

  /** Takes what the next write is made of. Not to be called when it is empty. */
  take(): WriteBatch {
    const end = this.#start + batchLength(this.#items, this.#start);
    const taken = this.#items.slice(this.#start, end);
    for (const item of taken) this.#count(item, -1);
    this.#start = end;
    if (this.#start * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return batchOf(taken);
  }

  /**
   * Leaves out all data, and with it the gaps before the new one, which says from where the client counts on. Other
   * messages stay, in order. The gap goes where the first message was that is left out. Not to be called while no data waits.
   * @param gap undefined for a client that is not told of gaps
   */
  leaveOut(gap: Outgoing | undefined): void {
    const waiting = this.#items.slice(this.#start);
    const at = waiting.findIndex(({ kind }) => kind !== 'note');
    const notes = waiting.slice(at).filter(({ kind }) => kind === 'note');
    this.clear();
    for (const item of [...waiting.slice(0, at), ...(gap === undefined ? [] : [gap]), ...notes])
      this.push(item);
  }

  clear(): void {
    this.#items = [];
    this.#start = 0;
    this.#bytes = 0;
    this.#noteBytes = 0;
    this.#frames = 0;
  }

  #count({ kind, wire }: Outgoing, sign: 1 | -1): void {
    this.#bytes += sign * wire.length;
    if (kind === 'note') this.#noteBytes += sign * wire.length;
    else if (kind === 'data') this.#frames += sign;
  }
}

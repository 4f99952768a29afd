import { setTimeout as sleep } from 'node:timers/promises';
import type { Publish } from '../../../sidecar/redis/publish';
import type { CountingClient } from '../fixture';

/** How long after a failure began frames must be delivered again, in milliseconds. */
const BACK_WITHIN_MS = 30_000;
/** Milliseconds between two frames of a channel. */
const FRAME_INTERVAL_MS = 5;

/** Numbered frames that are published, one after the other, to each of some channels. */
export interface Traffic {
  /** The numbers that Redis has confirmed, by channel. */
  readonly confirmed: ReadonlyMap<string, readonly number[]>;
  /** Ends it, and resolves once nothing is on its way. */
  stop(): Promise<void>;
}

/**
 * Publishes until it is stopped; a frame leaves when Redis has answered for the one before it on its channel. A
 * frame that Redis refuses is not sent again.
 */
export function publishNumbered(publish: Publish, channels: readonly string[]): Traffic {
  const confirmed = new Map<string, number[]>(channels.map((channel) => [channel, []]));
  const stopping = new AbortController();
  const publishers = channels.map(async (channel) => {
    for (let number = 1; !stopping.signal.aborted; number += 1) {
      await publish(channel, `${number}`).then(
        () => confirmed.get(channel)?.push(number),
        () => undefined,
      );
      await sleep(FRAME_INTERVAL_MS);
    }
  });
  return {
    confirmed,
    stop: async () => {
      stopping.abort();
      await Promise.all(publishers);
    },
  };
}

/** The record of one socket of `bridge.v1`, in its order: the numbers of frames, and reasons of gaps. */
export class Heard {
  readonly client: CountingClient;
  readonly items: (number | string)[] = [];
  /** Whether its socket was closed. */
  closed = false;

  constructor(client: CountingClient) {
    this.client = client;
    void client.client.closed.then(() => (this.closed = true));
    void this.#listen();
  }

  get last(): number | string | undefined {
    return this.items.at(-1);
  }

  get gaps(): readonly string[] {
    return this.items.filter((item) => typeof item === 'string');
  }

  /** Frames that came after the last gap. */
  get sinceGap(): number {
    return this.items.length - 1 - this.items.findLastIndex((item) => typeof item === 'string');
  }

  async #listen(): Promise<void> {
    for (;;) {
      const frame = await this.client.next();
      if (typeof frame === 'string') this.items.push(Number(frame));
      else if (frame.type === 'bridge.gap') this.items.push(frame.data.reason);
    }
  }
}

/** Prints how long delivery was away, now that it is back, and holds it against the bound. */
export function expectBackInTime(beganAt: number, what: string): void {
  const tookMs = Date.now() - beganAt;
  process.stdout.write(`delivery back ${tookMs} ms after ${what}\n`);
  expect(tookMs).toBeLessThan(BACK_WITHIN_MS);
}

/** The faults in what a socket got. */
export interface Faults {
  /** Confirmed frames that never came, with no gap where they belong. */
  readonly silent: readonly number[];
  readonly twice: readonly number[];
  /** Confirmed frames that came after a later one. */
  readonly late: readonly number[];
}

/** Compares what a socket got with what Redis confirmed; what it did not confirm may come late or not at all. */
export function faultsOf(items: readonly (number | string)[], confirmed: readonly number[]): Faults {
  const known = new Set(confirmed);
  const numbers = items.filter((item) => typeof item === 'number' && known.has(item)) as number[];
  const got = new Set(numbers);
  const [first = Infinity] = numbers;
  /** Whether a gap stands between the last frame before this one and the first after it. */
  const isTold = (number: number): boolean => {
    const told = items.filter((item) => typeof item === 'string' || known.has(item));
    const next = told.findIndex((item) => typeof item === 'number' && item > number);
    const before = told.slice(0, next).findLastIndex((item) => typeof item === 'number' && item < number);
    return told.slice(before, next).some((item) => typeof item === 'string');
  };
  return {
    silent: confirmed.filter((number) => number > first && !got.has(number) && !isTold(number)),
    twice: numbers.filter((number, at) => numbers.indexOf(number) !== at),
    late: numbers.filter((number, at) => at > 0 && number < Math.max(...numbers.slice(0, at))),
  };
}

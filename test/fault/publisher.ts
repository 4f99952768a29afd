import type { Cluster } from 'ioredis';
import { Redis } from 'ioredis';
import { publisher, type Publish } from '../../sidecar/redis/publish';
import type { Published } from './ledger';
import { numberedFrame } from './numbered-frame';
import { until } from './until';

/** A channel, and how often something is published on it. */
export interface Subject {
  readonly channel: string;
  /** Messages a second. */
  readonly rate: number;
}

/** How often it looks at what is due, in milliseconds. */
const TICK_MS = 10;

interface Tape {
  readonly subject: Subject;
  count: number;
  /** Not confirmed by Redis, or not yet. */
  readonly unconfirmed: Set<number>;
}

/** Publishes numbered frames, each once, and knows which of them Redis confirmed. */
export class Publisher {
  readonly #redis: Redis | Cluster;
  readonly #publishTo: Publish;
  readonly #tapes: ReadonlyMap<string, Tape>;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param redis where to, or over what
   * @param publishing how
   */
  constructor(
    redis: string | Redis | Cluster,
    subjects: readonly Subject[],
    publishing: (redis: Redis | Cluster) => Publish = publisher,
  ) {
    this.#redis = typeof redis === 'string' ? connectionTo(redis) : redis;
    this.#publishTo = publishing(this.#redis);
    this.#tapes = new Map(
      subjects.map((subject) => [subject.channel, { subject, count: 0, unconfirmed: new Set<number>() }]),
    );
  }

  /** Resolves once Redis is there. */
  async ready(): Promise<void> {
    await until(() => this.#redis.status === 'ready');
  }

  /** Publishes at the rate of each channel until it is stopped. */
  start(): void {
    let lastMs = performance.now();
    const due = new Map([...this.#tapes.values()].map((tape, index) => [tape, (index * 0.618) % 1]));
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const [tape, owed] of due) {
        const count = owed + ((nowMs - lastMs) / 1000) * tape.subject.rate;
        for (let left = count; left >= 1; left -= 1) this.#publish(tape);
        due.set(tape, count % 1);
      }
      lastMs = nowMs;
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** How many frames each channel has had by now. */
  counts(): (channel: string) => number {
    const counts = new Map([...this.#tapes].map(([channel, { count }]) => [channel, count]));
    return (channel) => counts.get(channel) ?? 0;
  }

  /** The frames that were published on a channel so far. */
  readonly published = (channel: string): Published => {
    const { count, unconfirmed } = this.#tapes.get(channel) ?? { count: 0, unconfirmed: new Set<number>() };
    return { count, unconfirmed };
  };

  /** How many frames were published on all channels, and how many of them Redis did not confirm. */
  get total(): { readonly published: number; readonly unconfirmed: number } {
    const tapes = [...this.#tapes.values()];
    return {
      published: tapes.reduce((sum, { count }) => sum + count, 0),
      unconfirmed: tapes.reduce((sum, { unconfirmed }) => sum + unconfirmed.size, 0),
    };
  }

  close(): void {
    this.stop();
    this.#redis.disconnect();
  }

  #publish(tape: Tape): void {
    const { channel } = tape.subject;
    const n = tape.count;
    tape.count += 1;
    tape.unconfirmed.add(n);
    this.#publishTo(channel, numberedFrame(channel, n)).then(
      () => tape.unconfirmed.delete(n),
      () => undefined,
    );
  }
}

/** Nothing is sent twice, nothing later: what is not confirmed at once is not confirmed. */
function connectionTo(url: string): Redis {
  const redis = new Redis(url, {
    connectionName: 'publisher',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 5,
  });
  redis.on('error', () => undefined);
  return redis;
}

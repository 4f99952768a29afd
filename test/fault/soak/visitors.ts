import type { Random } from '../random';
import { Listener, type ListenerTimes } from '../listener';
import type { Tally } from '../tally';
import { until, wait } from '../until';

/** How long a visitor tries to get in, and waits for the answer to its command, in milliseconds. */
const PATIENCE_MS = 20_000;
/** Commands of visitors who leave meanwhile are nobody's. */
const STAY_MS = 500;

/**
 * Users that nobody has seen before, one after the other: each opens a chat session of its own, sends a command, and leaves. A map that keeps
 * something of each grows with them.
 */
export class Visitors {
  /** How many came, and what became of them. */
  readonly count = { came: 0, served: 0, gaveUp: 0 };
  readonly #url: string;
  readonly #tally: Tally;
  readonly #times: ListenerTimes;
  readonly #random: Random;
  readonly #tenants: number;
  readonly #present = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, tally: Tally, times: ListenerTimes, random: Random, tenants: number) {
    this.#url = url;
    this.#tally = tally;
    this.#times = times;
    this.#random = random;
    this.#tenants = tenants;
  }

  /** From now on one comes every so often. */
  start(everyMs: number): void {
    this.#timer = setInterval(() => {
      const visit = this.#visit(this.count.came);
      this.count.came += 1;
      this.#present.add(visit);
      void visit.finally(() => this.#present.delete(visit));
    }, everyMs);
  }

  /** Nobody comes any more; resolves once all have left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#present);
  }

  async #visit(number: number): Promise<void> {
    const session = `visit-${number}`;
    const seat = {
      tenant: `t${number % this.#tenants}`,
      user: `v${number}`,
      path: `/ws/ai/chat?session=${session}`,
      channels: [`ai:stream:${session}`],
      opaqueToken: false,
      overHttp: number % 3 === 1,
    };
    const visitor = new Listener(seat, this.#url, this.#tally, this.#times, () => this.#random.next());
    const isIn = await until(() => visitor.wasOpen, PATIENCE_MS);
    const isServed = isIn && (await Promise.race([asked(visitor), wait(PATIENCE_MS)])) === true;
    this.count[isServed ? 'served' : 'gaveUp'] += 1;
    await wait(STAY_MS);
    visitor.leave();
  }
}

async function asked({ client }: Listener): Promise<boolean> {
  return client.send('ask', 'something').then(
    () => true,
    () => false,
  );
}

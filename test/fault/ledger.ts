import { readNumberedFrame, type NumberedFrame } from './numbered-frame';

/** The frames that were published on one channel. */
export interface Published {
  /** Frames 0 to `count - 1` were published. */
  readonly count: number;
  /** Those of them that Redis did not confirm: they may have been published or not. */
  readonly unconfirmed: ReadonlySet<number>;
}

/** The fate of the frames that were meant for a client, in numbers of frames. */
export interface Score {
  /** Heard for the first time. */
  readonly heard: number;
  /** Not heard, and a gap was told where they would have been. */
  readonly coveredLosses: number;
  /** Not heard, and nothing was told. */
  readonly silentLosses: number;
  readonly duplicates: number;
  /** Heard after one that was published later. */
  readonly outOfOrder: number;
  /** From a channel that is not the client's. */
  readonly foreign: number;
  /** Not as it was published. */
  readonly damaged: number;
}

/** A client's account of one channel. */
interface Account {
  /** The number that comes next when nothing is lost. */
  next: number;
  /** Whether a gap was told since the latest frame. */
  excused: boolean;
  /** The numbers that were passed over, and whether a gap was told there. */
  readonly missing: Map<number, boolean>;
}

/** The frames that one client heard, against those that were published for it. Every channel is heard from its frame 0 on. */
export class Ledger {
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #onFault: (fault: string) => void;
  #heard = 0;
  #duplicates = 0;
  #outOfOrder = 0;
  #foreign = 0;
  #damaged = 0;

  /**
   * @param channels all that the client is to hear
   * @param onFault told of each fault when it is found, in words
   */
  constructor(channels: readonly string[], onFault: (fault: string) => void = () => undefined) {
    this.#onFault = onFault;
    this.#accounts = new Map(
      channels.map((channel) => [channel, { next: 0, excused: false, missing: new Map() }]),
    );
  }

  /** The client was told a data frame. */
  message(text: string): void {
    const frame = readNumberedFrame(text);
    if (frame === undefined) {
      this.#damaged += 1;
      this.#onFault(`damaged: ${text}`);
      return;
    }
    const account = this.#accounts.get(frame.channel);
    if (account === undefined) {
      this.#foreign += 1;
      this.#onFault(`foreign: ${text}`);
      return;
    }
    this.#count(account, frame);
  }

  /** The client was told a gap: it may have lost frames of any channel since the latest one of each. */
  gap(): void {
    for (const account of this.#accounts.values()) account.excused = true;
  }

  /** Whether of every channel a frame from number `from` on was heard. */
  hasReached(from: (channel: string) => number): boolean {
    return [...this.#accounts].every(([channel, { next }]) => next > from(channel));
  }

  /** Whether of every channel the last frame was heard, or a gap was told since the latest one that was. */
  isComplete(published: (channel: string) => Published): boolean {
    return [...this.#accounts].every(
      ([channel, { next, excused }]) => excused || next >= published(channel).count,
    );
  }

  /** Settles up, once nothing more can come. */
  score(published: (channel: string) => Published): Score {
    const losses = [...this.#accounts].flatMap(([channel, account]) => lossesOf(account, published(channel)));
    return {
      heard: this.#heard,
      coveredLosses: losses.filter((covered) => covered).length,
      silentLosses: losses.filter((covered) => !covered).length,
      duplicates: this.#duplicates,
      outOfOrder: this.#outOfOrder,
      foreign: this.#foreign,
      damaged: this.#damaged,
    };
  }

  #count(account: Account, { channel, n }: NumberedFrame): void {
    if (n < account.next) {
      if (!account.missing.delete(n)) {
        this.#duplicates += 1;
        this.#onFault(`${channel}: ${n} twice`);
        return;
      }
      this.#outOfOrder += 1;
      this.#onFault(`${channel}: ${n} late`);
    }
    if (n > account.next && !account.excused)
      this.#onFault(`${channel}: ${account.next} to ${n - 1} not heard`);
    this.#heard += 1;
    for (let lost = account.next; lost < n; lost += 1) account.missing.set(lost, account.excused);
    account.next = Math.max(account.next, n + 1);
    account.excused = false;
  }
}

/** For each frame that a client lost for sure, whether a gap was told. */
function lossesOf({ next, excused, missing }: Account, { count, unconfirmed }: Published): boolean[] {
  const tail = Array.from({ length: Math.max(0, count - next) }, (_, index) => next + index);
  return [...missing, ...tail.map((n) => [n, excused] as const)]
    .filter(([n]) => !unconfirmed.has(n))
    .map(([, covered]) => covered);
}

/** The sum of scores. */
export function totalOf(scores: readonly Score[]): Score {
  const sum = (pick: (score: Score) => number): number =>
    scores.reduce((total, score) => total + pick(score), 0);
  return {
    heard: sum(({ heard }) => heard),
    coveredLosses: sum(({ coveredLosses }) => coveredLosses),
    silentLosses: sum(({ silentLosses }) => silentLosses),
    duplicates: sum(({ duplicates }) => duplicates),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    foreign: sum(({ foreign }) => foreign),
    damaged: sum(({ damaged }) => damaged),
  };
}

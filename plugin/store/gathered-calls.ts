import { outcomeOf } from './outcome';
import { StoreRefusedError } from './store';

/** So many charges go in one run of gcra.lua at most, and as many look-ups: Redis serves nobody else meanwhile. */
export const MAX_GATHERED = 32;

/** A Redis that refused a run of several calls is asked one by one for so long, in milliseconds. */
export const ONE_BY_ONE_MS = 60_000;

/** A charge's figures, or whether a key exists, or the words in which Redis refused it. */
export type GcraReply = readonly number[] | number | string;

/** The connection that calls leave by. */
export interface CallSender {
  /** Runs gcra.lua. @throws StoreUnreachableError or StoreRefusedError, as the other does */
  run(keys: readonly string[], args: readonly (number | string)[]): Promise<readonly GcraReply[]>;
  exists(key: string): Promise<boolean>;
  /** Does some work, whose questions leave in one write. */
  inOneWrite(work: () => void): void;
}

interface Call<T> {
  readonly resolve: (result: T | Promise<T>) => void;
  readonly reject: (fault: Error) => void;
}

interface Charge extends Call<readonly number[]> {
  readonly keys: readonly string[];
  readonly args: readonly (number | string)[];
}

interface LookUp extends Call<boolean> {
  readonly key: string;
}

/**
 * The calls of one turn of the event loop, whichever decisions made them, in one run of gcra.lua (docs/adr/0029). Each is
 * answered, or fails, as if it had been made alone. A run that Redis refuses has done nothing: then they are made alone.
 */
export class GatheredCalls {
  readonly #sender: CallSender;
  readonly #nowMs: () => number;
  readonly #onRefused: (reason: string) => void;
  #charges: Charge[] = [];
  #lookUps: LookUp[] = [];
  #isLeaving = false;
  #oneByOneUntil = -Infinity;

  /**
   * @param nowMs a monotonic clock, milliseconds
   * @param onRefused told of a refusal among answers; the connection itself hears any other
   */
  constructor(sender: CallSender, nowMs: () => number, onRefused: (reason: string) => void) {
    this.#sender = sender;
    this.#nowMs = nowMs;
    this.#onRefused = onRefused;
  }

  charge(keys: readonly string[], args: readonly (number | string)[]): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      this.#charges.push({ keys, args, resolve, reject });
      this.#leaveSoon();
    });
  }

  exists(key: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#lookUps.push({ key, resolve, reject });
      this.#leaveSoon();
    });
  }

  #leaveSoon(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    setImmediate(() => {
      this.#isLeaving = false;
      this.#leave();
    });
  }

  #leave(): void {
    const [charges, lookUps] = [this.#charges, this.#lookUps];
    this.#charges = [];
    this.#lookUps = [];
    // A run for one charge costs more than the charge, and a user who may look up keys alone may run no script.
    if (charges.length < 2 || this.#nowMs() < this.#oneByOneUntil) {
      this.#askOneByOne(charges, lookUps);
      return;
    }
    const runs = Math.ceil(Math.max(charges.length, lookUps.length) / MAX_GATHERED);
    this.#sender.inOneWrite(() => {
      for (let i = 0; i < runs; i += 1) {
        const [some, others] = [share(charges, i, runs), share(lookUps, i, runs)];
        this.#askTogether(some, others).catch((fault: unknown) => {
          for (const { reject } of [...some, ...others]) reject(fault as Error);
        });
      }
    });
  }

  async #askTogether(charges: readonly Charge[], lookUps: readonly LookUp[]): Promise<void> {
    const outcome = await outcomeOf(this.#sender.run(...runOf(charges, lookUps)));
    if ('value' in outcome) {
      this.#hand(outcome.value, charges, lookUps);
    } else if (outcome.fault instanceof StoreRefusedError) {
      this.#oneByOneUntil = this.#nowMs() + ONE_BY_ONE_MS;
      this.#askOneByOne(charges, lookUps);
    } else {
      throw outcome.fault;
    }
  }

  #hand(replies: readonly GcraReply[], charges: readonly Charge[], lookUps: readonly LookUp[]): void {
    for (const [i, { resolve, reject }] of charges.entries()) {
      const reply = replies[i];
      if (typeof reply === 'object') resolve(reply);
      else reject(this.#refusal(reply));
    }
    for (const [i, { key, resolve }] of lookUps.entries()) {
      const reply = replies[charges.length + i];
      // Redis's own refusal says more than the script's of its command, and takes nothing.
      resolve(typeof reply === 'number' ? reply > 0 : this.#sender.exists(key));
    }
  }

  #refusal(reply: GcraReply | undefined): Error {
    if (typeof reply !== 'string') return new TypeError('expected a reply to each call from gcra.lua');
    this.#onRefused(reply);
    return new StoreRefusedError(reply);
  }

  #askOneByOne(charges: readonly Charge[], lookUps: readonly LookUp[]): void {
    this.#sender.inOneWrite(() => {
      for (const charge of charges) charge.resolve(chargeAlone(this.#sender, charge));
      for (const { key, resolve } of lookUps) resolve(this.#sender.exists(key));
    });
  }
}

/** The i-th of so many shares. */
function share<T>(list: readonly T[], i: number, shares: number): readonly T[] {
  const from = (part: number): number => Math.floor((part * list.length) / shares);
  return shares === 1 ? list : list.slice(from(i), from(i + 1));
}

/** Runs gcra.lua for one charge. */
export async function chargeAlone(
  { run }: Pick<CallSender, 'run'>,
  charge: Pick<Charge, 'keys' | 'args'>,
): Promise<readonly number[]> {
  const [reply] = await run(...runOf([charge], []));
  if (typeof reply !== 'object') throw new TypeError('expected a reply to the charge from gcra.lua');
  return reply;
}

function runOf(
  charges: readonly Pick<Charge, 'keys' | 'args'>[],
  lookUps: readonly LookUp[],
): [keys: readonly string[], args: readonly (number | string)[]] {
  const keys: string[] = [];
  const args: (number | string)[] = [charges.length];
  for (const charge of charges) {
    keys.push(...charge.keys);
    args.push(charge.keys.length, charge.args.length, ...charge.args);
  }
  for (const { key } of lookUps) args.push(key);
  return [keys, args];
}

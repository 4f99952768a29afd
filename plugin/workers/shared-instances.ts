import { randomInt } from 'node:crypto';
import type { InstanceMaker } from '../server/instance-maker';
import { Instances, type InstanceBook, type PluginInstance } from '../server/instances';
import type { InstanceMessage, ToPrimary } from './messages';

/** How long the primary may take to answer, in milliseconds: Kong waits for the upgrade meanwhile. */
export const REGISTER_TIMEOUT_MS = 3000;

interface Asked {
  answer(message: Extract<InstanceMessage, { type: 'instance' }>): void;
}

/**
 * The instances of one worker. Kong asks any worker for an instance that any other has started, so the primary gives the ids, and
 * is asked for those that this worker does not know yet.
 */
export class SharedInstances implements InstanceBook {
  readonly #make: InstanceMaker;
  readonly #send: (message: ToPrimary) => void;
  readonly #timeoutMs: number;
  readonly #known: Instances;
  readonly #asked = new Map<number, Asked>();
  readonly #finding = new Map<number, Promise<PluginInstance | undefined>>();
  #lastAsk = 0;

  /** @param send hands the primary a message, in order */
  constructor(
    make: InstanceMaker,
    send: (message: ToPrimary) => void,
    { timeoutMs = REGISTER_TIMEOUT_MS, max }: { readonly timeoutMs?: number; readonly max?: number } = {},
  ) {
    this.#make = make;
    this.#send = send;
    this.#timeoutMs = timeoutMs;
    this.#known = new Instances(randomInt, max);
  }

  get size(): number {
    return this.#known.size;
  }

  start(config: Buffer): Promise<number> {
    const text = config.toString('utf8');
    return this.#ask(
      (ask) => ({ type: 'start', ask, config: text }),
      ({ id }) => {
        this.#known.put(id, this.#make(text));
        return id;
      },
    );
  }

  get(id: number): PluginInstance | undefined | Promise<PluginInstance | undefined> {
    return this.#known.get(id) ?? this.#finding.get(id) ?? this.#find(id);
  }

  remove(id: number): void {
    this.#known.remove(id);
    this.#send({ type: 'remove', id });
  }

  /** Takes a message of the primary. */
  take(message: InstanceMessage): void {
    if (message.type === 'removed') this.#known.remove(message.id);
    else this.#asked.get(message.ask)?.answer(message);
  }

  #find(id: number): Promise<PluginInstance | undefined> {
    const finding = this.#ask(
      (ask) => ({ type: 'find', ask, id }),
      ({ config }) => {
        if (config === undefined) return undefined;
        const instance = this.#make(config);
        this.#known.put(id, instance);
        return instance;
      },
    ).finally(() => this.#finding.delete(id));
    this.#finding.set(id, finding);
    return finding;
  }

  // An answer takes effect at once: the next message may be that Kong has closed this instance.
  #ask<T>(
    question: (ask: number) => ToPrimary,
    done: (answer: Extract<InstanceMessage, { type: 'instance' }>) => T,
  ): Promise<T> {
    const ask = (this.#lastAsk += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#asked.delete(ask);
        reject(new Error(`the primary did not answer within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#asked.set(ask, {
        answer: (message) => {
          clearTimeout(late);
          this.#asked.delete(ask);
          resolve(done(message));
        },
      });
      this.#send(question(ask));
    });
  }
}

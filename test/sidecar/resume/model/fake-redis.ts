import type { Buffer } from 'node:buffer';
import type { RefusedChannels, SubscribeCommands } from '../../../../sidecar/pubsub/subscribe-commands';

/** An item on a connection of subscriptions: messages and answers come in the order of Redis. */
type Item = { readonly channel: string; readonly message: Buffer } | { readonly answer: () => void };

/** One bridge's connection of subscriptions. All that Redis has sent waits until the bridge hears it. */
export class SubscriberLine implements SubscribeCommands {
  readonly channels = new Set<string>();
  isUp = true;
  #inbox: Item[] = [];
  #unanswered = new Set<(error: Error) => void>();

  /** How much the bridge has not heard yet. */
  get waiting(): number {
    return this.#inbox.length;
  }

  subscribe(channels: readonly string[]): Promise<RefusedChannels> {
    if (this.isUp) for (const channel of channels) this.channels.add(channel);
    return this.#answered(new Map());
  }

  unsubscribe(channels: readonly string[]): Promise<unknown> {
    for (const channel of channels) this.channels.delete(channel);
    return this.#answered(undefined);
  }

  ping(): Promise<unknown> {
    return this.#answered(undefined);
  }

  reset(): void {
    if (this.isUp) throw new Error('expected no reset: this Redis refuses nothing');
  }

  send(channel: string, message: Buffer): void {
    this.#inbox.push({ channel, message });
  }

  /** The bridge hears what came next. */
  hear(count: number, deliver: (channel: string, message: Buffer) => void): void {
    for (const item of this.#inbox.splice(0, count)) {
      if ('answer' in item) item.answer();
      else deliver(item.channel, item.message);
    }
  }

  /** The connection ends: what was not heard is lost, and nothing is answered. */
  cut(): void {
    this.isUp = false;
    this.channels.clear();
    this.#inbox = [];
    for (const reject of this.#unanswered) reject(new Error('the connection was lost'));
    this.#unanswered.clear();
  }

  #answered<Answer>(value: Answer): Promise<Answer> {
    if (!this.isUp) return Promise.reject(new Error('the connection is lost'));
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject);
      this.#inbox.push({
        answer: () => {
          this.#unanswered.delete(reject);
          resolve(value);
        },
      });
    });
  }
}

/** A Redis of one server, without a network: a command is done when it is given. */
export class FakeRedis {
  readonly #lines = new Set<SubscriberLine>();
  readonly #values = new Map<string, Buffer>();
  /** The bridges that keep the session's frames, once it is claimed. */
  #noted: readonly string[] | undefined;

  connect(): SubscriberLine {
    const line = new SubscriberLine();
    this.#lines.add(line);
    return line;
  }

  /** @returns how many heard it */
  publish(channel: string, message: Buffer): number {
    const heard = [...this.#lines].filter(({ channels }) => channels.has(channel));
    for (const line of heard) line.send(channel, message);
    return heard.length;
  }

  put(key: string, value: Buffer): void {
    this.#values.set(key, value);
  }

  take(key: string): Buffer | null {
    const value = this.#values.get(key) ?? null;
    this.#values.delete(key);
    return value;
  }

  /** @see Standing */
  get standing() {
    return { isForeign: false, isNew: this.#noted === undefined, bridges: this.#noted ?? [] };
  }

  /** As claim-sessions.lua does, of which it keeps the latest four as well. @returns how the session stood before */
  claim(bridgeId: string, hasAll: boolean) {
    const before = this.standing;
    const beside = [...before.bridges.filter((id) => id !== bridgeId), bridgeId].slice(-4);
    this.#noted = hasAll ? [bridgeId] : before.bridges.includes(bridgeId) ? before.bridges : beside;
    return before;
  }
}

import type { Command } from '../../protocol/frames.ts';
import { BridgeClientError } from './errors.ts';

interface Pending {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (cause: BridgeClientError) => void;
  sentAtMs: number | undefined;
}

/** Commands that the bridge has neither acknowledged nor refused, in the order they were given. */
export class CommandQueue {
  readonly #limit: number;
  readonly #pending = new Map<string, Pending>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** When the oldest one was sent; undefined when none waits, or it was not sent yet. */
  get waitingSinceMs(): number | undefined {
    const [oldest] = this.#pending.values();
    return oldest?.sentAtMs;
  }

  /**
   * Takes a command.
   * @returns a promise of its acknowledgement
   */
  async add(command: Command & { readonly id: string }): Promise<void> {
    const text = JSON.stringify(command);
    if (this.#pending.size >= this.#limit) {
      throw new BridgeClientError('QUEUE_FULL', `${this.#limit} commands wait already`);
    }
    await new Promise<void>((resolve, reject) => {
      this.#pending.set(command.id, { text, resolve, reject, sentAtMs: undefined });
    });
  }

  /** Sends what was not sent yet, or everything over again on a new connection. */
  flush(send: (text: string) => boolean, nowMs: number, again = false): void {
    for (const command of this.#pending.values()) {
      if (command.sentAtMs !== undefined && !again) continue;
      command.sentAtMs = send(command.text) ? nowMs : undefined;
    }
  }

  /** Settles one command, once. */
  acknowledge(id: string): void {
    this.#take(id)?.resolve();
  }

  /**
   * Rejects one command.
   * @returns whether it was waiting
   */
  refuse(id: string, cause: BridgeClientError): boolean {
    const command = this.#take(id);
    command?.reject(cause);
    return command !== undefined;
  }

  /** Rejects every command. */
  refuseAll(cause: BridgeClientError): void {
    for (const id of this.#pending.keys()) this.refuse(id, cause);
  }

  #take(id: string): Pending | undefined {
    const command = this.#pending.get(id);
    this.#pending.delete(id);
    return command;
  }
}

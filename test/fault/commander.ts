import type { ChatClient } from '../../client/src/chat';
import { BridgeClientError } from '../../client/src/index';

/** Between two commands of a client, in milliseconds. */
const INTERVAL_MS = 500;

/** The fate of commands, in numbers of commands. */
export interface CommandScore {
  readonly sent: number;
  readonly acknowledged: number;
  /** Refused, by code: they may have happened or not. */
  readonly refused: Readonly<Record<string, number>>;
  /** In the stream. */
  readonly entries: number;
  /** Acknowledged and not in the stream. */
  readonly lost: number;
  /** In the stream once more than sent. */
  readonly twice: number;
}

/** Sends numbered commands through clients, and knows which of them were acknowledged. */
export class Commander {
  readonly #clients: readonly Pick<ChatClient, 'send'>[];
  readonly #acknowledged = new Set<string>();
  readonly #refused: Record<string, number> = {};
  #sent = 0;
  #settled = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(clients: readonly Pick<ChatClient, 'send'>[]) {
    this.#clients = clients;
  }

  /** Whether every command was acknowledged or refused. */
  get isSettled(): boolean {
    return this.#settled === this.#sent;
  }

  /** Sends one command of each client now and then until it is stopped. */
  start(): void {
    this.#timer = setInterval(() => {
      for (const client of this.#clients) void this.send(client);
    }, INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Sends one command; resolves when it is settled. */
  async send(client: Pick<ChatClient, 'send'>): Promise<void> {
    const name = `${this.#sent}`;
    this.#sent += 1;
    try {
      await client.send('ask', name);
      this.#acknowledged.add(name);
    } catch (error) {
      const code = error instanceof BridgeClientError ? error.code : 'unknown';
      this.#refused[code] = (this.#refused[code] ?? 0) + 1;
    }
    this.#settled += 1;
  }

  /** Settles up. @param names of the commands in the stream, in any order */
  score(names: readonly string[]): CommandScore {
    const distinct = new Set(names);
    return {
      sent: this.#sent,
      acknowledged: this.#acknowledged.size,
      refused: this.#refused,
      entries: names.length,
      lost: [...this.#acknowledged].filter((name) => !distinct.has(name)).length,
      twice: names.length - distinct.size,
    };
  }
}

/** The name of a command in an entry of the stream (PROTOCOL.md §3). */
export function commandName(fields: readonly string[]): string {
  return String(JSON.parse(fields[fields.indexOf('data') + 1] ?? 'null'));
}

import type {
  AckFrame,
  BridgeErrorFrame,
  CancelCommand,
  LockFrame,
  PeersFrame,
} from '../../protocol/frames.ts';
import type { Answer } from './answer.ts';
import { Answers, type AskOptions } from './answers.ts';
import type { ChatSettings } from './chat-options.ts';
import { CommandQueue } from './command-queue.ts';
import type { DataKind } from './connection.ts';
import { BridgeClientError } from './errors.ts';
import type { Extension, Inside, Message } from './extension.ts';
import { History } from './history.ts';
import type { OthersAnswer } from './others-answers.ts';

/** Over HTTP an answer may ask to wait. */
type Refused = BridgeErrorFrame['data'] & { readonly retryAfterMs?: unknown };

/** The commands of one chat, and the answers to them. */
export class Conversation implements Extension {
  readonly #inside: Inside;
  readonly #settings: ChatSettings;
  readonly #commands: CommandQueue;
  readonly #history: History;
  readonly #answers: Answers;
  #catchUp!: () => void;
  /** All that was kept from before has come, or nothing more will. */
  readonly #caughtUp = new Promise<void>((resolve) => (this.#catchUp = resolve));
  /** Why nothing can be sent any more. */
  #closed: BridgeClientError | undefined;

  /** @param inside with the settings of a chat */
  constructor(inside: Inside) {
    const settings = (this.#settings = inside.settings as ChatSettings);
    this.#inside = inside;
    this.#answers = new Answers(settings);
    this.#commands = new CommandQueue(settings, () => {
      this.#flush();
    });
    this.#history = new History(
      (object) => this.#answers.isEnd(object),
      (message, isReplayed) => {
        inside.tell(message, isReplayed);
        if (message.object && !isReplayed) this.#answers.take(message.object);
      },
    );
  }

  get expects(): boolean {
    return this.#answers.expected;
  }

  get waitingSinceMs(): number | undefined {
    return this.#commands.waitingSinceMs;
  }

  /** Those that nobody asked for here. */
  get others(): Answers['others'] {
    return this.#answers.others;
  }

  /** Sends a command; fulfilled once it was taken over. */
  async send(type: string, data: unknown, id = this.#settings.newId()): Promise<void> {
    if (this.#closed) throw this.#closed;
    const acknowledged = this.#commands.add({ type, id, data });
    this.#flush();
    await acknowledged;
  }

  /** Sends a command. @returns its answer, to be read */
  ask(type: string, data: unknown, options: AskOptions): Answer {
    const id = this.#settings.newId();
    const start = (): Promise<void> => this.send(type, data, id);
    const cancel = (): void => {
      this.#cancel(id);
    };
    return this.#answers.ask(id, { start, cancel }, options);
  }

  /** The answer on its way that began last and nobody reads, once all that is kept of it has come. */
  async newest(): Promise<OthersAnswer | undefined> {
    await this.#caughtUp;
    return this.others.newest();
  }

  opened(bringsPast: boolean): void {
    if (!bringsPast) this.#catchUp();
    this.#answers.listen();
    this.#flush(true);
  }

  lost(): void {
    this.#answers.listen(false);
  }

  take(message: Message, kind: DataKind): void {
    this.#history.take(message, kind);
    if (kind === 'last') this.#catchUp();
  }

  answered({ type, data }: AckFrame | BridgeErrorFrame | LockFrame | PeersFrame): boolean {
    if (type === 'bridge.ack') this.#commands.acknowledge(data.id);
    // A later bridge may say what this client does not know.
    return type === 'bridge.error' && this.#refused(data);
  }

  interrupt(cause: BridgeClientError, bringsPast: boolean): void {
    this.#history.end();
    this.#answers.interrupt(cause);
    if (!bringsPast) this.#catchUp();
  }

  end(cause: BridgeClientError): void {
    this.#closed = cause;
    this.#commands.refuseAll(cause);
    this.#answers.end(cause);
    this.#catchUp();
  }

  /** @returns whether it was a command that waits */
  #refused({ id, code, message, retryAfterMs }: Refused): boolean {
    const cause = new BridgeClientError(code, message);
    const leastMs = typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
    if (id !== undefined && this.#commands.refuse(id, cause, leastMs)) return true;
    if (code === 'READ_ONLY') this.#commands.refuseAll(cause);
    return false;
  }

  /** A command that was never sent need not be stopped. */
  #cancel(id: string): void {
    if (this.#commands.withdraw(id, new BridgeClientError('CLOSED'))) return;
    // Nobody waits for it: an answer that goes on is nobody's either.
    this.send('cancel', { id } satisfies CancelCommand['data']).catch(() => undefined);
  }

  #flush(again = false): void {
    const connection = this.#inside.connection();
    if (!connection) return;
    if (this.#inside.session() === undefined) this.#commands.refuseAll(new BridgeClientError('NO_COMMANDS'));
    this.#commands.flush((text) => connection.send(text), again);
    this.#inside.watch();
  }
}

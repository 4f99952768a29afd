import type { DataKind } from './connection.ts';
import type { Message } from './extension.ts';
import type { AnyObject } from './parse-frame.ts';

/**
 * The frames from before the client came, until it is known which of them are history: those up to the last end of an
 * answer. The others are the beginning of an answer that is on its way.
 */
export class History {
  readonly #endsAnswer: (object: AnyObject) => boolean;
  readonly #tell: (message: Message, isReplayed: boolean) => void;
  #held: Message[] = [];

  constructor(
    endsAnswer: (object: AnyObject) => boolean,
    tell: (message: Message, isReplayed: boolean) => void,
  ) {
    this.#endsAnswer = endsAnswer;
    this.#tell = tell;
  }

  /** Takes a frame. One from before is told once it is known what it is, the others at once. */
  take(message: Message, kind: DataKind): void {
    const isPast = kind === 'past' || kind === 'last';
    if (isPast) this.#hold(message);
    if (kind === 'last' || kind === 'new') this.end();
    if (!isPast) this.#tell(message, false);
  }

  /** All that follows is new. */
  end(): void {
    this.#tellAll(false);
  }

  #hold(message: Message): void {
    this.#held.push(message);
    if (message.object && this.#endsAnswer(message.object)) this.#tellAll(true);
  }

  #tellAll(isReplayed: boolean): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#tell(message, isReplayed);
  }
}

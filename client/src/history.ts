import type { AnyObject } from './parse-frame.ts';

/** A data frame as it came, and read where it is a JSON object. */
export interface Message {
  readonly data: string | ArrayBuffer;
  readonly object: AnyObject | undefined;
}

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

  /** Takes a frame from before. */
  take(message: Message): void {
    this.#held.push(message);
    if (message.object && this.#endsAnswer(message.object)) this.#tellAll(true);
  }

  /** All that follows is new. */
  end(): void {
    this.#tellAll(false);
  }

  #tellAll(isReplayed: boolean): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#tell(message, isReplayed);
  }
}

import { CONTROL_TYPE_PREFIX, type CompleteFrame, type ErrorFrame } from '../../../protocol/frames';

/** A frame that a handler yields. The service adds the command's `id`, and numbers tokens with `index`. */
export interface AnswerPart {
  /** None of `complete` and `error`, which end an answer; none that begins with `bridge.`. */
  readonly type: string;
  readonly data: object;
}

/** A handler's return value: the `data` of the answer's `complete`. */
export type AnswerEnd = CompleteFrame['data'] & Readonly<Record<string, unknown>>;

/** A token of an answer. */
export function token(text: string): AnswerPart {
  return { type: 'token', data: { token: text } };
}

/** Writes the frames of one answer, each with its command's `id`. */
export class FrameWriter {
  readonly #id: string | undefined;
  #index = 0;

  constructor(id: string | undefined) {
    this.#id = id;
  }

  /** @throws TypeError at what may not stand in the midst of an answer */
  part({ type, data }: AnswerPart): string {
    if (typeof type !== 'string' || type === '') throw new TypeError('expected a type of a frame');
    if (type === 'complete' || type === 'error')
      throw new TypeError(`expected no ${type}: return the data, or throw`);
    if (type.startsWith(CONTROL_TYPE_PREFIX)) throw new TypeError(`expected no type of the bridge: ${type}`);
    checkData(data);
    return this.#text(type, type === 'token' ? { ...data, index: this.#index++ } : data);
  }

  /** The answer begins anew after another worker had begun it. */
  start(attempt: number): string {
    return this.#text('start', { attempt });
  }

  /** @throws TypeError at what is no object: to a client it ends no answer */
  complete(data: object | undefined): string {
    const given = data ?? {};
    checkData(given);
    return this.#text('complete', given);
  }

  error(data: ErrorFrame['data']): string {
    return this.#text('error', data);
  }

  #text(type: string, data: object): string {
    // Undefined is left out.
    return JSON.stringify({ type, id: this.#id, data });
  }
}

function checkData(data: unknown): void {
  if (!(data instanceof Object)) throw new TypeError('expected an object as data of a frame');
}

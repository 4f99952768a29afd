/** Every code with which the service itself ends an answer, and why. */
export const ANSWER_ERRORS = {
  CANCELLED: 'the answer was cancelled',
  TIMED_OUT: 'the answer took too long',
  FAILED: 'the service failed',
  UNHEARD: 'nobody listened to the answer any more',
  WORKER_LOST: 'the worker of the answer died',
  STOPPED: 'the worker of the answer stopped',
  UNAVAILABLE: 'Redis did not confirm a frame of the answer',
  UNKNOWN_COMMAND: 'no service answers commands of this type',
} as const;

/** Why the service itself ended an answer. */
export type AnswerErrorCode = keyof typeof ANSWER_ERRORS;

/** A handler throws it to end its answer with an `error` of this code and message, which the client is shown. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly code: string;

  /** @param code such as `QUERY_FAILED` */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error of one of the service's own codes. */
export function answerError(code: AnswerErrorCode, cause?: unknown): AnswerError {
  return new AnswerError(code, ANSWER_ERRORS[code], cause === undefined ? {} : { cause });
}

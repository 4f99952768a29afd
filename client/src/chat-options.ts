import type { TokenFrame } from '../../protocol/frames.ts';
import type { ClientOptions, Settings, Whole } from './options.ts';
import { isFrame, type AnyObject } from './parse-frame.ts';

/** The options of a chat's client: those of every client, and what its commands and answers need. */
export interface ChatOptions extends ClientOptions {
  /**
   * How many commands may wait for the connection or for their acknowledgement. One more is rejected with `QUEUE_FULL`. As many
   * again may wait that cancel answers.
   * @default 100
   */
  readonly maxPendingCommands?: number | undefined;
  /**
   * How long after it was first sent a command may be sent again, in milliseconds. Then it is rejected with `UNCONFIRMED`.
   *
   * Keep it shorter than the bridge remembers a command's id (`BRIDGE_COMMAND_ID_TTL_MS`, an hour), or the command may be run
   * twice. So may one that is sent again after more than `BRIDGE_MAX_COMMAND_IDS` (1,000) others of its session.
   * @default 3_000_000
   */
  readonly commandTtlMs?: number | undefined;
  /**
   * Gives a new command id on each call, 1 to 128 characters, unique in its session. Pass one to use ids of your own.
   * @default 128 random bits
   */
  readonly newId?: (() => string) | undefined;
  /**
   * How long nothing of an answer may come before it is taken for over, in milliseconds. Raise it where a service thinks for
   * longer: tokens that come later would be taken for a part of the next answer.
   * @default 60_000
   */
  readonly answerTimeoutMs?: number | undefined;
  /**
   * Whether a frame of the chat, any JSON object, is the last of its answer. Set it for a service with frames of its own.
   * An `error` frame always ends an answer.
   * @default a `complete` frame is
   * @example (frame) => frame.type === 'done'
   */
  readonly isEnd?: ((frame: AnyObject) => boolean) | undefined;
  /**
   * The token that a frame of the chat, any JSON object, brings; undefined for none. Set it for a service with frames of its
   * own.
   * @default the `data.token` of a `token` frame
   * @example (frame) => (frame.type === 'delta' ? String(frame.text) : undefined)
   */
  readonly tokenOf?: ((frame: AnyObject) => string | undefined) | undefined;
}

/** Options with nothing left open. */
export type ChatSettings = Settings & Whole<Omit<ChatOptions, keyof ClientOptions>>;

/** Those of commands and answers. */
export const CHAT_DEFAULTS = {
  maxPendingCommands: 100,
  commandTtlMs: 3_000_000,
  newId: randomId,
  answerTimeoutMs: 60_000,
  isEnd: (frame: AnyObject) => frame.type === 'complete' && isFrame(frame),
  tokenOf: (frame: AnyObject) =>
    frame.type === 'token' ? (frame.data as TokenFrame['data'] | undefined)?.token : undefined,
} as const satisfies Omit<ChatOptions, keyof ClientOptions>;

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('');
}

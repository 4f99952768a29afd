/** The subprotocol (RFC 6455 §1.9) in which the bridge adds control frames of its own. */
export const SUBPROTOCOL = 'bridge.v1';

/** The subprotocol of a plain client that must have one selected: its frames are those of a client that offers none. */
export const PLAIN_SUBPROTOCOL = 'plain.v1';

/** The `type` of every control frame of {@link SUBPROTOCOL} begins with this; no data frame's or command's may. */
export const CONTROL_TYPE_PREFIX = 'bridge.';

/** The text of every control frame begins with exactly this, and no data frame's does. */
export const CONTROL_FRAME_PREFIX = '{"type":"bridge.';

/** A client asks for a sign of life with exactly this text (PROTOCOL.md §3). */
export const PING_MESSAGE = '{"type":"bridge.ping"}';

/** With this code a client closes a connection whose peer broke the rules of {@link SUBPROTOCOL}. */
export const PROTOCOL_ERROR_CLOSE = 4400;

/** Further members that a service adds to a frame. */
type Further = Readonly<Record<string, unknown>>;

/** A frame of an answer (PROTOCOL.md §3). */
interface AnswerFrame<Type extends string, Data> {
  readonly type: Type;
  /** That of the command which it answers, from a service that tells its answers apart. */
  readonly id?: string;
  readonly data: Data;
}

/** An answer begins. With an `attempt` above 1 it begins anew: frames before this one are no part of it. */
export type StartFrame = AnswerFrame<'start', Further & { readonly attempt?: number }>;

/** One token of an answer, as the AI service publishes it. */
export type TokenFrame = AnswerFrame<'token', { readonly token: string; readonly index: number }>;

/** A piece of an answer. */
export type ChunkFrame = AnswerFrame<'chunk', Further>;

/** The text of an answer, or a part of it. */
export type ContentFrame = AnswerFrame<'content', Further>;

/** How far the service has come. */
export type ProgressFrame = AnswerFrame<'progress', Further>;

/** The service tells its present activity. */
export type StatusFrame = AnswerFrame<'status', Further>;

/** A step of the answer begins. */
export type StepStartFrame = AnswerFrame<'step_start', Further>;

/** A step of the answer is done. */
export type StepCompleteFrame = AnswerFrame<'step_complete', Further>;

/** The service calls a tool. `id` tells the call from others of the answer. Services may leave out what PROTOCOL.md §3 asks for. */
export type ToolCallFrame = AnswerFrame<
  'tool_call',
  Further & { readonly id?: string; readonly name?: string; readonly input?: unknown }
>;

/** The tool of the call with this `id` has answered: with an `output`, or with the text of an `error`. */
export type ToolResultFrame = AnswerFrame<
  'tool_result',
  Further & { readonly id?: string; readonly output?: unknown; readonly error?: string }
>;

/** The end of an answer. */
export type CompleteFrame = AnswerFrame<
  'complete',
  { readonly sql?: string; readonly chartConfig?: Readonly<Record<string, unknown>> }
>;

/** A failure, from a service or from the bridge itself ({@link BridgeErrorCode}). */
export type ErrorFrame = AnswerFrame<
  'error',
  {
    readonly code: string;
    readonly message: string;
    /** The refused command's `id`, when it had one. */
    readonly id?: string;
  }
>;

/** Why frames were lost, or may have been (PROTOCOL.md §5). */
export type GapReason = 'unknown' | 'expired' | 'timeout' | 'redis' | 'slow' | 'reserved';

/** The first frame of a {@link SUBPROTOCOL} connection. */
export interface ReadyFrame {
  readonly type: 'bridge.ready';
  readonly data: {
    readonly epoch: string;
    readonly offset: number;
    readonly resumed: boolean;
    /** On an AI chat. */
    readonly session?: string;
    /** On a route that relays: the client's name among its peers, under which it posts messages (PROTOCOL.md §11). */
    readonly peer?: string;
    /** To a client that asked for the oldest frame: the offset of the first one that is not from before. */
    readonly live?: number;
  };
}

/** A command was taken over into the stream. */
export interface AckFrame {
  readonly type: 'bridge.ack';
  readonly data: { readonly id: string };
}

/** Frames were lost or may have been; counting goes on from here. */
export interface GapFrame {
  readonly type: 'bridge.gap';
  readonly data: { readonly reason: GapReason; readonly epoch: string; readonly offset: number };
}

/** The newest frame of the channel, from before its subscription; it counts nothing. */
export interface StateFrame {
  readonly type: 'bridge.state';
  /** Its bytes: as they are, or in base64 when they are no UTF-8. */
  readonly data: { readonly text: string } | { readonly base64: string };
}

/** The bridge refuses something that this client sent. */
export interface BridgeErrorFrame {
  readonly type: 'bridge.error';
  readonly data: {
    readonly code: BridgeErrorCode;
    readonly message: string;
    readonly id?: string;
    /** That a lock was asked for. */
    readonly name?: string;
  };
}

/** Who is at a document, on a route that tells its peers; it counts nothing. */
export interface PeersFrame {
  readonly type: 'bridge.peers';
  readonly data: {
    /** The ids of users, each once: not all of them where there are very many. */
    readonly users: readonly string[];
    /** How many connections there are, this one among them. */
    readonly count: number;
  };
}

/** A client asks for a lock of a name of its document (PROTOCOL.md §14). */
export interface LockMessage {
  readonly type: 'bridge.lock';
  readonly data: {
    readonly name: string;
    /** One who comes back with it has its lock again: 1 to 64 characters of `[A-Za-z0-9_-]`. */
    readonly holder?: string;
  };
}

/** A client gives a lock back. */
export interface UnlockMessage {
  readonly type: 'bridge.unlock';
  readonly data: { readonly name: string };
}

/** This client holds a lock now. */
export interface LockedFrame {
  readonly type: 'bridge.locked';
  readonly data: {
    readonly name: string;
    /** Larger than that of whoever held it before: a service refuses what comes with a smaller one. */
    readonly token: number;
  };
}

/** Why a client does not hold a lock any more: it gave it back, or it lost it. */
export type UnlockReason = 'freed' | 'lost';

/** This client does not hold a lock any more. */
export interface UnlockedFrame {
  readonly type: 'bridge.unlocked';
  readonly data: { readonly name: string; readonly reason: UnlockReason };
}

/** Who holds which lock of the document; it counts nothing. */
export interface LocksFrame {
  readonly type: 'bridge.locks';
  readonly data: { readonly locks: readonly { readonly name: string; readonly user: string }[] };
}

/** A frame of the bridge about locks. */
export type LockFrame = LockedFrame | UnlockedFrame | LocksFrame;

/** The answer to {@link PING_MESSAGE}, for plain clients as well. */
export interface PongFrame {
  readonly type: 'bridge.pong';
  readonly data: Readonly<Record<string, never>>;
}

/** {@link PongFrame}, ready to send. */
export const PONG_FRAME = /* @__PURE__ */ JSON.stringify({
  type: 'bridge.pong',
  data: {},
} satisfies PongFrame);

/** A frame of the bridge's own, told apart by {@link CONTROL_FRAME_PREFIX}. */
export type ControlFrame =
  ReadyFrame | AckFrame | GapFrame | StateFrame | BridgeErrorFrame | PeersFrame | LockFrame | PongFrame;

/** The frames of an AI chat. The frames of other services are theirs to define: the bridge relays bytes. */
export type DataFrame =
  | StartFrame
  | TokenFrame
  | ChunkFrame
  | ContentFrame
  | ProgressFrame
  | StatusFrame
  | StepStartFrame
  | StepCompleteFrame
  | ToolCallFrame
  | ToolResultFrame
  | CompleteFrame
  | ErrorFrame;

/** A message that a client sends on an AI chat. */
export interface Command {
  /** The kind of the request: 1 to 64 characters, not beginning with {@link CONTROL_TYPE_PREFIX}. */
  readonly type: string;
  /** Any JSON value; null when left out. */
  readonly data?: unknown;
  /** Chosen by the client, 1 to 128 characters, quoted in an error frame about this command. */
  readonly id?: string;
}

/** The command that stops an answer. */
export interface CancelCommand extends Command {
  readonly type: 'cancel';
  /** The `id` of the command whose answer is wanted no longer. */
  readonly data: { readonly id: string };
}

/** Every code of the bridge's own error frames, and why it is sent. */
export const BRIDGE_ERRORS = {
  INVALID_COMMAND: 'the message is no command',
  READ_ONLY: 'the route takes no messages, or none of this client',
  RESERVED: 'the message begins as only a control frame may',
  TOO_MANY_MESSAGES: 'the message is over a rate or a share',
  INVALID_LOCK: 'the message is about a lock, and is malformed',
  LOCKED: 'another holds the lock',
  TOO_MANY_LOCKS: 'the socket, the document or the tenant has as many locks as it may have',
  UNAVAILABLE: 'Redis did not confirm the message',
} as const;

/** Why the bridge itself answered with an error frame. */
export type BridgeErrorCode = keyof typeof BRIDGE_ERRORS;

/** The bridge's own error frame, ready to send. */
export function errorFrame(code: BridgeErrorCode, message: string, id?: string): string {
  const data = id === undefined ? { code, message } : { code, message, id };
  return JSON.stringify({ type: 'error', data } satisfies ErrorFrame);
}

import { commandEntry, parseCommand, withKey, type CommandOrigin } from './command';
import type { AddOutcome, CommandToAdd } from './command-stream';
import { isReserved } from '../fanout/frame';
import { refusedCommandId } from './command-id';
import { sealEnvelope } from '../fanout/peer-envelope';
import type { MessagePolicy } from '../routes/route';
import { errorFrame, PING_MESSAGE, type BridgeErrorCode, type ControlFrame } from '../../protocol/frames';
import type { RefusedBytes } from '../metrics/outcomes';

/** The bridge's answer to a client's message. */
export type Answer = { readonly kind: 'taken'; readonly id: string } | RefusedMessage;

/** A refusal. */
export interface RefusedMessage {
  readonly kind: 'refused';
  readonly code: BridgeErrorCode;
  readonly message: string;
  readonly id: string | undefined;
  /** That a lock was asked for. */
  readonly name?: string | undefined;
}

/** Makes one. */
export function refusedMessage(code: BridgeErrorCode, message: string, id?: string): RefusedMessage {
  return { kind: 'refused', code, message, id };
}

/**
 * An answer as its client reads it. A plain client gets an `error` frame or nothing (PROTOCOL.md §3), one of
 * `bridge.v1` a control frame (§5).
 */
export function answerText(answer: Answer, bridgeV1: boolean): string | undefined {
  if (!bridgeV1) {
    return answer.kind === 'refused' ? errorFrame(answer.code, answer.message, answer.id) : undefined;
  }
  return JSON.stringify(controlFrame(answer));
}

/** An answer as a client of `bridge.v1` reads it. */
export function controlFrame(answer: Answer): ControlFrame {
  if (answer.kind === 'taken') return { type: 'bridge.ack', data: { id: answer.id } };
  const { code, message, id, name } = answer;
  const about = { ...(id === undefined ? {} : { id }), ...(name === undefined ? {} : { name }) };
  return { type: 'bridge.error', data: { code, message, ...about } };
}

/** Where clients' messages go: in the order of the calls, as far as one tenant's are concerned. */
export interface MessageSink {
  /** Adds a command to the stream, at most once for each id of its session that counts. */
  addCommand(command: CommandToAdd): Promise<AddOutcome>;
  /** Resolves when Redis has it. */
  publish(channel: string, message: Buffer, tenantId: string): Promise<unknown>;
  /** Whether what a tenant sends is to wait. */
  holds(tenantId: string): boolean;
  /** Resolves once it need not. */
  released(tenantId: string): Promise<void>;
}

/** The sender of a message, as much of it as its route needs. */
export interface Sender {
  readonly messages: MessagePolicy;
  /** Whether it may only listen (PROTOCOL.md §1). */
  readonly isReader: boolean;
  /** Whether a command's id counts once a session (PROTOCOL.md §5). */
  readonly bridgeV1: boolean;
  readonly origin: CommandOrigin;
  /** The channel that messages are relayed to. */
  readonly channel: string;
  /** Set when the route relays. */
  readonly senderId: Buffer | undefined;
  /** How many values a command may hold. */
  readonly maxCommandValues: number;
  /** The ids that a message which was posted has beside its own; undefined for one of a socket. */
  readonly idempotencyKeys?: readonly string[];
}

/**
 * Takes a message from a client. A message for Redis is handed to the sink before this returns, so that a socket's
 * messages keep their order.
 * @param timeMs milliseconds since the epoch
 * @returns what to answer, or undefined
 */
export async function receive(
  payload: Buffer,
  binary: boolean,
  sender: Sender,
  sink: MessageSink,
  timeMs: number,
): Promise<Answer | undefined> {
  switch (sender.messages) {
    case 'refuse':
      return refuse(payload, binary, sender);
    case 'commands':
      return command(payload, binary, sender, sink, timeMs);
    case 'relay': {
      if (sender.senderId === undefined) throw new TypeError('a peer has a sender id');
      if (isReserved(payload, binary)) return refusedMessage('RESERVED', 'only the bridge may begin so');
      const envelope = sealEnvelope({ sender: sender.senderId, binary, payload });
      try {
        await sink.publish(sender.channel, envelope, sender.origin.tenantId);
        return undefined;
      } catch {
        return unavailable();
      }
    }
  }
}

const PING = Buffer.from(PING_MESSAGE);

/** Whether a message asks for a sign of life alone (PROTOCOL.md §3). */
export function isPing(payload: Buffer, binary: boolean): boolean {
  return !binary && payload.length === PING.length && payload.equals(PING);
}

/** The answer to a message that is over a rate: it is not even looked at. */
export function tooMany(over: RefusedBytes, id?: string): RefusedMessage {
  return refusedMessage('TOO_MANY_MESSAGES', TOO_MANY[over] ?? TOO_MANY.message_rate, id);
}

/** The answer to a message that is not taken: its route takes none, or it is over its socket's rate. */
export function refuse(
  payload: Buffer,
  binary: boolean,
  { messages }: Sender,
  over: RefusedBytes = 'message_rate',
): Answer {
  if (messages === 'refuse') return refusedMessage('READ_ONLY', 'this route takes no messages');
  const id = messages === 'commands' && !binary ? refusedCommandId(payload) : undefined;
  return tooMany(over, id);
}

/** The answer to a reader's message, whatever it is. */
export function readOnly(payload: Buffer, binary: boolean, { messages }: Sender): RefusedMessage {
  const id = messages === 'commands' && !binary ? refusedCommandId(payload) : undefined;
  return refusedMessage('READ_ONLY', 'you may read here, and not write', id);
}

const TOO_MANY: Readonly<Partial<Record<RefusedBytes, string>>> & { readonly message_rate: string } = {
  message_rate: 'too many messages: send fewer a second',
  socket_bytes: 'too many bytes: send less a second',
  user_bytes: 'too many bytes of this user: send less a second',
  tenant_bytes: 'too many bytes of this tenant: send less a second',
};

const OVER_SHARE = 'too many commands of this tenant: send fewer, or smaller ones';

async function command(
  payload: Buffer,
  binary: boolean,
  { origin, bridgeV1, maxCommandValues, idempotencyKeys }: Sender,
  sink: MessageSink,
  timeMs: number,
): Promise<Answer | undefined> {
  if (binary) return refusedMessage('INVALID_COMMAND', 'expected a text message');
  const parsed = parseCommand(payload.toString('utf8'), maxCommandValues);
  if ('fault' in parsed) return refusedMessage('INVALID_COMMAND', parsed.fault, parsed.id);
  const identified = idempotencyKeys === undefined ? parsed : withKey(parsed, idempotencyKeys);
  if ('fault' in identified) return refusedMessage('INVALID_COMMAND', identified.fault, identified.id);
  const { id } = identified;
  const { tenantId, session } = origin;
  const entry = commandEntry(identified, origin, timeMs);
  const onceId = bridgeV1 ? id : undefined;
  try {
    const outcome = await sink.addCommand({ entry, tenantId, session, onceId });
    if (outcome === 'over share') return refusedMessage('TOO_MANY_MESSAGES', OVER_SHARE, id);
    return id === undefined ? undefined : { kind: 'taken', id };
  } catch {
    return unavailable(id);
  }
}

/** The answer to what Redis did not confirm. */
export function unavailable(id?: string): RefusedMessage {
  return refusedMessage('UNAVAILABLE', 'Redis did not confirm it: try again later', id);
}

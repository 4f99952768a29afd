/** The beginning of a collaboration message on its way between bridges: 0xFF, `ws-bridge/peer`, version 1. */
export const ENVELOPE_MAGIC = Buffer.concat([
  Buffer.of(0xff),
  Buffer.from('ws-bridge/peer', 'latin1'),
  Buffer.of(0x01),
]);
/** Bytes of a sender id. */
export const SENDER_ID_BYTES = 16;

/** A sender id as its client is told it, so that it can post under it: base64url. */
export function peerName(sender: Buffer): string {
  return sender.toString('base64url');
}

/** @returns undefined for what names no sender id */
export function senderNamed(name: string): Buffer | undefined {
  const sender = Buffer.from(name, 'base64url');
  return sender.length === SENDER_ID_BYTES && peerName(sender) === name ? sender : undefined;
}

/** RFC 6455 §5.2. */
const OPCODE_TEXT = 0x1;
const OPCODE_BINARY = 0x2;
/** None of a message: a bridge says who is there (PROTOCOL.md §13). A bridge that does not know it drops it. */
const OPCODE_PEERS = 0xf;
/** None of a message either: a bridge says that locks have changed (PROTOCOL.md §14). */
const OPCODE_LOCKS = 0xe;
const OPCODE_OFFSET = ENVELOPE_MAGIC.length + SENDER_ID_BYTES;
const HEADER_BYTES = OPCODE_OFFSET + 1;

/** A peer's message. */
export interface PeerMessage {
  /** {@link SENDER_ID_BYTES} bytes. */
  readonly sender: Buffer;
  readonly binary: boolean;
  readonly payload: Buffer;
}

/** Wraps a peer's message for its way between bridges (PROTOCOL.md §3). */
export function sealEnvelope({ sender, binary, payload }: PeerMessage): Buffer {
  if (sender.length !== SENDER_ID_BYTES)
    throw new RangeError(`expected ${SENDER_ID_BYTES} bytes of sender id, got ${sender.length}`);
  return Buffer.concat([ENVELOPE_MAGIC, sender, Buffer.of(binary ? OPCODE_BINARY : OPCODE_TEXT), payload]);
}

/** Whether a message came from a peer; anything else was published by a service. */
export function isEnvelope(message: Buffer): boolean {
  return message.subarray(0, ENVELOPE_MAGIC.length).equals(ENVELOPE_MAGIC);
}

/**
 * Unwraps a peer's message, without copying it.
 * @returns undefined when it is cut short or its opcode is neither text nor binary
 */
export function openEnvelope(message: Buffer): PeerMessage | undefined {
  const opcode = message[OPCODE_OFFSET];
  if (!isEnvelope(message) || (opcode !== OPCODE_TEXT && opcode !== OPCODE_BINARY)) return undefined;
  return {
    sender: message.subarray(ENVELOPE_MAGIC.length, OPCODE_OFFSET),
    binary: opcode === OPCODE_BINARY,
    payload: message.subarray(HEADER_BYTES),
  };
}

/** The peers that a bridge has at a document. */
export interface SealedPeers {
  /** The id of the bridge: {@link SENDER_ID_BYTES} bytes. */
  readonly bridge: Buffer;
  readonly payload: Buffer;
}

/** Wraps what a bridge says of its peers. No message of a client is ever wrapped so. */
export function sealPeers(bridge: Buffer, payload: Buffer): Buffer {
  return Buffer.concat([ENVELOPE_MAGIC, bridge, Buffer.of(OPCODE_PEERS), payload]);
}

/** Unwraps it. @returns undefined when it is anything else */
export function openPeers(message: Buffer): SealedPeers | undefined {
  if (message[OPCODE_OFFSET] !== OPCODE_PEERS || !isEnvelope(message)) return undefined;
  return { bridge: bridgeOf(message), payload: message.subarray(HEADER_BYTES) };
}

/** A bridge's message when locks of a document have changed. No message of a client is ever wrapped so. */
export function sealLocksChanged(bridge: Buffer): Buffer {
  return Buffer.concat([ENVELOPE_MAGIC, bridge, Buffer.of(OPCODE_LOCKS)]);
}

/** @returns the bridge that says so; undefined when it is anything else */
export function openLocksChanged(message: Buffer): Buffer | undefined {
  if (message[OPCODE_OFFSET] !== OPCODE_LOCKS || !isEnvelope(message)) return undefined;
  return bridgeOf(message);
}

function bridgeOf(message: Buffer): Buffer {
  return message.subarray(ENVELOPE_MAGIC.length, OPCODE_OFFSET);
}

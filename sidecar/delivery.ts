import { isUtf8 } from 'node:buffer';
import { CONTROL_FRAME_PREFIX } from '../protocol/frames';
import { isEnvelope, openEnvelope } from './envelope';
import type { Outgoing } from './outgoing';
import { serverFrame } from './server-frame';

/** One message on its way to sockets, from {@link frameOf}: made once, whoever it goes to. */
export interface Frame extends Outgoing {
  readonly kind: 'data';
  readonly binary: boolean;
  /** It begins as only the bridge's own control frames may (PROTOCOL.md §5). */
  readonly reserved: boolean;
}

/** A socket, or what stands for one, as messages from Redis see it. */
export interface Receiver {
  /** Set on a route that relays between peers: its own messages do not come back to it. */
  readonly senderId: Buffer | undefined;
  take(frame: Frame): void;
}

/**
 * Hands a message of a channel to each of its receivers: what a service published as it is, text when it is
 * valid UTF-8 (RFC 6455 §5.6) and binary otherwise; what a peer sent as it came, to every other peer.
 */
export function deliver(message: Buffer, receivers: Iterable<Receiver>): void {
  const binary = !isUtf8(message);
  const frame = frameOf(message, binary);
  // No envelope is UTF-8.
  if (!binary || !isEnvelope(message)) {
    for (const receiver of receivers) receiver.take(frame);
    return;
  }
  const fromPeer = openEnvelope(message);
  const inner = fromPeer === undefined ? undefined : frameOf(fromPeer.payload, fromPeer.binary);
  for (const receiver of receivers) {
    if (receiver.senderId === undefined) receiver.take(frame);
    else if (inner !== undefined && fromPeer?.sender.equals(receiver.senderId) === false)
      receiver.take(inner);
  }
}

const RESERVED = Buffer.from(CONTROL_FRAME_PREFIX);

/** Makes a frame of a message, which is copied: nothing of what it came in is kept. */
export function frameOf(message: Buffer, binary: boolean): Frame {
  const wire = serverFrame(message, binary);
  const payload = wire.subarray(wire.length - message.length);
  return { kind: 'data', wire, payload, binary, reserved: isReserved(payload, binary) };
}

/** Whether a message begins as only the bridge's own control frames may: those are text. */
export function isReserved(payload: Buffer, binary: boolean): boolean {
  return (
    !binary &&
    payload.length >= RESERVED.length &&
    payload.compare(RESERVED, 0, RESERVED.length, 0, RESERVED.length) === 0
  );
}

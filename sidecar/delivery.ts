import { isUtf8 } from 'node:buffer';
import { isEnvelope, openEnvelope } from './envelope';

/** A socket as messages from Redis see it. */
export interface Receiver {
  /** Set on a route that relays between peers: its own messages do not come back to it. */
  readonly senderId: Buffer | undefined;
  /** Sends one message. */
  send(payload: Buffer, binary: boolean): void;
}

/**
 * Hands a message of a channel to each of its sockets: what a service published as it is, text when it is
 * valid UTF-8 (RFC 6455 §5.6) and binary otherwise; what a peer sent as it came, to every other peer.
 */
export function deliver(message: Buffer, receivers: Iterable<Receiver>): void {
  const binary = !isUtf8(message);
  // No envelope is UTF-8.
  const fromPeer = binary && isEnvelope(message);
  for (const receiver of receivers) {
    if (fromPeer && receiver.senderId !== undefined) deliverToPeer(message, receiver, receiver.senderId);
    else receiver.send(message, binary);
  }
}

function deliverToPeer(message: Buffer, receiver: Receiver, ownId: Buffer): void {
  const peerMessage = openEnvelope(message);
  if (peerMessage === undefined || peerMessage.sender.equals(ownId)) return;
  receiver.send(peerMessage.payload, peerMessage.binary);
}

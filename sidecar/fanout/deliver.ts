import { isUtf8 } from 'node:buffer';
import { isEnvelope, openEnvelope, openLocksChanged, openPeers } from './peer-envelope';
import { frameOf, type Frame } from './frame';
import type { Members } from '../lib/small-set';

/** A socket, or what stands for one, as messages from Redis see it. */
export interface Receiver {
  /** Set on a route that relays between peers: its own messages do not come back to it. */
  readonly senderId: Buffer | undefined;
  deliver(frame: Frame): void;
  /** Another bridge, or this one, says who is there. */
  peersTold?(bridge: Buffer, payload: Buffer): void;
  /** A bridge, which may be this one, says that locks have changed. */
  locksChanged?(bridge: Buffer): void;
  /** Redis does not allow a channel of it any longer: nothing more comes. */
  refused?(): void;
  /** Its channel's subscription was lost and is back: a message may have been missed. */
  restored?(): void;
}

/** Tells everybody who heard a channel that Redis does not allow any longer. */
export function tellRefused(receivers: Members<Receiver>): void {
  for (const receiver of [...receivers]) receiver.refused?.();
}

/**
 * Delivers a message of a channel to each of its receivers. A service's message goes out as it is: as text when it is
 * valid UTF-8 (RFC 6455 §5.6), else as binary. A peer's message goes out as it came, to every other peer. A bridge's word on its peers or
 * on locks goes to no client as it is.
 */
export function deliver(message: Buffer, receivers: Members<Receiver>): void {
  const binary = !isUtf8(message);
  if (binary && isBridgesWord(message, receivers)) return;
  const isShared = receivers.size > 1;
  const frame = frameOf(message, binary, isShared);
  // No envelope is UTF-8.
  if (!binary || !isEnvelope(message)) {
    for (const receiver of receivers) receiver.deliver(frame);
    return;
  }
  const fromPeer = openEnvelope(message);
  const inner = fromPeer === undefined ? undefined : frameOf(fromPeer.payload, fromPeer.binary, isShared);
  for (const receiver of receivers) {
    if (receiver.senderId === undefined) receiver.deliver(frame);
    else if (inner !== undefined && fromPeer?.sender.equals(receiver.senderId) === false)
      receiver.deliver(inner);
  }
}

/** @returns whether it is a bridge's word to the others */
function isBridgesWord(message: Buffer, receivers: Members<Receiver>): boolean {
  const peers = openPeers(message);
  const changedBy = openLocksChanged(message);
  if (peers !== undefined) {
    for (const receiver of receivers) receiver.peersTold?.(peers.bridge, peers.payload);
  } else if (changedBy !== undefined) {
    for (const receiver of receivers) receiver.locksChanged?.(changedBy);
  }
  return peers !== undefined || changedBy !== undefined;
}

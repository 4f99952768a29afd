import { serverFrame } from './frame-encoding';

/** What goes out on sockets: one whole frame of RFC 6455, shared by all that it goes to. */
export interface Outgoing {
  readonly wire: Buffer;
  /** The payload is at the wire's end. */
  readonly payloadBytes: number;
  /**
   * `data`: published, and counted by a client of `bridge.v1`; `gap`: says from where it counts on; `note`:
   * anything else of the bridge's own.
   */
  readonly kind: 'data' | 'gap' | 'note';
}

/** A text message of the bridge's own. */
export function outgoingText(text: string, kind: 'gap' | 'note'): Outgoing {
  const payload = Buffer.from(text);
  return { wire: serverFrame(payload, false), payloadBytes: payload.length, kind };
}

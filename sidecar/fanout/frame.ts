import { CONTROL_FRAME_PREFIX } from '../../protocol/frames';
import { BUFFER_OVERHEAD_BYTES, Keepers } from '../lib/keepers';
import { isBinary, payloadBytesAt, encodeFrame } from './frame-encoding';

/** One whole frame of RFC 6455, shared by all sockets that it goes to. */
export interface Outgoing {
  readonly wire: Buffer;
  /** The payload is at the wire's end. */
  readonly payloadBytes: number;
  /**
   * `data`: published, and counted by a client of `bridge.v1`; `gap`: says from where it counts on; `state`: says all, like
   * data, and is not counted; `note`: anything else of the bridge's own.
   */
  readonly kind: 'data' | 'gap' | 'state' | 'note';
}

/** A text message of the bridge's own. */
export function outgoingText(text: string, kind: 'gap' | 'state' | 'note'): Outgoing {
  const payload = Buffer.from(text);
  return { wire: encodeFrame(payload, false), payloadBytes: payload.length, kind };
}

const RESERVED = Buffer.from(CONTROL_FRAME_PREFIX);

/** One message on its way to sockets: made once, whoever it goes to. */
export class Frame implements Outgoing {
  readonly kind = 'data';
  readonly wire: Buffer;
  readonly payloadBytes: number;
  /** It begins as only the bridge's own control frames may (PROTOCOL.md §5). */
  readonly reserved: boolean;
  /** It goes to several, each of which may keep it. */
  readonly isShared: boolean;
  #ringKeepers: Keepers | undefined;

  /** @param wire one whole frame from {@link encodeFrame} */
  constructor(wire: Buffer, isShared: boolean) {
    this.wire = wire;
    this.isShared = isShared;
    this.payloadBytes = payloadBytesAt(wire, 0);
    this.reserved = !isBinary(wire) && isReservedAt(wire, wire.length - this.payloadBytes);
  }

  /** The rings that have it, of one that is shared. */
  get ringKeepers(): Keepers {
    return (this.#ringKeepers ??= new Keepers(this.wire.length + BUFFER_OVERHEAD_BYTES));
  }

  get payload(): Buffer {
    return this.wire.subarray(this.wire.length - this.payloadBytes);
  }

  get binary(): boolean {
    return isBinary(this.wire);
  }
}

/**
 * Makes a frame of a message, which is copied: nothing of what it came in is kept.
 * @param isShared whether it goes to several
 */
export function frameOf(message: Buffer, binary: boolean, isShared = false): Frame {
  return new Frame(encodeFrame(message, binary, isShared), isShared);
}

/** Whether a message begins as only the bridge's own control frames may: those are text. */
export function isReserved(payload: Buffer, binary: boolean): boolean {
  return !binary && isReservedAt(payload, 0);
}

/** U+FEFF in UTF-8: a receiver may take it for a byte order mark, and leave it out of what it reads (RFC 3629 §6). */
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

function isReservedAt(bytes: Buffer, at: number): boolean {
  let start = at;
  while (startsWithAt(bytes, start, BYTE_ORDER_MARK)) start += BYTE_ORDER_MARK.length;
  return startsWithAt(bytes, start, RESERVED);
}

/** Most messages differ in one of the first bytes: no call into native code finds that out as fast. */
function startsWithAt(bytes: Buffer, at: number, start: Buffer): boolean {
  for (let index = 0; index < start.length; index += 1) {
    if (bytes[at + index] !== start[index]) return false;
  }
  return true;
}

import { CLOSE_CODES, type AfterClose } from '../../protocol/close-codes';
import { CONTROL_FRAME_PREFIX, CONTROL_TYPE_PREFIX, type ControlFrame } from '../../protocol/frames';
import { frameBytesAt, isBinary, payloadBytesAt } from './frame-encoding';

/** A client's stream, as far as its ids tell of it. */
export interface StreamBeginning {
  /** Whether it asked for frames from before: a gap is owed when it does not get them. */
  readonly resumes: boolean;
  /** The session, where the client's URL names none. */
  readonly session: string | undefined;
  /** Whether its channel has states, and it has been sent neither a frame nor a state since its stream began. */
  readonly lacksState: boolean;
}

const [LF, CR] = [0x0a, 0x0d];
/** The ends of a line in an event stream (HTML, "Parsing an event stream"). */
const LINE_ENDS = /\r\n|\n|\r/;
const DATA = Buffer.from('data: ');
const END = Buffer.from('\n\n');
const CONTROL = Buffer.from(CONTROL_FRAME_PREFIX);

/** A comment, which nobody is told of. */
export const COMMENT = Buffer.from(':\n\n');

/**
 * Writes the frames of a `bridge.v1` client as events (PROTOCOL.md §11). It counts them as such a client does, so that each has the
 * resume point behind it as its id.
 */
export class EventEncoder {
  readonly #session: string;
  readonly #resumes: boolean;
  #lacksState: boolean;
  #epoch = '';
  #offset = 0;

  constructor({ resumes, session, lacksState }: StreamBeginning) {
    this.#resumes = resumes;
    this.#session = session === undefined ? '' : `&session=${session}`;
    this.#lacksState = lacksState;
  }

  /** @param wire whole frames, one behind the other */
  encode(wire: Buffer): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < wire.length;) {
      const end = at + frameBytesAt(wire, at);
      const payload = wire.subarray(end - payloadBytesAt(wire, at), end);
      this.#add(parts, payload, isBinary(wire.subarray(at, end)));
      at = end;
    }
    return Buffer.concat(parts);
  }

  #add(parts: Buffer[], payload: Buffer, binary: boolean): void {
    if (!binary && payload.subarray(0, CONTROL.length).equals(CONTROL)) {
      parts.push(Buffer.from(this.#control(JSON.parse(payload.toString('utf8')) as ControlFrame)));
      return;
    }
    this.#offset += 1;
    this.#lacksState = false;
    const id = `id: ${this.#point}\n`;
    if (binary) parts.push(Buffer.from(`${id}event: binary\ndata: ${payload.toString('base64')}\n\n`));
    else parts.push(Buffer.from(id), DATA, inLines(payload), END);
  }

  #control(frame: ControlFrame): string {
    const id = this.#isPoint(frame) ? `id: ${this.#point}\n` : '';
    const event = frame.type.slice(CONTROL_TYPE_PREFIX.length);
    return `${id}event: ${event}\ndata: ${JSON.stringify(frame.data)}\n\n`;
  }

  /** Takes over what a control frame says of the count. @returns whether a client that has it may come back at that point */
  #isPoint(frame: ControlFrame): boolean {
    switch (frame.type) {
      case 'bridge.ready':
        this.#count(frame.data);
        return !this.#resumes || frame.data.resumed;
      case 'bridge.gap':
        this.#count(frame.data);
        return true;
      case 'bridge.state':
        this.#lacksState = false;
        return true;
      default:
        return false;
    }
  }

  #count({ epoch, offset }: { readonly epoch: string; readonly offset: number }): void {
    this.#epoch = epoch;
    this.#offset = offset;
  }

  get #point(): string {
    const state = this.#lacksState ? '&state=missing' : '';
    return `${this.#epoch}.${this.#offset}${state}${this.#session}`;
  }
}

/** A text with each of its lines in a `data:` of its own: nothing in it ends the event, or begins another field. */
function inLines(text: Buffer): Buffer {
  if (!text.includes(LF) && !text.includes(CR)) return text;
  return Buffer.from(text.toString('utf8').split(LINE_ENDS).join('\ndata: '));
}

/** When an `EventSource` is to come back: at least so many milliseconds later, and up to so many more. */
const RETRY_MS: Readonly<Record<AfterClose, readonly [number, number] | undefined>> = {
  reconnect: [500, 4500],
  'reconnect-later': [5000, 25_000],
  'renew-token': [500, 4500],
  resume: [500, 1500],
  stop: undefined,
};

/** @param random from 0 on and below 1 */
export function closeEvent(code: number, reason: string, random: number): Buffer {
  const row = Object.values(CLOSE_CODES).find((each) => each.code === code);
  const retryMs = row && RETRY_MS[row.then];
  const retry = retryMs === undefined ? '' : `retry: ${retryMs[0] + Math.floor(random * retryMs[1])}\n`;
  return Buffer.from(`${retry}event: close\ndata: ${JSON.stringify({ code, reason })}\n\n`);
}

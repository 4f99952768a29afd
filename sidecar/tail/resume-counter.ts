import type { RawData } from 'ws';
import { CONTROL_FRAME_PREFIX } from '../../protocol/frames';

/** The resume point (PROTOCOL.md §5), counted from what the newest socket got that was greeted. */
export class ResumeCounter {
  #socket: object | undefined;
  #epoch: string | undefined;
  #offset = 0;

  get text(): string | undefined {
    return this.#epoch === undefined ? undefined : `${this.#epoch}.${this.#offset}`;
  }

  /** A frame that came over a socket. One that is being replaced may go on for a while beside its successor. */
  take(socket: object, data: RawData, isBinary: boolean): void {
    const text = isBinary ? '' : Buffer.from(data as ArrayBuffer).toString();
    if (!text.startsWith(CONTROL_FRAME_PREFIX)) {
      if (socket === this.#socket) this.#offset += 1;
      return;
    }
    const frame = pointOf(text);
    if (frame === undefined) return;
    if (frame.type === 'bridge.ready') this.#socket = socket;
    if (socket !== this.#socket) return;
    this.#epoch = frame.epoch;
    this.#offset = frame.offset;
  }
}

interface PointFrame {
  readonly type: 'bridge.ready' | 'bridge.gap';
  readonly epoch: string;
  readonly offset: number;
}

/** @returns undefined for a frame that names no point: the client itself judges one that is malformed, and closes */
function pointOf(text: string): PointFrame | undefined {
  const { type, data } = parsed(text);
  const { epoch, offset } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (type !== 'bridge.ready' && type !== 'bridge.gap') return undefined;
  if (typeof epoch !== 'string' || !Number.isSafeInteger(offset) || (offset as number) < 0) return undefined;
  return { type, epoch, offset: offset as number };
}

/** It begins as an object. */
function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

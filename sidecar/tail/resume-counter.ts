import type { RawData } from 'ws';
import { CONTROL_FRAME_PREFIX, type ControlFrame } from '../../protocol/frames';

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
    const frame = JSON.parse(text) as ControlFrame;
    if (frame.type === 'bridge.ready') this.#socket = socket;
    if (socket !== this.#socket) return;
    if (frame.type !== 'bridge.ready' && frame.type !== 'bridge.gap') return;
    this.#epoch = frame.data.epoch;
    this.#offset = frame.data.offset;
  }
}

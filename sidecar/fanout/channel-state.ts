import { isUtf8 } from 'node:buffer';
import type { StateFrame } from '../../protocol/frames';
import { frameOf, outgoingText, type Frame, type Outgoing } from './frame';

/** The state of a channel on its way to sockets: made once, whoever it goes to. */
export class ChannelState {
  /** As plain clients get it. */
  readonly frame: Frame;
  #control: Outgoing | undefined;

  /** @param value the newest message of the channel, which is copied */
  constructor(value: Buffer) {
    this.frame = frameOf(value, !isUtf8(value));
  }

  /** As clients of `bridge.v1` get it. */
  get control(): Outgoing {
    return (this.#control ??= outgoingText(JSON.stringify(this.#stateFrame()), 'state'));
  }

  #stateFrame(): StateFrame {
    const { payload, binary } = this.frame;
    const data = binary ? { base64: payload.toString('base64') } : { text: payload.toString('utf8') };
    return { type: 'bridge.state', data };
  }
}

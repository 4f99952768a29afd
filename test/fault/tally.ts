import { WebSocket } from 'ws';
import { CONTROL_FRAME_PREFIX, type ControlFrame } from '../../protocol/frames';
import type { WebSocketConstructor } from '../../client/src/index';

/** What became of many connections. */
export class Tally {
  /** Upgrades that were asked for. */
  attempts = 0;
  /** Connections that were greeted, by how: `fresh`, `resumed`, `not resumed`. */
  readonly greetings: Record<string, number> = {};
  /** By close code; 1005 is the client's own, as when a connection was taken over. */
  readonly closes: Record<string, number> = {};
  /** By reason. */
  readonly gaps: Record<string, number> = {};
  /** By message. */
  readonly errors: Record<string, number> = {};

  /**
   * A WebSocket that is counted.
   * @param note told of each event in words
   */
  socket(note: (event: string) => void): WebSocketConstructor {
    const watch = (socket: WebSocket, point: string | null): void => {
      this.#watch(socket, point, note);
    };
    return class CountedSocket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { perMessageDeflate: false });
        watch(this, new URL(url).searchParams.get('resume'));
      }
    };
  }

  #watch(socket: WebSocket, point: string | null, note: (event: string) => void): void {
    this.attempts += 1;
    const id = this.attempts;
    let frames = 0;
    note(`#${id} asks to resume ${point ?? 'nothing'}`);
    socket.on('message', (data: Buffer, binary) => {
      if (binary || data.toString('latin1', 0, CONTROL_FRAME_PREFIX.length) !== CONTROL_FRAME_PREFIX) {
        frames += 1;
        return;
      }
      note(`#${id} after ${frames} frames ${data.toString('utf8')}`);
      this.#countControl(JSON.parse(data.toString('utf8')) as ControlFrame, point !== null);
    });
    socket.on('close', (code) => {
      note(`#${id} after ${frames} frames closed with ${code}`);
      count(this.closes, code);
    });
    socket.on('error', ({ message }) => {
      note(`#${id} ${message}`);
      count(this.errors, message);
    });
  }

  #countControl(frame: ControlFrame, resuming: boolean): void {
    if (frame.type === 'bridge.gap') count(this.gaps, frame.data.reason);
    if (frame.type !== 'bridge.ready') return;
    const unresumed = resuming ? 'not resumed' : 'fresh';
    count(this.greetings, frame.data.resumed ? 'resumed' : unresumed);
  }
}

function count(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

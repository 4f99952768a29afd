import { WebSocket } from 'ws';
import { CONTROL_FRAME_PREFIX, type ControlFrame } from '../../protocol/frames';
import type { WebSocketConstructor } from '../../client/src/index';
import { StreamSocket, type SocketWatcher } from './stream-socket';

/** The fate of many connections. */
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
   * @param overHttp whether it is none: an event stream
   */
  socket(note: (event: string) => void, overHttp = false): WebSocketConstructor {
    const watch = (url: string): SocketWatcher => this.#watch(new URL(url).searchParams.get('resume'), note);
    if (overHttp) {
      return class CountedStream extends StreamSocket {
        constructor(url: string, protocols: string[]) {
          super(url, protocols, watch(url));
        }
      };
    }
    return class CountedSocket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { perMessageDeflate: false });
        const watcher = watch(url);
        this.on('message', (data: Buffer, binary) => {
          watcher.message(data, binary);
        });
        this.on('close', (code) => {
          watcher.close(code);
        });
        this.on('error', ({ message }) => {
          watcher.error(message);
        });
      }
    };
  }

  #watch(point: string | null, note: (event: string) => void): SocketWatcher {
    this.attempts += 1;
    const id = this.attempts;
    let frames = 0;
    note(`#${id} asks to resume ${point ?? 'nothing'}`);
    return {
      message: (data, binary) => {
        if (binary || data.toString('latin1', 0, CONTROL_FRAME_PREFIX.length) !== CONTROL_FRAME_PREFIX) {
          frames += 1;
          return;
        }
        note(`#${id} after ${frames} frames ${data.toString('utf8')}`);
        this.#countControl(JSON.parse(data.toString('utf8')) as ControlFrame, point !== null);
      },
      close: (code) => {
        note(`#${id} after ${frames} frames closed with ${code}`);
        count(this.closes, code);
      },
      error: (message) => {
        note(`#${id} ${message}`);
        count(this.errors, message);
      },
    };
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

import { WebSocket, type RawData } from 'ws';
import { connect, type BridgeClient } from 'ws-bridge-client';
import { CONTROL_FRAME_PREFIX, type ControlFrame } from '../protocol/frames';
import { printable, refusalOf, type UpgradeAnswer } from './upgrade-answer';

/** What `ws-bridge tail` is told. */
export interface TailOptions {
  /** `wss://gateway.example/ws/notifications` */
  readonly url: URL;
  readonly token: string;
  /** Where to go on: what an earlier tail said at its end. */
  readonly resume: string | undefined;
  /** Data frames, one a line. */
  readonly out: (line: string) => void;
  /** Everything else. */
  readonly note: (line: string) => void;
}

/** A tail, from {@link startTail}. */
export interface Tail {
  /** Resolves with the exit code once it is over: 0 after stop(), 1 when the gateway or the bridge said so. */
  readonly ended: Promise<number>;
  /** Ends it, and notes the resume point. */
  stop(): void;
}

/** Refusals that stay when one tries again. */
const LASTING_STATUSES: readonly number[] = [400, 401, 403, 404, 426];

/** Prints what a route's clients get, over any number of reconnects. */
export function startTail({ url, token, resume, out, note }: TailOptions): Tail {
  const point = new CountedPoint();
  const address = new URL(url);
  if (resume !== undefined) address.searchParams.set('resume', resume);
  let finish: (code: number) => void;
  const ended = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const end = (code: number): void => {
    if (point.text !== undefined) note(`-- to go on from here: --resume ${point.text}`);
    finish(code);
  };
  const client: BridgeClient = connect({
    url: address,
    token: () => token,
    WebSocket: tellingSocket(
      point,
      ({ status, message }) => {
        note(`-- refused: ${status} ${message}`.trimEnd());
        if (!LASTING_STATUSES.includes(status)) return;
        client.close();
        end(1);
      },
      note,
    ),
  });
  client.on('state', (state) => {
    note(
      `-- ${state}${state === 'open' && client.session !== undefined ? `, session ${client.session}` : ''}`,
    );
  });
  client.on('message', (message) => {
    out(typeof message === 'string' ? message : `-- ${message.byteLength} bytes: ${hex(message)}`);
  });
  client.on('gap', (gap) => {
    note(`-- gap (${gap.reason}): frames were lost or may have been`);
  });
  client.on('refused', ({ code, message }) => {
    note(`-- refused: ${code} ${message}`);
  });
  client.on('close', ({ code, reason }) => {
    if (code === 1000) return;
    note(`-- closed for good: ${code} ${printable(reason)}`.trimEnd());
    end(1);
  });
  return {
    ended,
    stop: () => {
      client.close();
      end(0);
    },
  };
}

function hex(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('hex');
}

/** The resume point (PROTOCOL.md §5), counted from what the newest socket got that was greeted. */
export class CountedPoint {
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

/** Sockets that say why a handshake was refused, which a browser could not. */
function tellingSocket(
  point: CountedPoint,
  refused: (answer: UpgradeAnswer) => void,
  note: (line: string) => void,
) {
  return class TellingSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.on('message', (data, isBinary) => {
        point.take(this, data, isBinary);
      });
      this.on('unexpected-response', (_, response) => {
        void refusalOf(response).then((answer) => {
          refused(answer);
          this.terminate();
        });
      });
      this.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) note(`-- cannot connect: ${printable(error.message)}`);
      });
    }
  };
}

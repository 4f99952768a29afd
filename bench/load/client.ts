import { connect, type Socket } from 'node:net';
import { CONTROL_FRAME_PREFIX } from '../../protocol/frames';
import { clockUs } from '../clock';
import { findStamp, isStamp, stampIndex, stampTimeUs } from '../stamp';
import { EventReader } from './event-reader';
import {
  clientFrame,
  FrameReader,
  type OnFrame,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from './frame-reader';

/** A client's words beyond the WebSocket handshake, for servers with a protocol of their own. */
export interface Dialogue {
  /** Sent once the socket is open. */
  readonly hello: string;
  /** How the text begins with which the server says that it is ready. */
  readonly ready: string;
  /** A text of the server's that asks for an answer, and the answer. */
  readonly ping: string;
  readonly pong: string;
}

/** Who is told what comes on the clients' sockets. */
export interface Recorder {
  /** A frame with a stamp: which of its channel's messages it is, when that was made, and when it came. */
  frame(socket: number, index: number, timeUs: number, nowUs: number): void;
  /** A control frame of bridge.v1 told of a gap. */
  gap(): void;
  /** The server closed a socket. */
  closed(): void;
  /** Any other text. */
  text?(text: string): void;
}

/** How one client connects. */
export interface ClientPlan {
  readonly port: number;
  /**
   * The address it connects from; the system's choice when there is none. A system binds an address for one by searching for
   * a free port, which takes longer with each that an earlier trial left in TIME_WAIT.
   */
  readonly from?: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dialogue?: Dialogue;
  /** Whether it asks for an event stream in place of a WebSocket. */
  readonly overHttp?: boolean;
}

/** All clients read into this one: a chunk is used up before the next is read. */
const SHARED_BUFFER = Buffer.allocUnsafeSlow(65_536);
const HEAD_END = Buffer.from('\r\n\r\n');
/** The text of a refusal's body, without the parts that differ from one to the next. */
const MESSAGE = /"message":\s*"([^"]*)"/;

/** One WebSocket client on a bare socket: it counts frames and does nothing else. */
export class Client {
  readonly #plan: ClientPlan;
  readonly #number: number;
  readonly #recorder: Recorder;
  readonly #reader: FrameReader | EventReader;
  readonly #socket: Socket;
  readonly #openedUs: number;
  #head: Buffer | undefined = Buffer.alloc(0);
  #nowUs = 0;
  #stampOffset = -1;
  #leaving = false;
  #settle: (refusal: string | undefined) => void = () => undefined;
  /** Settles when it is ready, with why it is not when it was refused. */
  readonly opened: Promise<string | undefined>;
  /** From connecting to being ready, in microseconds. */
  handshakeUs = NaN;

  constructor(plan: ClientPlan, number: number, recorder: Recorder) {
    this.#plan = plan;
    this.#number = number;
    this.#recorder = recorder;
    this.opened = new Promise((resolve) => (this.#settle = resolve));
    const onFrame: OnFrame = (opcode, buffer, start, end) => {
      this.#frame(opcode, buffer, start, end);
    };
    this.#reader = plan.overHttp === true ? new EventReader(onFrame) : new FrameReader(onFrame);
    this.#openedUs = clockUs();
    this.#socket = connect({
      host: '127.0.0.1',
      port: plan.port,
      ...(plan.from !== undefined && { localAddress: plan.from }),
      noDelay: true,
      onread: {
        buffer: SHARED_BUFFER,
        callback: (bytes) => {
          this.#chunk(SHARED_BUFFER.subarray(0, bytes));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => {
      this.#settle(error.message);
    });
    this.#socket.on('close', () => {
      this.#settle('closed');
      if (!this.#leaving) recorder.closed();
    });
    this.#socket.write(handshake(plan));
  }

  /** Writes a frame. */
  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  /** Cuts the connection. */
  leave(): void {
    this.#leaving = true;
    this.#socket.destroy();
  }

  #chunk(chunk: Buffer): void {
    this.#nowUs = clockUs();
    if (this.#head === undefined) this.#reader.push(chunk);
    else this.#answer(Buffer.concat([this.#head, chunk]));
  }

  #answer(head: Buffer): void {
    const end = head.indexOf(HEAD_END);
    this.#head = end === -1 ? head : undefined;
    if (end === -1) return;
    const status = head.toString('latin1', 9, 12);
    if (status !== (this.#plan.overHttp === true ? '200' : '101')) {
      const message = MESSAGE.exec(head.toString('utf8', end + HEAD_END.length))?.[1];
      this.#settle(`refused with ${status}${message === undefined ? '' : ` "${message}"`}`);
      this.leave();
      return;
    }
    const { dialogue } = this.#plan;
    if (dialogue === undefined) this.#ready();
    else this.#socket.write(clientFrame(OPCODE_TEXT, Buffer.from(dialogue.hello)));
    const rest = head.subarray(end + HEAD_END.length);
    if (rest.length > 0) this.#reader.push(rest);
  }

  #ready(): void {
    this.handshakeUs = this.#nowUs - this.#openedUs;
    this.#settle(undefined);
  }

  #frame(opcode: number, buffer: Buffer, start: number, end: number): void {
    if (opcode === OPCODE_TEXT) this.#text(buffer, start, end);
    else if (opcode === OPCODE_PING)
      this.#socket.write(clientFrame(OPCODE_PONG, buffer.subarray(start, end)));
    else if (opcode === OPCODE_CLOSE)
      this.#socket.end(clientFrame(OPCODE_CLOSE, buffer.subarray(start, end)));
  }

  #text(buffer: Buffer, start: number, end: number): void {
    // The stamp is at the same place in each message: it is searched once.
    if (this.#stampOffset === -1 || !isStamp(buffer, start + this.#stampOffset)) {
      const found = findStamp(buffer.subarray(start, end));
      if (found === -1) {
        this.#other(buffer.toString('latin1', start, end));
        return;
      }
      this.#stampOffset = found;
    }
    const at = start + this.#stampOffset;
    this.#recorder.frame(this.#number, stampIndex(buffer, at), stampTimeUs(buffer, at), this.#nowUs);
  }

  #other(text: string): void {
    const { dialogue } = this.#plan;
    if (dialogue !== undefined && text.startsWith(dialogue.ready)) this.#ready();
    else if (text === dialogue?.ping)
      this.#socket.write(clientFrame(OPCODE_TEXT, Buffer.from(dialogue.pong)));
    else if (text.startsWith(`${CONTROL_FRAME_PREFIX}gap"`)) this.#recorder.gap();
    else this.#recorder.text?.(text);
  }
}

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** The upgrade that a client asks for, or the stream. */
export function handshake({
  port,
  path,
  headers,
  overHttp = false,
}: Pick<ClientPlan, 'port' | 'path' | 'headers' | 'overHttp'>): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    ...(overHttp ? ['Accept: text/event-stream'] : UPGRADE),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

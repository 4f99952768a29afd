import {
  CONTROL_FRAME_PREFIX,
  SUBPROTOCOL,
  type AckFrame,
  type BridgeErrorFrame,
  type ControlFrame,
  type GapFrame,
  type ReadyFrame,
} from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import type { Settings } from './options.ts';
import { parseFrame } from './parse-frame.ts';
import { ResumeCursor } from './resume-cursor.ts';
import { OPEN, type WebSocketLike } from './web-socket.ts';

// RFC 6455 §7.4.1: what a socket says that ended without a close frame.
const ABNORMAL = 1006;
const PROBE = `${CONTROL_FRAME_PREFIX}ping"}`;

/** What a connection tells its client. */
export interface ConnectionEvents {
  /** It is ready. A gap follows when it could not resume. */
  opened(ready: ReadyFrame['data']): void;
  /** A control frame other than those that open it. */
  control(frame: AckFrame | GapFrame | BridgeErrorFrame): void;
  /** A data frame, told once over all connections. */
  data(data: string | ArrayBuffer): void;
  /** The token or the socket could not be had. */
  failed(cause: unknown): void;
  /** It is gone; the last that is heard of it. */
  closed(code: number, reason: string): void;
}

/** One WebSocket, from its token to its end. */
export class Connection {
  heardAtMs = 0;
  /** When it was asked for a sign of life; undefined when one came since. */
  askedAtMs: number | undefined;
  token = '';
  /** Counts from when the socket was asked for. */
  cursor = new ResumeCursor();
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  readonly #deadline: Alarm;
  #socket: WebSocketLike | undefined;
  #ready: ReadyFrame['data'] | undefined;
  #isOpen = false;
  /** How many questions for a sign of life have had no answer of their own. */
  #asked = 0;
  #over = false;

  /**
   * Opens a connection.
   * @param resumeFrom called when the token is there, as late as can be
   */
  constructor(
    settings: Settings,
    resumeFrom: () => [ResumeCursor, session: string | undefined],
    events: ConnectionEvents,
  ) {
    this.#settings = settings;
    this.#events = events;
    this.#deadline = new Alarm(settings.clock, () => {
      this.#end();
    });
    this.#deadline.set(settings.clock.now() + settings.connectTimeoutMs);
    void this.#open(resumeFrom);
  }

  /** @returns whether an open socket took it */
  send(data: string | ArrayBuffer | ArrayBufferView): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(data as never);
    return true;
  }

  /** Asks for a sign of life: on every route the bridge refuses at once what begins as only its own frames may. */
  ask(): void {
    this.askedAtMs = this.#settings.clock.now();
    this.#asked += 1;
    this.send(PROBE);
  }

  /** Closes the connection. Nothing is heard of it any more. */
  drop(): void {
    this.#over = true;
    this.#deadline.set(undefined);
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  async #open(resumeFrom: () => [ResumeCursor, string | undefined]): Promise<void> {
    try {
      const { WebSocket, bearerPrefix, token, url } = this.#settings;
      this.token = await Promise.resolve().then(token);
      if (this.#over) return;
      const [cursor, session] = resumeFrom();
      this.cursor = cursor;
      const address = addressOf(url, session, cursor.point);
      this.#listen(new WebSocket(address, [SUBPROTOCOL, bearerPrefix + this.token]));
    } catch (cause) {
      if (this.#over) return;
      this.#events.failed(cause);
      this.#end();
    }
  }

  #listen(socket: WebSocketLike): void {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) => {
      this.#receive(data);
    };
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      this.#end(code, reason);
    };
    // Says nothing that the close after it does not; ws throws when nobody listens.
    socket.onerror = () => undefined;
  }

  #receive(data: string | ArrayBuffer): void {
    this.heardAtMs = this.#settings.clock.now();
    this.askedAtMs = undefined;
    if (typeof data === 'string' && data.startsWith(CONTROL_FRAME_PREFIX)) {
      this.#control(parseFrame(data) as ControlFrame | undefined);
    } else if (!this.#isOpen) this.#end();
    else if (this.cursor.count()) this.#events.data(data);
  }

  #control(frame: ControlFrame | undefined): void {
    if (frame?.type === 'bridge.ready') this.#greet(frame.data);
    else if (!frame || !this.#ready) this.#end();
    else if (frame.type === 'bridge.gap') this.#gap(this.#ready, frame);
    else if (this.#asked && isNameless(frame)) this.#asked -= 1;
    else this.#events.control(frame);
  }

  #greet(ready: ReadyFrame['data']): void {
    this.#ready = ready;
    // A gap follows.
    if (this.cursor.point !== undefined && !ready.resumed) return;
    this.cursor.goOn(ready);
    this.#opened(ready);
  }

  #gap(ready: ReadyFrame['data'], gap: GapFrame): void {
    const isFirst = !this.#isOpen;
    // What the connection before this one has delivered meanwhile would come twice: ask again, from further on.
    if (isFirst && this.cursor.overtaken) {
      this.#end();
      return;
    }
    this.cursor.restart(gap.data);
    if (isFirst) this.#opened(ready);
    this.#events.control(gap);
  }

  #opened(ready: ReadyFrame['data']): void {
    this.#isOpen = true;
    this.#deadline.set(undefined);
    this.#events.opened(ready);
  }

  #end(code = ABNORMAL, reason = ''): void {
    if (this.#over) return;
    this.drop();
    this.#events.closed(code, reason);
  }
}

/** Whether it refuses a message that is no command, and was not even tried. */
function isNameless({ type, data }: ControlFrame): boolean {
  return type === 'bridge.error' && data.id === undefined && data.code !== 'UNAVAILABLE';
}

function addressOf(url: URL, session: string | undefined, point: string | undefined): string {
  const address = new URL(url);
  if (session !== undefined) address.searchParams.set('session', session);
  if (point !== undefined) address.searchParams.set('resume', point);
  return address.href;
}

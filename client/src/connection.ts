import {
  CONTROL_FRAME_PREFIX,
  PING_MESSAGE,
  PROTOCOL_ERROR_CLOSE,
  SUBPROTOCOL,
  type AckFrame,
  type BridgeErrorFrame,
  type ControlFrame,
  type GapFrame,
  type LockFrame,
  type PeersFrame,
  type ReadyFrame,
  type StateFrame,
} from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import { askedRefusal, type Fetch } from './asked-refusal.ts';
import type { Ending } from './ending.ts';
import { ConnectError } from './errors.ts';
import type { Settings } from './options.ts';
import { parseControlFrame } from './parse-control-frame.ts';
import { ResumeCursor } from './resume-cursor.ts';
import { checkedToken } from './token.ts';
import { onRefusal } from './told-refusal.ts';
import { OPEN, type WebSocketLike } from './web-socket.ts';

// RFC 6455 §7.4.1: what a socket says that ended without a close frame.
const ABNORMAL = 1006;

/** The channel's state, a frame from before the connection, the last of these, or another. */
export type DataKind = 'state' | 'past' | 'last' | 'new';

/** The events of a connection, for its client. */
export interface ConnectionEvents {
  /** It is ready. A gap follows when it could not resume. */
  opened(ready: ReadyFrame['data']): void;
  /** A control frame other than those that open it. */
  control(frame: AckFrame | GapFrame | BridgeErrorFrame | LockFrame | PeersFrame): void;
  /** A data frame, told once over all connections, or the channel's state, which belongs to no count. */
  data(data: string | ArrayBuffer, kind: DataKind): void;
  /** It is gone; the last that is heard of it. */
  closed(ending: Ending): void;
}

/** The error that a socket reports. */
interface Report {
  readonly message?: string;
  readonly error?: unknown;
  /** Gives the answer that refused it: an event stream has it. */
  readonly answered?: Fetch;
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
  #session: string | undefined;
  #ready: ReadyFrame['data'] | undefined;
  #isOpen = false;
  /** The beginning that it asked for: a point, or all that is kept. */
  #resume: string | undefined;
  #isHandshakeOver = false;
  readonly #over = new AbortController();
  /** Why it will end, when that is known before it does. */
  #failure: unknown;
  /** The error that the socket reported of itself. */
  #report: Report = {};

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
    const { connectTimeoutMs } = settings;
    this.#deadline = new Alarm(settings.clock, () => {
      this.#failure ??= new ConnectError(
        'CONNECT_TIMEOUT',
        `cannot connect: not ready in ${connectTimeoutMs} ms`,
      );
      this.#end();
    });
    this.#deadline.set(connectTimeoutMs);
    void this.#open(resumeFrom);
  }

  /** @returns whether an open socket took it */
  send(data: string | ArrayBuffer | ArrayBufferView): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(data as never);
    return true;
  }

  /** Asks for a sign of life: the bridge answers at once on every route. */
  ask(): void {
    this.askedAtMs = this.#settings.monotonicNow();
    this.send(PING_MESSAGE);
  }

  /** Closes the connection. Nothing is heard of it any more. */
  drop(code = 1000): void {
    this.#over.abort();
    this.#deadline.set(undefined);
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(code);
  }

  async #open(resumeFrom: () => [ResumeCursor, string | undefined]): Promise<void> {
    try {
      const { WebSocket, bearerPrefix, token, url, resume } = this.#settings;
      this.token = checkedToken(await Promise.resolve().then(token), bearerPrefix);
      if (this.#over.signal.aborted) return;
      [this.cursor, this.#session] = resumeFrom();
      this.#resume = this.cursor.isNew ? resume : this.cursor.point;
      const address = addressOf(url, this.#session, this.#resume, this.cursor);
      this.#listen(new WebSocket(address, [SUBPROTOCOL, bearerPrefix + this.token]), address);
    } catch (cause) {
      this.#failure = cause;
      this.#end();
    }
  }

  #listen(socket: WebSocketLike, address: string): void {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) => {
      this.#receive(data);
    };
    socket.onopen = () => {
      this.#isHandshakeOver = true;
    };
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      if (code !== ABNORMAL || this.#isHandshakeOver || this.#failure) this.#end(code, reason);
      else void this.#askWhy(address);
    };
    // A close follows. ws throws when nobody listens.
    socket.onerror = (report: Report) => {
      this.#report = report;
    };
    const { clock } = this.#settings;
    onRefusal(
      socket,
      () => clock.now(),
      (refusal, isAll) => {
        this.#failure = refusal;
        if (isAll) this.#end();
      },
    );
  }

  /** Once a handshake: the answer is for the application, and for the delay before the next. */
  async #askWhy(address: string): Promise<void> {
    const { clock } = this.#settings;
    const fetch = this.#report.answered ?? this.#settings.fetch;
    this.#failure = this.#handshakeError(ABNORMAL, '');
    if (fetch) {
      const now = (): number => clock.now();
      this.#failure =
        (await askedRefusal(address, this.token, fetch, now, this.#over.signal)) ?? this.#failure;
    }
    this.#end();
  }

  #receive(data: string | ArrayBuffer): void {
    this.heardAtMs = this.#settings.monotonicNow();
    this.askedAtMs = undefined;
    if (typeof data === 'string' && data.startsWith(CONTROL_FRAME_PREFIX)) {
      this.#control(parseControlFrame(data));
    } else if (!this.#isOpen) this.#break('a data frame before its time');
    else {
      const left = this.cursor.past;
      if (this.cursor.count()) this.#events.data(data, left > 1 ? 'past' : left === 1 ? 'last' : 'new');
    }
  }

  #control(frame: ControlFrame | undefined): void {
    if (!frame) this.#break('a malformed control frame');
    else if (frame.type === 'bridge.ready') this.#greet(frame.data);
    else if (!this.#ready) this.#break('a control frame before bridge.ready');
    else if (frame.type === 'bridge.gap') this.#gap(this.#ready, frame);
    else if (frame.type === 'bridge.state') this.#show(frame.data);
    else if (frame.type !== 'bridge.pong') this.#events.control(frame);
  }

  #show(state: StateFrame['data']): void {
    if (!this.#isOpen) {
      this.#break('a data frame before its time');
      return;
    }
    this.cursor.lacksState = false;
    this.#events.data('text' in state ? state.text : bytesOf(state.base64), 'state');
  }

  #greet(ready: ReadyFrame['data']): void {
    if (this.#ready || (this.#session !== undefined && ready.session !== this.#session)) {
      this.#break(this.#ready ? 'a second bridge.ready' : 'bridge.ready of another session');
      return;
    }
    this.#ready = ready;
    // A gap follows.
    if (this.#resume !== undefined && !ready.resumed) return;
    const isWhole = this.cursor.goOn(ready);
    this.#opened(ready);
    if (isWhole) return;
    const { epoch, offset } = ready;
    this.#events.control({ type: 'bridge.gap', data: { reason: 'unknown', epoch, offset } });
  }

  #gap(ready: ReadyFrame['data'], gap: GapFrame): void {
    if (this.#isOpen) this.cursor.restart(gap.data);
    else if (this.cursor.overtaken) {
      // The frames that the connection before this one has delivered meanwhile would come twice: ask again, from further
      // on.
      this.#end(ABNORMAL, '', false);
      return;
    } else {
      this.cursor.begin(gap.data);
      this.#opened(ready);
    }
    this.#events.control(gap);
  }

  #opened(ready: ReadyFrame['data']): void {
    const { live } = ready;
    if (live !== undefined) this.cursor.past = Math.max(0, live - this.cursor.offset);
    this.#isOpen = true;
    this.#deadline.set(undefined);
    this.#events.opened(ready);
  }

  /** The peer does not keep to the protocol, so nothing that it would send after this can be counted. */
  #break(what: string): void {
    const closeCode = PROTOCOL_ERROR_CLOSE;
    this.#failure = new ConnectError('PROTOCOL', `the peer sent ${what}`, { closeCode });
    this.#end(closeCode, what);
  }

  #end(code = ABNORMAL, reason = '', isFailure = !this.#isOpen): void {
    if (this.#over.signal.aborted) return;
    this.drop(code === PROTOCOL_ERROR_CLOSE ? code : 1000);
    const error = this.#failure ?? (isFailure ? this.#handshakeError(code, reason) : undefined);
    this.#events.closed({ code, reason, error });
  }

  #handshakeError(closeCode: number, reason: string): ConnectError {
    const { message, error: cause = message } = this.#report;
    const why = message ?? `closed with ${closeCode} ${reason}`.trimEnd();
    return new ConnectError('HANDSHAKE_FAILED', `cannot connect: ${why}`, { closeCode, cause });
  }
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer;
}

function addressOf(
  url: URL,
  session: string | undefined,
  resume: string | undefined,
  { point, lacksState }: Pick<ResumeCursor, 'point' | 'lacksState'>,
): string {
  const address = new URL(url);
  if (session !== undefined) address.searchParams.set('session', session);
  if (resume !== undefined) address.searchParams.set('resume', resume);
  if (point !== undefined && lacksState) address.searchParams.set('state', 'missing');
  return address.href;
}

import {
  CONTROL_FRAME_PREFIX,
  type BridgeErrorFrame,
  type ControlFrame,
  type LockedFrame,
  type LockMessage,
  type LocksFrame,
  type UnlockMessage,
} from '../../protocol/frames.ts';
import { BridgeClientError } from './errors.ts';
import { overheard } from './overheard.ts';
import { parseControlFrame } from './parse-control-frame.ts';
import { OPEN, type WebSocketConstructor, type WebSocketLike } from './web-socket.ts';

/** Who holds what at a document. */
export type ListedLocks = LocksFrame['data']['locks'];

/** How locks are kept. */
export interface LocksOptions {
  /** Gets each list: when the connection is open, and on each change. */
  readonly told?: ((locks: ListedLocks) => void) | undefined;
  /** The constructor of the sockets, such as that of `ws`; `globalThis.WebSocket` by default. */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /** By this the bridge knows this page again: 1 to 64 characters of `[A-Za-z0-9_-]`; at random by default. */
  readonly holder?: string | undefined;
}

/** A name of the document that this page holds. */
export interface Lock {
  readonly name: string;
  /** The fencing token, larger after each reconnect: send it, as it is then, with what is written under the lock. */
  readonly token: number;
  /** Aborted when the lock is lost: the bridge said so, somebody else had it when the client came back, or the client is closed. */
  readonly lost: AbortSignal;
  /** Gives it back. */
  unlock(): void;
}

/** In how many milliseconds a held lock is asked for again when the bridge could not say. */
const RETRY_MS = 1_000;

/** So long the bridge keeps the locks of a client that is closed, unless its operator says otherwise. */
const LINGER_MS = 10_000;

/** The bridge could not say now. */
const UNDECIDED: ReadonlySet<string> = new Set(['UNAVAILABLE', 'TOO_MANY_MESSAGES']);
/** Only a `lock` is refused with these. */
const OF_LOCKS: ReadonlySet<string> = new Set(['LOCKED', 'TOO_MANY_LOCKS']);
/** A refusal with one of these may come without a name: from a route without locks it does. */
const NAMELESS: ReadonlySet<string> = new Set(['RESERVED', 'INVALID_LOCK', 'READ_ONLY', 'INVALID_COMMAND']);

/** A name that the page wants: asked for, and then held. */
class Wanted implements Lock {
  token = NaN;
  /** Its question is on its way. */
  isAsked = false;
  readonly name: string;
  readonly granted: Promise<Lock>;
  readonly #controller = new AbortController();
  readonly #unlock: () => void;
  #grant!: (lock: Lock) => void;
  #refuse!: (cause: BridgeClientError) => void;

  constructor(name: string, unlock: () => void) {
    this.name = name;
    this.#unlock = unlock;
    this.granted = new Promise((grant, refuse) => {
      this.#grant = grant;
      this.#refuse = refuse;
    });
  }

  get lost(): AbortSignal {
    return this.#controller.signal;
  }

  get isHeld(): boolean {
    return !Number.isNaN(this.token);
  }

  unlock(): void {
    this.#unlock();
  }

  isGranted(token: number): void {
    this.token = token;
    this.isAsked = false;
    this.#grant(this);
  }

  /** It is not to be had, or not held any more. */
  isOver(cause: BridgeClientError): void {
    this.#refuse(cause);
    if (this.isHeld) this.#controller.abort(cause);
  }
}

/**
 * The locks of one document (PROTOCOL.md §14). Give {@link Locks.WebSocket} to the client that is connected to it. The bridge's route
 * needs `locks`. A client over an event stream hears of locks and holds none.
 * @example
 * const locks = new Locks({ told: show });
 * const client = connect({ url, path, token, WebSocket: locks.WebSocket });
 * const lock = await locks.lock('B7');
 */
export class Locks {
  /** For the client's option `WebSocket`. */
  readonly WebSocket: WebSocketConstructor;
  readonly #told: (locks: ListedLocks) => void;
  readonly #holder: string;
  readonly #wanted = new Map<string, Wanted>();
  /** How many unlocks of a name are not answered yet. Answers come in order: those before it are of no use any more. */
  readonly #unlocking = new Map<string, number>();
  #socket: WebSocketLike | undefined;
  /** Why there will be no connection, once its client is closed. */
  #closed: BridgeClientError | undefined;

  constructor({
    told = () => undefined,
    WebSocket = (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket,
    holder = randomHolder(),
  }: LocksOptions = {}) {
    if (!WebSocket) throw new TypeError('no WebSocket: pass one');
    this.#told = told;
    this.#holder = holder;
    const take = (socket: WebSocketLike, data: unknown): void => {
      this.#take(socket, data);
    };
    // Another client may take over, as of a component that is mounted anew. In browsers there is no unref.
    let ending: number | { unref?(): void } | undefined;
    const begin = (): void => {
      clearTimeout(ending as number);
      this.#closed = undefined;
    };
    const Socket = function (url: string, protocols: string[]): WebSocketLike {
      begin();
      const socket = new WebSocket(url, protocols);
      overheard(socket, ({ data }) => {
        take(socket, data);
      });
      return socket;
    };
    const ended = (): void => {
      WebSocket.ended?.();
      clearTimeout(ending as number);
      ending = setTimeout(() => {
        this.#end();
      }, LINGER_MS);
      (ending as { unref?(): void }).unref?.();
    };
    // A constructor that returns an object gives that one.
    this.WebSocket = Object.assign(Socket as unknown as WebSocketConstructor, { ended });
  }

  /**
   * Locks a name, once there is a connection. While it is held it is asked for again after each reconnect.
   * @throws BridgeClientError when it cannot be had: `LOCKED` when another holds it, or another code of PROTOCOL.md §14. `CLOSED` when the
   *   client is closed for good, or {@link Locks.close} is called
   */
  lock(name: string): Promise<Lock> {
    if (this.#closed) return Promise.reject(this.#closed);
    let wanted = this.#wanted.get(name);
    if (!wanted) {
      const made = new Wanted(name, () => {
        if (this.#wanted.get(name) === made) this.#unlock(made);
      });
      this.#wanted.set(name, (wanted = made));
      this.#ask(wanted);
    }
    return wanted.granted;
  }

  /** Gives back all that is held, and gives up what was asked for. */
  close(): void {
    for (const wanted of this.#wanted.values()) this.#unlock(wanted);
  }

  /** Unless another client has a connection. */
  #end(): void {
    if (this.#socket?.readyState === OPEN) return;
    this.#closed = new BridgeClientError('CLOSED', 'the client is closed');
    for (const name of this.#wanted.keys()) this.#over(name, this.#closed);
  }

  #unlock(wanted: Wanted): void {
    const { name } = wanted;
    this.#wanted.delete(name);
    this.#free(name);
    wanted.isOver(new BridgeClientError('CLOSED', 'the lock was given back'));
  }

  #free(name: string): void {
    if (this.#send({ type: 'bridge.unlock', data: { name } }))
      this.#unlocking.set(name, (this.#unlocking.get(name) ?? 0) + 1);
  }

  #isAnswered(name: string): void {
    const left = (this.#unlocking.get(name) ?? 0) - 1;
    if (left > 0) this.#unlocking.set(name, left);
    else this.#unlocking.delete(name);
  }

  #ask(wanted: Wanted): void {
    const { name } = wanted;
    wanted.isAsked = this.#send({ type: 'bridge.lock', data: { name, holder: this.#holder } });
  }

  /** @returns whether there was a socket to send it on */
  #send(message: LockMessage | UnlockMessage): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message) as never);
    return true;
  }

  #take(socket: WebSocketLike, message: unknown): void {
    if (typeof message !== 'string' || !message.startsWith(CONTROL_FRAME_PREFIX)) return;
    const frame = parseControlFrame(message);
    if (frame?.type === 'bridge.ready') {
      this.#socket = socket;
      this.#unlocking.clear();
      for (const wanted of this.#wanted.values()) this.#ask(wanted);
    }
    // The one before it is about to end.
    if (!frame || socket !== this.#socket || !isSound(frame)) return;
    if (frame.type === 'bridge.locks') this.#told(frame.data.locks);
    else if (frame.type === 'bridge.locked') this.#granted(frame.data);
    else if (frame.type === 'bridge.unlocked') {
      const { name, reason } = frame.data;
      if (reason === 'freed') this.#isAnswered(name);
      else if (!this.#unlocking.has(name))
        this.#over(name, new BridgeClientError('LOST', 'the lock was lost'));
    } else if (frame.type === 'bridge.error') this.#refused(socket, frame.data);
  }

  #granted({ name, token }: LockedFrame['data']): void {
    if (this.#unlocking.has(name)) return;
    const wanted = this.#wanted.get(name);
    if (wanted) wanted.isGranted(token);
    // It was given up meanwhile. Unless it is freed, nobody else gets it.
    else this.#free(name);
  }

  #refused(socket: WebSocketLike, { code, message, name }: BridgeErrorFrame['data']): void {
    const cause = new BridgeClientError(code, message);
    if (name === undefined) {
      // It may be about any question. A lock that is held stays so: its bridge renews it until it is given back.
      if (NAMELESS.has(code))
        for (const [each, { isAsked }] of [...this.#wanted]) if (isAsked) this.#over(each, cause);
      return;
    }
    if (this.#unlocking.has(name)) {
      if (OF_LOCKS.has(code)) return;
      this.#isAnswered(name);
    }
    const wanted = this.#wanted.get(name);
    if (!UNDECIDED.has(code) || wanted?.isHeld === false) {
      this.#over(name, cause);
      return;
    }
    // It may be its own still, also where it is to be given back.
    setTimeout(() => {
      if (this.#wanted.get(name) !== wanted || this.#socket !== socket) return;
      if (wanted) this.#ask(wanted);
      else this.#free(name);
    }, RETRY_MS);
  }

  #over(name: string, cause: BridgeClientError): void {
    const wanted = this.#wanted.get(name);
    this.#wanted.delete(name);
    wanted?.isOver(cause);
  }
}

/** Whether a frame about locks has what is read of it. */
function isSound({ type, data }: ControlFrame): boolean {
  switch (type) {
    case 'bridge.locks':
      return Array.isArray((data as Partial<typeof data> | null)?.locks);
    case 'bridge.locked':
      return Number.isSafeInteger((data as Partial<typeof data> | null)?.token);
    case 'bridge.unlocked':
      return (data as typeof data | null) !== null;
    default:
      return true;
  }
}

function randomHolder(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

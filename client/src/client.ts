import type {
  AckFrame,
  BridgeErrorFrame,
  DataFrame,
  GapFrame,
  LockFrame,
  PeersFrame,
  ReadyFrame,
} from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import { afterClose } from './after-close.ts';
import { Connection, type DataKind } from './connection.ts';
import { Emitter } from './emitter.ts';
import { connectErrorOf, reasonOf, type Ending } from './ending.ts';
import { BridgeClientError } from './errors.ts';
import type { ClientEvents, CloseInfo, StateInfo } from './events.ts';
import type { Extending, Extension, Message } from './extension.ts';
import { settingsOf, type ClientOptions, type Settings } from './options.ts';
import { hasData, parseObject, type AnyFrame } from './parse-frame.ts';
import { Patience } from './patience.ts';
import { renewalDelayMs } from './renewal.ts';
import { ResumeCursor } from './resume-cursor.ts';
import { StoredPoint } from './stored-point.ts';
import { initialState, reduce, type ConnectionState, type State, type StateEvent } from './state.ts';

// PROTOCOL.md §4.
const FORBIDDEN = 4403;

/** A connection to one route of the bridge that comes back by itself and misses nothing, or says what. */
export class BridgeClient<Frame extends AnyFrame = DataFrame> {
  readonly #settings: Settings;
  readonly #emitter = new Emitter<ClientEvents<Frame>>();
  readonly #extension: Extension | undefined;
  readonly #retry: Alarm;
  readonly #renewal: Alarm;
  readonly #patience: Patience;
  readonly #listening = new AbortController();
  #state: State;
  #current: Connection | undefined;
  #next: Connection | undefined;
  #cursor = new ResumeCursor();
  readonly #stored: StoredPoint;
  #session: string | undefined;
  #closeInfo: CloseInfo = { code: 1000, reason: '' };
  /** Why there is no connection. */
  #reason = '';
  /** How often in a row the peer broke the protocol without a data frame in between. */
  #breaches = 0;

  /**
   * @param extending the part of another entry of this package
   * @throws TypeError when an option is missing or is none
   */
  constructor(options: ClientOptions, extending?: Extending) {
    const settings = (this.#settings = settingsOf(options, extending?.defaults));
    this.#session = settings.session;
    this.#stored = new StoredPoint(settings.storage, settings.url, settings.session);
    this.#extension = extending?.extend({
      settings,
      connection: () => this.#current,
      session: () => this.#session,
      tell: (message, isReplayed) => {
        this.#tell(message, isReplayed);
      },
      watch: () => {
        this.#patience.begin();
      },
    });
    const alarm = (ring: () => void): Alarm => new Alarm(settings.clock, ring);
    this.#retry = alarm(() => {
      this.#dispatch({ type: 'retry' });
    });
    this.#renewal = alarm(() => {
      this.#dispatch({ type: 'renew' });
    });
    this.#patience = new Patience(settings, {
      current: () => this.#current,
      waitingSinceMs: () => this.#extension?.waitingSinceMs,
      cares: () => settings.surroundings.visible || this.#extension?.expects === true,
      lost: () => {
        this.#dispatch({ type: 'renew' });
      },
    });
    settings.surroundings.listen((change) => {
      this.#dispatch({ type: change });
      this.#patience.begin();
    }, this.#listening.signal);
    this.#state = initialState(settings.surroundings.online);
    this.#follow();
  }

  /** The state of the connection, as the event `state` tells it. */
  get state(): ConnectionState {
    return this.#state.status;
  }

  /** The session of an AI chat, once the bridge has told it. */
  get session(): string | undefined {
    return this.#session;
  }

  /**
   * Listens to one kind of {@link ClientEvents}.
   * @returns a function that stops listening
   * @example
   * const stop = client.on('gap', () => reloadDashboard());
   * client.on('state', (state, { delayMs, reason }) => showBanner(state, delayMs, reason));
   * stop();
   */
  on<Name extends keyof ClientEvents<Frame>>(
    name: Name,
    listener: (...values: ClientEvents<Frame>[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /**
   * Sends a message as it is, on a route that relays messages between peers.
   * @returns false when there is no open connection: then it is not sent, now or later
   * @example
   * doc.on('update', (update) => client.sendMessage(update));
   */
  sendMessage(message: string | ArrayBuffer | ArrayBufferView): boolean {
    return this.#current?.send(message) ?? false;
  }

  /**
   * Opens another connection at once, with delays that begin anew: for a button "try again". One that is open goes on
   * until the other takes over.
   * @throws BridgeClientError when the client is closed
   * @example
   * retryButton.onclick = () => client.reconnect();
   */
  reconnect(): void {
    if (this.state === 'closed') throw this.#closedError();
    this.#dropNext();
    this.#dispatch({ type: 'reconnect' });
  }

  /**
   * Closes for good: no timer and no listener is left, and commands that wait are rejected.
   * @example
   * logoutButton.onclick = () => client.close(); // not on `pagehide`: the page may be shown again as it was
   */
  close(): void {
    this.#dispatch({ type: 'close' });
  }

  /** @param ending that of the connection which the event is about */
  #dispatch(event: StateEvent, ending?: Ending): void {
    const { status } = this.#state;
    const { random, monotonicNow } = this.#settings;
    const context = { ...this.#settings, nowMs: monotonicNow(), random: random() };
    this.#state = reduce(this.#state, event, context);
    if (ending) this.#reason = reasonOf(ending);
    if (event.type === 'ready') this.#reason = '';
    this.#follow();
    const isChanged = this.state !== status;
    if (isChanged && this.state === 'closed') this.#tearDown(ending);
    if (ending?.error !== undefined) this.#emitter.emit('error', ending.error);
    if (isChanged || (event.type === 'failed' && this.state !== 'open')) {
      this.#emitter.emit('state', this.state, this.#stateInfo());
    }
    if (!isChanged || this.state !== 'closed') return;
    this.#emitter.emit('close', this.#closeInfo);
    this.#emitter.clear();
  }

  #stateInfo(): StateInfo {
    const { next, failures } = this.#state;
    const delayMs = typeof next === 'number' ? Math.max(0, next - this.#settings.monotonicNow()) : next && 0;
    return { attempt: delayMs === undefined ? 0 : failures + 1, delayMs, reason: this.#reason };
  }

  /** Makes what the state says. */
  #follow(): void {
    const { next } = this.#state;
    if (next === 'opening') this.#next ??= this.#connect();
    else this.#dropNext();
    this.#retry.set(typeof next === 'number' ? next - this.#settings.monotonicNow() : undefined);
  }

  #dropNext(): void {
    this.#next?.drop();
    this.#next = undefined;
  }

  #tearDown(ending: Ending | undefined): void {
    if (ending) {
      const { code, reason } = ending;
      const isStopped = afterClose(code) === 'stop';
      // The next page would be refused as well, for the session that this one was refused.
      if (code === FORBIDDEN) this.#stored.write('');
      const { failures } = this.#state;
      this.#closeInfo = {
        code,
        reason: isStopped ? reason : `gave up after ${failures} failed attempts: ${this.#reason}`,
      };
    }
    this.#listening.abort();
    this.#current?.drop();
    this.#current = undefined;
    this.#renewal.set(undefined);
    this.#patience.begin();
    this.#extension?.end(this.#closedError());
    this.#settings.WebSocket.ended?.();
  }

  #closedError(): BridgeClientError {
    return new BridgeClientError('CLOSED', this.#closeInfo.reason || undefined);
  }

  #connect(): Connection {
    const connection: Connection = new Connection(
      this.#settings,
      () => {
        this.#restore(connection);
        return [this.#cursor.fork(), this.#session];
      },
      {
        opened: (ready) => {
          this.#takeOver(connection, ready);
        },
        control: (frame) => {
          this.#control(frame);
        },
        data: (data, kind) => {
          this.#data(data, kind);
        },
        closed: (ending) => {
          this.#closed(connection, ending);
        },
      },
    );
    return connection;
  }

  /** The page before this one may have left a point. */
  #restore({ token }: Connection): void {
    const stored = this.#cursor.isNew && this.#stored.of(token);
    if (!stored) return;
    this.#session ??= stored.session;
    if (!this.#settings.resume) this.#cursor.goOn(stored);
  }

  #store(): void {
    const { told } = this.#cursor;
    if (told) this.#stored.write(told, this.#session);
  }

  #takeOver(connection: Connection, ready: ReadyFrame['data']): void {
    const { clock, random, renewBeforeMs } = this.#settings;
    this.#current?.drop();
    this.#current = connection;
    this.#next = undefined;
    this.#cursor = connection.cursor;
    this.#session = ready.session;
    this.#store();
    this.#renewal.set(renewalDelayMs(connection.token, clock.now(), random(), renewBeforeMs));
    this.#extension?.opened(this.#cursor.past > 0);
    this.#patience.begin();
    this.#dispatch({ type: 'ready' });
  }

  #closed(connection: Connection, ending: Ending): void {
    const { code, error } = ending;
    // PROTOCOL.md §5: a bridge that does not know `oldest` yet takes it for malformed.
    if (this.#cursor.isNew && connectErrorOf(error)?.status === 400)
      this.#cursor.giveUp(this.#settings.resume !== undefined);
    const loss = { then: afterClose(code), retryAfterMs: connectErrorOf(error)?.retryAfterMs };
    if (connection === this.#next) {
      this.#next = undefined;
      this.#mistrust(error);
      this.#dispatch({ type: 'failed', ...loss }, ending);
      return;
    }
    this.#current = undefined;
    this.#renewal.set(undefined);
    this.#extension?.lost();
    this.#patience.begin();
    this.#mistrust(error);
    this.#dispatch({ type: 'lost', ...loss }, ending);
  }

  /**
   * The frames after this point have broken the protocol twice, and would again each time that it is resumed. A gap is
   * better than never to come past it.
   */
  #mistrust(error: unknown): void {
    if (connectErrorOf(error)?.code !== 'PROTOCOL') return;
    this.#breaches += 1;
    if (this.#breaches > 1 && !this.#current) this.#cursor.giveUp();
  }

  #data(data: string | ArrayBuffer, kind: DataKind): void {
    if (kind !== 'state') {
      this.#next?.cursor.overtake();
      this.#breaches = 0;
    }
    const message = { data, object: typeof data === 'string' ? parseObject(data) : undefined };
    if (this.#extension) this.#extension.take(message, kind);
    else this.#tell(message, kind === 'past' || kind === 'last');
    this.#store();
  }

  #tell({ data, object }: Message, replayed: boolean): void {
    this.#emitter.emit('message', data);
    if (object && hasData(object)) this.#emitter.emit('frame', object as unknown as Frame, { replayed });
  }

  #control(frame: AckFrame | GapFrame | BridgeErrorFrame | LockFrame | PeersFrame): void {
    if (frame.type === 'bridge.gap') this.#gap(frame.data);
    else if (!this.#extension?.answered(frame) && frame.type === 'bridge.error') {
      this.#emitter.emit('refused', frame.data);
    }
  }

  #gap(gap: GapFrame['data']): void {
    // The connection in the making asked for a point that cannot be compared with what comes after the gap.
    if (this.#next) {
      this.#dropNext();
      this.#dispatch({ type: 'failed', then: 'resume' });
    }
    this.#extension?.interrupt(new BridgeClientError('GAP', gap.reason), this.#cursor.past > 0);
    this.#emitter.emit('gap', gap);
    this.#store();
  }
}

/**
 * Connects, and comes back by itself until {@link BridgeClient.close}. It is the same as `new BridgeClient(options)`.
 * @throws TypeError when an option is missing or is none
 * @example
 * const client = connect({
 *   url: 'wss://gateway.example',
 *   path: '/ws/bi/dashboards/sales',
 *   token: async () => (await fetch('/api/token')).text(),
 * });
 * client.on('frame', (frame) => showFigures(frame.data));
 * client.on('gap', () => reloadDashboard());
 */
export function connect<Frame extends AnyFrame = DataFrame>(options: ClientOptions): BridgeClient<Frame> {
  return new BridgeClient<Frame>(options);
}

import type { AckFrame, BridgeErrorFrame, DataFrame, GapFrame, ReadyFrame } from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import { Answers, type Completion } from './answers.ts';
import { afterClose } from './after-close.ts';
import { CommandQueue } from './command-queue.ts';
import { Connection } from './connection.ts';
import { Emitter } from './emitter.ts';
import { BridgeClientError } from './errors.ts';
import { settingsOf, type ClientOptions, type Settings } from './options.ts';
import { isFrame, parseObject, type AnyFrame } from './parse-frame.ts';
import { renewalAtMs } from './renewal.ts';
import { ResumeCursor } from './resume-cursor.ts';
import { initialState, reduce, type ConnectionState, type State, type StateEvent } from './state.ts';

/** What a client tells, by name. */
export interface ClientEvents<Frame> {
  /** The state changed to this. */
  readonly state: ConnectionState;
  /** A data frame of JSON: an object with `type` and `data`. */
  readonly frame: Frame;
  /** Every data frame as it came, those of `frame` too. */
  readonly message: string | ArrayBuffer;
  /** Frames were lost or may have been. What was shown should be asked for anew. */
  readonly gap: GapFrame['data'];
  /** The bridge refused something that is no waiting command, such as a message. */
  readonly refused: BridgeErrorFrame['data'];
  /** The token or the socket could not be had. It is tried again. */
  readonly error: unknown;
  /** The state is `closed`: with 1000 by `close()`, else with the close code that said so. Nothing is told after it. */
  readonly close: CloseInfo;
}

/** How it ended. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
}

/** A connection to one route of the bridge that comes back by itself and misses nothing, or says what. */
export class BridgeClient<Frame extends AnyFrame = DataFrame> {
  readonly #settings: Settings;
  readonly #emitter = new Emitter<ClientEvents<Frame>>();
  readonly #commands: CommandQueue;
  readonly #answers: Answers;
  readonly #retry: Alarm;
  readonly #renewal: Alarm;
  readonly #patience: Alarm;
  readonly #listening = new AbortController();
  #state: State;
  #current: Connection | undefined;
  #next: Connection | undefined;
  #cursor = new ResumeCursor();
  #session: string | undefined;
  #closeInfo: CloseInfo = { code: 1000, reason: '' };

  /** @throws TypeError when an option is missing or `url` is none */
  constructor(options: ClientOptions) {
    const settings = (this.#settings = settingsOf(options));
    this.#commands = new CommandQueue(settings, () => {
      this.#flush();
    });
    this.#answers = new Answers(settings);
    const alarm = (ring: () => void): Alarm => new Alarm(settings.clock, ring);
    this.#retry = alarm(() => {
      this.#dispatch({ type: 'retry' });
    });
    this.#renewal = alarm(() => {
      this.#dispatch({ type: 'renew' });
    });
    this.#patience = alarm(() => {
      this.#lookAfter();
    });
    settings.surroundings.listen((change) => {
      this.#dispatch({ type: change });
      this.#beginPatience();
    }, this.#listening.signal);
    this.#state = initialState(settings.surroundings.online);
    this.#follow();
  }

  /** Where it stands. */
  get state(): ConnectionState {
    return this.#state.status;
  }

  /** The session of an AI chat, once the bridge has told it. */
  get session(): string | undefined {
    return this.#session;
  }

  /**
   * Listens.
   * @returns a function that stops listening
   */
  on<Name extends keyof ClientEvents<Frame>>(
    name: Name,
    listener: (value: ClientEvents<Frame>[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /**
   * Sends a command, now or when there is a connection again, until the bridge has taken it over or refused it.
   * @param id 1 to 128 characters; unique in the session, or that of an earlier command, which then is not run again
   *   when the bridge has it: it remembers ids for an hour. Default: a new one
   * @returns a promise that is fulfilled once the bridge has taken it over: once, however often it was sent
   * @throws BridgeClientError when it is refused, too many wait, it can no longer be sent again, or the client is
   *   closed before it is acknowledged
   */
  async send(type: string, data?: unknown, id = this.#settings.newId()): Promise<void> {
    if (this.state === 'closed') throw closedError();
    const acknowledged = this.#commands.add({ type, data, id });
    this.#flush();
    await acknowledged;
  }

  /**
   * Sends a command and iterates over the tokens of its answer, up to its end, which is returned: the data of `complete`, or
   * the whole frame where `isEnd` takes another. One answer at a time: the next command is sent when the answer before it is
   * over.
   * @throws BridgeClientError at an `error` frame, at a gap, when nothing comes for `answerTimeoutMs`, or when the command
   *   fails
   */
  ask(type: string, data?: unknown): AsyncGenerator<string, Completion, undefined> {
    return this.#answers.ask(() => this.send(type, data));
  }

  /**
   * Sends a message as it is, on a route that relays messages between peers.
   * @returns false when there is no open connection: then it is not sent, now or later
   */
  sendMessage(message: string | ArrayBuffer | ArrayBufferView): boolean {
    return this.#current?.send(message) ?? false;
  }

  /** Closes for good: no timer and no listener is left, and what waits is rejected. */
  close(): void {
    this.#dispatch({ type: 'close' });
  }

  #dispatch(event: StateEvent): void {
    const { status } = this.#state;
    const { clock, random } = this.#settings;
    const context = { ...this.#settings, nowMs: clock.now(), random: random() };
    this.#state = reduce(this.#state, event, context);
    this.#follow();
    if (this.state === status) return;
    if (this.state === 'closed') this.#tearDown();
    this.#emitter.emit('state', this.state);
    if (this.state !== 'closed') return;
    this.#emitter.emit('close', this.#closeInfo);
    this.#emitter.clear();
  }

  /** Makes what the state says. */
  #follow(): void {
    const { next } = this.#state;
    if (next === 'opening') this.#next ??= this.#connect();
    else this.#dropNext();
    this.#retry.set(next === 'opening' ? undefined : next);
  }

  #dropNext(): void {
    this.#next?.drop();
    this.#next = undefined;
  }

  #tearDown(): void {
    this.#listening.abort();
    this.#current?.drop();
    this.#current = undefined;
    this.#renewal.set(undefined);
    this.#patience.set(undefined);
    this.#commands.refuseAll(closedError());
    this.#answers.end(closedError());
  }

  #connect(): Connection {
    const connection: Connection = new Connection(
      this.#settings,
      () => [this.#cursor.fork(), this.#session],
      {
        opened: (ready) => {
          this.#takeOver(connection, ready);
        },
        control: (frame) => {
          this.#control(frame);
        },
        data: (data) => {
          this.#data(data);
        },
        failed: (cause) => {
          this.#emitter.emit('error', cause);
        },
        closed: (code, reason) => {
          this.#closed(connection, { code, reason });
        },
      },
    );
    return connection;
  }

  #takeOver(connection: Connection, ready: ReadyFrame['data']): void {
    const { clock, random, renewBeforeMs } = this.#settings;
    this.#current?.drop();
    this.#current = connection;
    this.#next = undefined;
    this.#cursor = connection.cursor;
    this.#session = ready.session;
    this.#renewal.set(renewalAtMs(connection.token, clock.now(), random(), renewBeforeMs));
    this.#answers.listen();
    this.#flush(true);
    this.#dispatch({ type: 'ready' });
  }

  #closed(connection: Connection, info: CloseInfo): void {
    const then = afterClose(info.code);
    if (then === 'stop') this.#closeInfo = info;
    if (connection === this.#next) {
      this.#next = undefined;
      this.#dispatch({ type: 'failed', then });
      return;
    }
    this.#current = undefined;
    this.#renewal.set(undefined);
    this.#answers.listen(false);
    this.#beginPatience();
    this.#dispatch({ type: 'lost', then });
  }

  #data(data: string | ArrayBuffer): void {
    this.#next?.cursor.overtake();
    this.#emitter.emit('message', data);
    const frame = typeof data === 'string' ? parseObject(data) : undefined;
    if (!frame) return;
    if (isFrame(frame)) this.#emitter.emit('frame', frame as unknown as Frame);
    this.#answers.take(frame);
  }

  #control({ type, data }: AckFrame | GapFrame | BridgeErrorFrame): void {
    if (type === 'bridge.ack') this.#commands.acknowledge(data.id);
    if (type === 'bridge.error') this.#refused(data);
    if (type === 'bridge.gap') this.#gap(data);
  }

  #gap(gap: GapFrame['data']): void {
    // The connection in the making asked for a point that cannot be compared with what comes after the gap.
    if (this.#next) {
      this.#dropNext();
      this.#dispatch({ type: 'failed', then: 'resume' });
    }
    this.#emitter.emit('gap', gap);
    this.#answers.interrupt(new BridgeClientError('GAP', gap.reason));
  }

  #refused(error: BridgeErrorFrame['data']): void {
    const cause = new BridgeClientError(error.code, error.message);
    if (error.id !== undefined && this.#commands.refuse(error.id, cause)) return;
    if (error.code === 'READ_ONLY') this.#commands.refuseAll(cause);
    this.#emitter.emit('refused', error);
  }

  #flush(again = false): void {
    const connection = this.#current;
    if (!connection) return;
    if (this.#session === undefined) this.#commands.refuseAll(new BridgeClientError('NO_COMMANDS'));
    this.#commands.flush((text) => connection.send(text), again);
    this.#beginPatience();
  }

  /** Sees to it that a peer that died is noticed: a browser is not told of pings. */
  #beginPatience(): void {
    this.#patience.set(this.#current && this.#suspectAtMs(this.#current));
  }

  #suspectAtMs({ heardAtMs, askedAtMs }: Connection): number {
    const { idleTimeoutMs, ackTimeoutMs } = this.#settings;
    const sinceMs = this.#commands.waitingSinceMs ?? askedAtMs;
    return sinceMs === undefined
      ? heardAtMs + idleTimeoutMs
      : sinceMs + Math.min(ackTimeoutMs, idleTimeoutMs);
  }

  #lookAfter(): void {
    const { clock, surroundings } = this.#settings;
    const connection = this.#current;
    if (!connection) return;
    const isAwaited = (this.#commands.waitingSinceMs ?? connection.askedAtMs) !== undefined;
    if (this.#suspectAtMs(connection) <= clock.now()) {
      if (isAwaited) {
        this.#dispatch({ type: 'renew' });
        return;
      }
      if (!surroundings.visible && !this.#answers.expected) return;
      connection.ask();
    }
    this.#beginPatience();
  }
}

function closedError(): BridgeClientError {
  return new BridgeClientError('CLOSED');
}

/** Connects. The same as `new BridgeClient(options)`. */
export function connect<Frame extends AnyFrame = DataFrame>(options: ClientOptions): BridgeClient<Frame> {
  return new BridgeClient<Frame>(options);
}
